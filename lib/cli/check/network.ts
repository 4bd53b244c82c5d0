/**
 * Whether the overlay has room on this host: its device's name, VNI and port, an interface that can carry it, networks that lie in
 * its own. Must not: write, nor choose differently from the agent (lib/underlay).
 */
import { release } from 'node:os'
import type { Network } from '../../cluster/network.ts'
import { type ChecksumOffload, wantedChecksum } from '../../device/checksum.ts'
import { deviceName, KERNEL_VXLAN_PORT } from '../../device/vtep.ts'
import { nicDrivers } from '../../host/nic-drivers.ts'
import { cidrOf, overlaps } from '../../net/cidr.ts'
import { FAMILIES, type Family, familyOf } from '../../net/ip.ts'
import { vxlanOverhead } from '../../net/mtu.ts'
import type { Address, Link, Rtnl } from '../../rtnl/port.ts'
import { floats } from '../../underlay/address-rank.ts'
import type { UnderlayChoice } from '../../underlay/choice.ts'
import { NO_MEMORY } from '../../underlay/memory.ts'
import { chooseUnderlay, type Underlay } from '../../underlay/underlay.ts'
import { type Finding, fine, prevents, warns } from './finding.ts'

export async function checkNetwork(
  rtnl: Rtnl,
  network: Network,
  choice: UnderlayChoice,
  offload: ChecksumOffload,
): Promise<readonly Finding[]> {
  const [links, addresses] = [(await rtnl.dumpLinks()).value, (await rtnl.dumpAddresses()).value]
  const families = FAMILIES.filter((family) => network[family] !== undefined)
  const found = await Promise.all(
    families.map(async (family) => [
      ...(network.backend.type === 'vxlan' ? [checkDevice(links, network.backend, family)] : []),
      ...(await checkUnderlay(rtnl, { family, network, choice, links, addresses, offload })),
    ]),
  )
  return [...found.flat(), ...checkOverlaps(network, links, addresses)]
}

function checkDevice(
  links: readonly Link[],
  { vni, port = KERNEL_VXLAN_PORT }: { readonly vni: number; readonly port: number | undefined },
  family: Family,
): Finding {
  const name = deviceName(family, vni)
  const named = links.find(({ ifname }) => ifname === name)
  const holder = links.find(
    ({ ifname, vxlan }) =>
      ifname !== name && vxlan?.vni === vni && vxlan.port === port && vxlan.underlay === family && !vxlan.metadata,
  )
  if (holder !== undefined)
    return prevents(
      'device',
      `${holder.ifname} has VNI ${vni} on port ${port}, so that the kernel refuses ${name}`,
      `end what made it and delete it (ip link delete ${holder.ifname}), or choose another Backend.VNI or Backend.Port`,
    )
  if (named !== undefined && named.vxlan === undefined)
    return warns('device', `${name} is a link of kind '${named.kind}': vtepd replaces it`, `ip link delete ${name}`)
  const metadata = links.find(({ vxlan }) => vxlan?.metadata === true && vxlan.port === port)
  if (metadata !== undefined)
    return prevents(
      'device',
      `${metadata.ifname} takes all VXLAN packets on port ${port} (as Cilium's and OVS' devices do)`,
      'choose another Backend.Port on all nodes',
    )
  return fine(
    'device',
    named === undefined ? `${name} can be made (VNI ${vni}, UDP port ${port})` : `${name} is here already`,
  )
}

async function checkUnderlay(
  rtnl: Rtnl,
  of: {
    readonly family: Family
    readonly network: Network
    readonly choice: UnderlayChoice
    readonly links: readonly Link[]
    readonly addresses: readonly Address[]
    readonly offload: ChecksumOffload
  },
): Promise<readonly Finding[]> {
  const { family, network, choice, links, addresses, offload } = of
  const reach =
    choice.canReach === undefined ? undefined : await rtnl.resolveRoute(choice.canReach).catch(() => undefined)
  const facts = {
    links,
    addresses,
    routes: (await rtnl.dumpRoutes(family)).value,
    reach,
    network: network[family],
    exclude: ({ vxlan }: Link) => vxlan !== undefined,
  }
  const { answer: underlay } = chooseUnderlay(family, choice, facts, { now: 0 }, NO_MEMORY)
  const name = family === 'ipv4' ? 'IPv4' : 'IPv6'
  if ('waiting' in underlay)
    return [
      prevents('underlay', `${name}: ${underlay.waiting}`, 'name the interface with --iface, or give it an address'),
    ]
  const tunnels = network.backend.type === 'vxlan'
  return [
    judgeUnderlay(family, underlay, addresses, tunnels),
    ...(tunnels ? await checkOffload(underlay, offload) : []),
  ]
}

/** Who makes the checksums, where a known fault is about them. */
async function checkOffload({ ifname }: Underlay, offload: ChecksumOffload): Promise<readonly Finding[]> {
  const drivers = await nicDrivers(ifname)
  const wish = wantedChecksum(offload, { kernel: release(), drivers })
  const who = drivers.length === 0 ? 'no driver of a card' : drivers.join(', ')
  if (wish === undefined) return [fine('offload', `checksums of what VXLAN carries are left to ${ifname} (${who})`)]
  return [
    fine('offload', `vtepd run switches the device's checksum offload ${wish.on ? 'on' : 'off'}: ${wish.because}`),
  ]
}

function judgeUnderlay(family: Family, underlay: Underlay, addresses: readonly Address[], tunnels: boolean): Finding {
  const name = family === 'ipv4' ? 'IPv4' : 'IPv6'
  const inside = underlay.mtu - (tunnels ? vxlanOverhead(family) : 0)
  const { local } = underlay
  const beside = addresses.filter(({ ifindex, ip }) => ifindex === underlay.ifindex && familyOf(ip) === family)
  const chosen = beside.find(({ ip }) => ip === local)
  const other = beside.find((address) => !floats(address, beside) && address.scope === 0)
  if (chosen !== undefined && floats(chosen, beside))
    return warns(
      'underlay',
      `${name}: ${local} on ${underlay.ifname} is a floating address (VRRP, /32 beside another, secondary): it may move to another host, and the overlay with it`,
      other === undefined
        ? `give ${underlay.ifname} an address of its own, and name it with --iface`
        : `let the overlay use the host's own address: --iface=${other.ip}, and no --public-ip of the floating one`,
    )
  return fine('underlay', `${name}: ${underlay.local} on ${underlay.ifname}, MTU ${underlay.mtu}, ${inside} for pods`)
}

/** Addresses of other links inside the overlay's network, cni0's own aside. */
function checkOverlaps(network: Network, links: readonly Link[], addresses: readonly Address[]): readonly Finding[] {
  const taken = addresses.flatMap(({ ip, prefixLength, ifindex }) => {
    const whole = network[familyOf(ip)]
    const link = links.find((one) => one.ifindex === ifindex)
    if (
      whole === undefined ||
      link === undefined ||
      link.vxlan !== undefined ||
      link.ifname === 'cni0' ||
      prefixLength === 0
    )
      return []
    return overlaps(whole, cidrOf(ip, prefixLength)) ? [`${link.ifname} has ${ip}/${prefixLength}`] : []
  })
  if (taken.length === 0) return [fine('networks', 'no link has an address inside the overlay’s network')]
  return [
    warns(
      'networks',
      `${taken.join(', ')}, inside the overlay's network: packets to the pods there go to that link`,
      'give that link another network (docker: bip in daemon.json), or the cluster another one',
    ),
  ]
}
