/**
 * Which links have IPv6 routes from router advertisements that the kernel itself took in. It drops them, and hears no more, as soon
 * as IPv6 forwarding is on, unless the link's accept_ra is 2. Must not: change anything.
 */
import { readFile } from 'node:fs/promises'

/** include/uapi/linux/ipv6_route.h. */
const RTF_ADDRCONF = 0x00040000

/** Names of links; none where IPv6 is missing. `file` is replaced by tests. */
export async function linksWithAdvertisedRoutes(file = '/proc/net/ipv6_route'): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const links = text.split('\n').flatMap((line) => {
    // Destination, its length, source, its length, next hop, metric, references, uses, flags, link; hexadecimal.
    const fields = line.trim().split(/\s+/)
    const link = fields[9]
    return link !== undefined && (Number.parseInt(fields[8] ?? '', 16) & RTF_ADDRCONF) !== 0 ? [link] : []
  })
  return [...new Set(links)]
}
