/**
 * What else may keep a packet from its way, beside the tables that it is looked up in: our device, the packet filter, forwarding, the way
 * back, what others hang on the underlay's link. Must not: change anything.
 */
import { deviceName, KERNEL_VXLAN_PORT } from '../../device/vtep.ts'
import { NetlinkError } from '../../errors.ts'
import { lookAtFilterWay } from '../../firewall/find-drops.ts'
import { legacyTables } from '../../firewall/iptables-variant.ts'
import { runProgram } from '../../host/exec.ts'
import { createSysctl } from '../../host/sysctl.ts'
import { type Cidr, cidrOf, contains } from '../../net/cidr.ts'
import { addressBits, familyOf, type Ip } from '../../net/ip.ts'
import type { Address, Link, ResolvedRoute, Rtnl } from '../../rtnl/port.ts'
import { podLinkOf } from '../../way/host-checks.ts'
import { forbidsForwarding } from '../../way/look.ts'
import { deviceHops } from './device-hops.ts'
import { filterHops } from './filter-hops.ts'
import { forwardingHop } from './forwarding-hop.ts'
import type { Hop } from './hop.ts'
import type { Known } from './known.ts'
import { linkHops } from './link-hops.ts'
import { podsRoute } from './pods-route.ts'
import { innerBack, outerBack } from './way-back.ts'

const NO_DEVICE = 0 as Link['ifindex']

/** Along the way, where it leads through our device. */
export interface Around {
  /** Before anything is looked up. */
  before(): Promise<readonly Hop[]>
  /** Of what pods of this node send there, where it goes another way than this host's own. `selector`: of a rule for it. */
  ofPods(hosts: ResolvedRoute | undefined, selector: string): Promise<readonly Hop[]>
  inner(device: Link): Promise<readonly Hop[]>
  /** `link`: by which the outer packet leaves. */
  outer(of: { readonly device: Link; readonly link: Link; readonly remote: Ip }): Promise<readonly Hop[]>
}

export async function createAround(rtnl: Rtnl, target: Ip, known: Known): Promise<Around> {
  const family = familyOf(target)
  const sysctl = createSysctl()
  const [links, addresses] = [(await rtnl.dumpLinks()).value, (await rtnl.dumpAddresses()).value]
  const subnet = known.subnet ?? ownSubnet(links, addresses, family)
  const pods = (device: Link): Link | undefined =>
    subnet && podLinkOf({ family, subnet, device: device.ifindex, links, addresses })
  const own = links.find(({ ifname, vxlan }) => vxlan !== undefined && isOf(family, ifname))
  // Programs take their time, and the kernel's tables need none of it.
  const filter = own && lookAtFilter(own)
  return {
    async before() {
      if (!(await concernsDevice())) return []
      return await deviceHops({ rtnl, device: own, addresses, links, known, family })
    },
    async ofPods(hosts, selector) {
      const link = subnet && podLinkOf({ family, subnet, device: NO_DEVICE, links, addresses })
      if (subnet === undefined || link === undefined) return []
      if ((await forbidsForwarding(family, sysctl.read, [link])) !== undefined) return []
      return await podsRoute({ rtnl, family, links, link, subnet, target, hosts, selector })
    },
    async inner(device) {
      const link = pods(device)
      const forwarding = await forwardingHop(family, sysctl.read, [...(link ? [link] : []), device], link !== undefined)
      const met = await (device.ifindex === own?.ifindex ? filter : lookAtFilter(device))
      const back =
        subnet === undefined || link === undefined || forwarding.remedy !== null
          ? []
          : await innerBack({ rtnl, device, subnet, target, readSysctl: sysctl.read })
      return [forwarding, ...(met ?? []), ...back]
    },
    async outer({ device, link, remote }) {
      const holder = addresses.find(({ ip }) => ip === device.vxlan?.local)
      const arrives = links.find(({ ifindex }) => ifindex === holder?.ifindex) ?? link
      return [
        ...(await outerBack({ rtnl, device, link: arrives, remote, readSysctl: sysctl.read })),
        ...(await linkHops(link, runProgram, sysctl.read)),
      ]
    },
  }

  /** Whether packets there are to go through our device: not to our own pods, and not out of the cluster. */
  async function concernsDevice(): Promise<boolean> {
    if (subnet !== undefined && contains(subnet, target)) return false
    const { network } = known
    if (network !== undefined) return contains(network, target)
    if (own === undefined) return false
    try {
      return (await rtnl.resolveRoute(target)).oif === own.ifindex
    } catch (error) {
      // Its routes go with a device that is down.
      if (error instanceof NetlinkError) return !own.up
      throw error
    }
  }

  async function lookAtFilter(device: Link): Promise<readonly Hop[]> {
    if (subnet === undefined) return []
    const vxlanPort = device.vxlan?.port ?? KERNEL_VXLAN_PORT
    const parts = { family, run: runProgram, tables: legacyTables, device: device.ifname, vxlanPort }
    const network = known.network ?? cidrOf(target, addressBits(family))
    const traffic = { network, subnet, device: device.ifname, vxlanPort }
    return filterHops(await lookAtFilterWay(parts, traffic, target), traffic)
  }
}

function isOf(family: 'ipv4' | 'ipv6', ifname: string): boolean {
  const prefix = deviceName(family, 1 as Parameters<typeof deviceName>[1]).replace(/1$/, '')
  return ifname.startsWith(prefix) && /^\d+$/.test(ifname.slice(prefix.length))
}

/** Of the bridge that the CNI plugin made: where nobody says what is ours. */
function ownSubnet(links: readonly Link[], addresses: readonly Address[], family: 'ipv4' | 'ipv6'): Cidr | undefined {
  const bridge = links.find(({ ifname }) => ifname === 'cni0')
  const address = addresses.find(
    ({ ifindex, ip, scope }) => ifindex === bridge?.ifindex && familyOf(ip) === family && scope === 0,
  )
  return address && cidrOf(address.ip, address.prefixLength)
}
