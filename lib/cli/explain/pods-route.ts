/** The way of what pods of this node send, where policy rules take it elsewhere than this host's own packets. */
import { NetlinkError } from '../../errors.ts'
import { type Cidr, hostAt } from '../../net/cidr.ts'
import type { Family, Ip } from '../../net/ip.ts'
import type { Link, ResolvedRoute, Rtnl } from '../../rtnl/port.ts'
import { astrayRemedy } from './astray.ts'
import { ends, type Hop } from './hop.ts'

/** What a CNI plugin may give to a pod. */
const A_POD = 2
const NAME = 'route of pods'

export async function podsRoute(of: {
  readonly rtnl: Rtnl
  readonly family: Family
  readonly links: readonly Link[]
  /** That pods are behind. */
  readonly link: Link
  readonly subnet: Cidr
  readonly target: Ip
  /** This host's own; undefined: it has none. */
  readonly hosts: ResolvedRoute | undefined
  readonly selector: string
}): Promise<readonly Hop[]> {
  const { rtnl, family, links, link, subnet, target, hosts, selector } = of
  // Where this host's own is refused, that is told.
  if (hosts === undefined) return []
  const source = hostAt(subnet, A_POD)
  const packet = { dst: target, source, iif: link.ifname, oif: undefined }
  const rules = (await rtnl.dumpRules(family)).value
  const remedy = (answer: { readonly table: number } | { readonly refused: string }): Promise<string> =>
    astrayRemedy({ rtnl, family, links, rules, packet, answer }, selector)
  try {
    const route = await rtnl.resolveRoute(target, { source, iif: link.ifindex })
    if (route.oif === hosts.oif && route.gateway === hosts.gateway) return []
    const where = links.find(({ ifindex }) => ifindex === route.oif)?.ifname ?? 'nowhere'
    const found = `what comes from ${link.ifname} leaves through ${where} (table ${route.table}), not as this host's own`
    return [ends(NAME, found, await remedy(route))]
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error
    // Where the pods' own link does not accept the source, that is another matter.
    if (error.errnoName === 'EXDEV') return []
    const found = `what comes from ${link.ifname} is refused: the kernel says ${error.errnoName}`
    return [ends(NAME, found, await remedy({ refused: error.errnoName }))]
  }
}
