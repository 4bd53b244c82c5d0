/** Whether what comes back would be let in: the kernel is asked for the way of an arriving packet, reverse path filter included. */
import { NetlinkError } from '../../errors.ts'
import { type Cidr, hostAt } from '../../net/cidr.ts'
import { familyOf, type Ip } from '../../net/ip.ts'
import type { Link, Rtnl } from '../../rtnl/port.ts'
import { sysctlName } from '../../way/sysctls.ts'
import { ends, type Hop, passes } from './hop.ts'

type ReadSysctl = (key: string) => Promise<string | undefined>

/** What a CNI plugin may give to a pod. */
const A_POD = 2

/** From the address that is asked for, by our device, to a pod of ours. */
export async function innerBack(of: {
  readonly rtnl: Rtnl
  readonly device: Link
  readonly subnet: Cidr
  readonly target: Ip
  readonly readSysctl: ReadSysctl
}): Promise<readonly Hop[]> {
  const { rtnl, device, subnet, target, readSysctl } = of
  return await arrival({ rtnl, name: 'way back', from: target, to: hostAt(subnet, A_POD), link: device, readSysctl })
}

/** From the peer's underlay address to ours, by the link that has ours. */
export async function outerBack(of: {
  readonly rtnl: Rtnl
  readonly device: Link
  readonly link: Link
  readonly remote: Ip
  readonly readSysctl: ReadSysctl
}): Promise<readonly Hop[]> {
  const { rtnl, device, link, remote, readSysctl } = of
  const local = device.vxlan?.local
  if (local === undefined || link.loopback) return []
  return await arrival({ rtnl, name: 'outer way back', from: remote, to: local, link, readSysctl })
}

async function arrival(of: {
  readonly rtnl: Rtnl
  readonly name: string
  readonly from: Ip
  readonly to: Ip
  readonly link: Link
  readonly readSysctl: ReadSysctl
}): Promise<readonly Hop[]> {
  const { rtnl, name, from, to, link, readSysctl } = of
  try {
    await rtnl.resolveRoute(to, { source: from, iif: link.ifindex })
    return [passes(name, `what ${from} sends is let in by ${link.ifname}`)]
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error
    if (familyOf(to) === 'ipv6' || !REFUSED.has(error.errnoName)) return []
    const key = `net/ipv4/conf/${link.ifname}/rp_filter`
    const [own, all] = [await readSysctl(key), await readSysctl('net/ipv4/conf/all/rp_filter')]
    if (Math.max(Number(own ?? 0), Number(all ?? 0)) !== 1) return []
    const found = `rp_filter drops what ${from} sends by ${link.ifname}: the way to ${from} leads elsewhere (${sysctlName(key)} is ${own}, of all ${all})`
    return [ends(name, found, `sysctl -w ${sysctlName(key)}=2`)]
  }
}

/** Of the reverse path filter: newer kernels say one, older the other. */
const REFUSED: ReadonlySet<string> = new Set(['EXDEV', 'EINVAL'])
