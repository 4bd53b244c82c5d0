/** Whether our device is what packets need it to be: there, up, not in a bridge, with a source address that this host has. */
import { NetlinkError } from '../../errors.ts'
import { cidrOf, contains } from '../../net/cidr.ts'
import type { Family, Ip } from '../../net/ip.ts'
import { familyOf, parseIp } from '../../net/ip.ts'
import type { Address, Link, Rtnl } from '../../rtnl/port.ts'
import { floats } from '../../underlay/address-rank.ts'
import { ends, flaw, type Hop } from './hop.ts'
import type { Known } from './known.ts'

export interface DeviceFacts {
  readonly rtnl: Rtnl
  readonly device: Link | undefined
  readonly links: readonly Link[]
  readonly addresses: readonly Address[]
  readonly known: Known
  readonly family: Family
}

const NAME = 'device'

/** Only what is wrong. */
export async function deviceHops(facts: DeviceFacts): Promise<readonly Hop[]> {
  const { device, links } = facts
  if (device === undefined)
    return [
      ends(
        NAME,
        'this host has no VXLAN device of the overlay',
        'systemctl start vtepd makes it; vtepd check says what would prevent that',
      ),
    ]
  const { ifname, vxlan, master } = device
  const bridge = links.find(({ ifindex, kind }) => ifindex === master && kind === 'bridge')
  const vrf = links.find(({ ifindex, kind }) => ifindex === master && kind === 'vrf')
  const vni = Number(ifname.split('.').at(-1))
  return [
    ...(device.up ? [] : [ends(NAME, `${ifname} is down`, `ip link set ${ifname} up`)]),
    ...(bridge === undefined
      ? []
      : [
          ends(
            NAME,
            `${ifname} is a port of the bridge ${bridge.ifname}, which takes its packets`,
            `ip link set ${ifname} nomaster`,
          ),
        ]),
    ...(vrf === undefined
      ? []
      : [
          flaw(
            NAME,
            `${ifname} is in the VRF ${vrf.ifname}: its routes are looked up in that table, not in main`,
            `ip link set ${ifname} nomaster, unless pods are meant to be in ${vrf.ifname} too`,
          ),
        ]),
    ...(vxlan === undefined || vxlan.vni === vni
      ? []
      : [
          ends(
            NAME,
            `${ifname} has VNI ${vxlan.vni}, its peers VNI ${vni}`,
            `ip link delete ${ifname}; systemctl restart vtepd makes it anew`,
          ),
        ]),
    ...(vxlan?.learning === true
      ? [
          flaw(
            NAME,
            `${ifname} learns from what it receives: anybody who sends to it can move a peer`,
            `ip link set ${ifname} type vxlan id ${vxlan.vni} nolearning`,
          ),
        ]
      : []),
    ...(await localHops(facts, device)),
  ]
}

/** Outer packets from an address that the host lacks are not sent, and nobody answers to one that wanders. */
async function localHops(facts: DeviceFacts, { ifname, vxlan }: Link): Promise<readonly Hop[]> {
  const { addresses, links } = facts
  const { local, vni } = vxlan ?? {}
  if (local === undefined) return []
  const holder = addresses.find(({ ip }) => ip === local)
  if (holder === undefined) {
    const right = (await rightLocal(facts)) ?? neighbouring(addresses, local)
    const remedy = right
      ? `ip link set ${ifname} type vxlan id ${vni} local ${right}`
      : `give ${local} back to its interface (ip address add), or restart vtepd`
    return [ends(NAME, `${ifname} sends from ${local}, which this host does not have`, remedy)]
  }
  const beside = addresses.filter(({ ifindex, ip }) => ifindex === holder.ifindex && familyOf(ip) === familyOf(local))
  const other = beside.find((address) => !floats(address, beside))
  if (!floats(holder, beside)) return []
  const link = links.find(({ ifindex }) => ifindex === holder.ifindex)?.ifname
  const remedy = other
    ? `let the overlay use ${other.ip}: --iface=${other.ip}, and no --public-ip of the floating one`
    : `give ${link} an address of its own, and name it with --iface`
  return [
    flaw(
      'underlay',
      `${local} on ${link} is a floating address (VRRP, /32 beside another, secondary): it may move to another host, and the overlay with it`,
      remedy,
    ),
  ]
}

/** That the host has in the same subnet. */
function neighbouring(addresses: readonly Address[], local: Ip): Ip | undefined {
  return addresses.find(({ ip, prefixLength, scope }) => scope === 0 && contains(cidrOf(ip, prefixLength), local))?.ip
}

/** Of the agent, where the host has it; else what the kernel would send from. */
async function rightLocal({ rtnl, known, addresses }: DeviceFacts): Promise<Ip | undefined> {
  const wanted = addresses.find(({ ip }) => ip === known.local)?.ip
  const peer = known.kept?.underlay
  if (wanted !== undefined || !peer) return wanted
  try {
    return (await rtnl.resolveRoute(parseIp(peer))).source
  } catch (error) {
    if (error instanceof NetlinkError) return undefined
    throw error
  }
}
