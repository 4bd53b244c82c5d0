/** Whether cni0 and the bridges of container engines agree with this node's podCIDR. Must not: change one. */

import type { Network } from '../../cluster/network.ts'
import type { Cidr } from '../../net/cidr.ts'
import { cidrFamily } from '../../net/cidr.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import type { Rtnl } from '../../rtnl/port.ts'
import { checkHost } from '../../way/host-checks.ts'
import { type Finding, fine, warns } from './finding.ts'

/** `subnets`: of our own Node. */
export async function checkPodLinks(
  rtnl: Rtnl,
  network: Network,
  subnets: readonly Cidr[],
): Promise<readonly Finding[]> {
  const [links, addresses] = [(await rtnl.dumpLinks()).value, (await rtnl.dumpAddresses()).value]
  const overlay = links.find(({ ifname, vxlan }) => vxlan !== undefined && /^flannel/.test(ifname))
  const faults = subnets.flatMap((subnet) => {
    const family = cidrFamily(subnet)
    const device = overlay?.ifindex ?? (0 as Ifindex)
    return checkHost({ family, subnet, network: network[family], device, links, addresses, forwardingOff: undefined })
  })
  if (faults.length === 0) return [fine('bridges', 'cni0 and docker0, where they are, agree with the podCIDR')]
  return faults.map(({ sentence }) => {
    const [found = sentence, ...remedy] = sentence.split('; ')
    return warns('bridges', found, remedy.join('; ') || found)
  })
}
