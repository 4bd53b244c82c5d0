/**
 * What is right for one device, given the facts of one moment. Pure, without memory: the same facts give the same answer.
 * Must not: know what is in flight, what failed before or how long to wait (machine.ts).
 */
import { type Cidr, networkAddress } from '../net/cidr.ts'
import { addressBits, familyOf, type Ip, parseIp } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import { vxlanOverhead } from '../net/mtu.ts'
import type { Link, VxlanSpec } from '../rtnl/port.ts'
import type { Underlay } from '../underlay/underlay.ts'
import {
  type Device,
  type DeviceOp,
  type DeviceSettings,
  keepsDevice,
  type Observation,
  type VxlanSettings,
  type Wanted,
} from './types.ts'
import { compatible, type Difference, KERNEL_VXLAN_PORT, mendingChange, planAddresses, wantedDevice } from './vtep.ts'

export type Decision =
  /** `cannot`: the underlay has no room for the family. */
  | { readonly kind: 'wait'; readonly because: string; readonly cannot: boolean }
  | { readonly kind: 'block'; readonly because: string }
  | { readonly kind: 'create'; readonly spec: VxlanSpec }
  | { readonly kind: 'remove'; readonly ifindex: Link['ifindex']; readonly because: string }
  | {
      readonly kind: 'repair'
      readonly ifindex: Link['ifindex']
      readonly ops: readonly DeviceOp[]
      readonly because: string
      /** The device, when entries can be programmed on it even if the repair does not work. */
      readonly usable: Device | undefined
      readonly underlay: Observation['underlay']
    }
  | { readonly kind: 'rest'; readonly device: Device; readonly underlay: Observation['underlay'] }

export function decide(
  settings: DeviceSettings,
  wanted: Wanted,
  lladdr: Lladdr | undefined,
  seen: Observation,
): Decision {
  if (wanted.subnet === undefined) return wait('no podCIDR is assigned to this node yet')
  const { underlay } = seen
  if (!keepsDevice(settings)) return withoutDevice(wanted.subnet, underlay)
  if (lladdr === undefined) return wait('the MAC address is not chosen yet')
  const { device } = seen
  if ('waiting' in underlay && underlay.cannot) return wait(underlay.waiting, true)
  if (device === undefined) {
    if ('waiting' in underlay) return wait(underlay.waiting)
    if (seen.holder !== undefined) return placeTaken(settings, seen.holder)
    const wish = wantedDevice(settings.network, settings.family, underlay, lladdr)
    return 'waiting' in wish ? wait(wish.waiting, true) : { kind: 'create', spec: wish.spec }
  }
  const wish = wantedDevice(settings.network, settings.family, underlayOrAsIs(settings, seen, device), lladdr)
  if ('waiting' in wish) return wait(wish.waiting, true)
  const differences = compatible(device, wish)
  const fixed = differences.filter(({ mend }) => mend === 're-create')
  if (fixed.length > 0) {
    // Deleting it before another can be made would only take away what may still carry something.
    if ('waiting' in underlay) return wait(underlay.waiting)
    // Ours under another name holds the place: once the stranger has left the name, ours is found and gets it back.
    if (seen.holder !== undefined && seen.holder.lladdr !== lladdr) return placeTaken(settings, seen.holder)
    return { kind: 'remove', ifindex: device.ifindex, because: inWords(device.ifname, fixed) }
  }
  return inPlace(settings, { subnet: wanted.subnet, lladdr }, seen, device, differences)
}

/** host-gw: the underlay's own link carries the packets of pods, and nothing is made on it. */
function withoutDevice(subnet: Cidr, underlay: Observation['underlay']): Decision {
  if ('waiting' in underlay) return wait(underlay.waiting, underlay.cannot)
  const { ifindex, ifname, lladdr, mtu, local } = underlay
  const overlay = networkAddress(subnet)
  return { kind: 'rest', device: { ifindex, ifname, lladdr, mtu, local, pinned: false, overlay }, underlay }
}

function wait(because: string, cannot = false): Decision {
  return { kind: 'wait', because, cannot }
}

function placeTaken(settings: VxlanSettings, holder: Link): Decision {
  const { vni, port } = settings.network.backend
  const place = `VNI ${vni} and port ${port ?? KERNEL_VXLAN_PORT}`
  return {
    kind: 'block',
    because: `${holder.ifname} (interface ${holder.ifindex}) holds ${place}: delete it, or choose another Backend.VNI or Backend.Port`,
  }
}

/** While the underlay is away, a device keeps what hangs on it: `local`, parent and MTU as they are. */
function underlayOrAsIs(settings: DeviceSettings, seen: Observation, device: Link): Underlay {
  if (!('waiting' in seen.underlay)) return seen.underlay
  const local = device.vxlan?.local ?? UNSPECIFIED[settings.family]
  return {
    ifindex: device.vxlan?.parent ?? device.ifindex,
    ifname: device.ifname,
    lladdr: undefined,
    mtu: device.mtu + vxlanOverhead(settings.family),
    local,
    publicIp: local,
    standsIn: false,
  }
}

const UNSPECIFIED: Readonly<Record<DeviceSettings['family'], Ip>> = { ipv4: parseIp('0.0.0.0'), ipv6: parseIp('::') }

function inWords(ifname: string, differences: readonly Difference[]): string {
  return differences
    .map(({ attribute, actual, wanted }) =>
      attribute === 'up' ? `${ifname} is down` : `${ifname} has ${attribute} ${actual}, not ${wanted}`,
    )
    .join(', ')
}

interface Own {
  readonly subnet: Cidr
  readonly lladdr: Lladdr
}

/** Differences without which packets flow. */
const HARMLESS: ReadonlySet<string> = new Set(['mtu', 'learning', 'name'])

function inPlace(
  settings: VxlanSettings,
  own: Own,
  seen: Observation,
  link: Link,
  differences: readonly Difference[],
): Decision {
  const { ifindex, ifname } = link
  const ops: DeviceOp[] = []
  const why: string[] = []
  if (seen.bridged) {
    ops.push({ op: 'change', ifindex, change: { master: null } })
    why.push(`${ifname} was put into a bridge`)
  }
  // Without an underlay, a device without `local` differs in something that nobody can mend.
  const mendable =
    'waiting' in seen.underlay ? differences.filter(({ attribute }) => attribute !== 'local') : differences
  const change = mendingChange(mendable)
  if (change !== undefined) {
    const { vxlan, ...rest } = change
    // In one message with a VXLAN attribute the kernel refuses an MTU ("Cannot change mtu"; test/conformance).
    if (vxlan !== undefined) ops.push({ op: 'change', ifindex, change: { vxlan } })
    if (Object.keys(rest).length > 0) ops.push({ op: 'change', ifindex, change: rest })
    why.push(inWords(ifname, mendable))
  }
  const network = settings.network[settings.family]
  if (network !== undefined) {
    const { addresses, swallowed } = seen
    const plan = planAddresses({ ifindex, network, subnet: own.subnet, addresses, swallowed })
    for (const address of plan.add) {
      ops.push({ op: 'add-address', address })
      why.push(`${ifname} lacks the address ${address.ip}/${address.prefixLength}`)
    }
    for (const address of plan.remove) {
      ops.push({ op: 'delete-address', address })
      why.push(`${ifname} has the address ${address.ip}/${address.prefixLength}`)
    }
  }
  const carries = !seen.bridged && mendable.every(({ attribute }) => HARMLESS.has(attribute))
  const device = carries && !swallows(ops) ? usableDevice(settings, own, seen, link) : undefined
  if (seen.txChecksum !== undefined && seen.txChecksum.actual !== seen.txChecksum.wanted.on) {
    const { on, because } = seen.txChecksum.wanted
    ops.push({ op: 'tx-checksum', ifindex, on })
    why.push(`${ifname} has checksum offload ${on ? 'off' : 'on'}: ${because}`)
  }
  // Last: what this cannot do shall not keep anything else from being done.
  if (seen.acceptRa !== undefined && seen.acceptRa !== 0) {
    ops.push({ op: 'accept-ra-off', ifindex, ifname })
    why.push(`${ifname} accepts router advertisements`)
  }
  if (ops.length > 0)
    return { kind: 'repair', ifindex, ops, because: why.join(', '), usable: device, underlay: seen.underlay }
  if (device !== undefined) return { kind: 'rest', device, underlay: seen.underlay }
  return wait('waiting' in seen.underlay ? seen.underlay.waiting : `${ifname} is incomplete`)
}

/** The connected route of an address that has to go takes packets of others to our device. */
function swallows(ops: readonly DeviceOp[]): boolean {
  return ops.some((op) => op.op === 'delete-address' && op.address.prefixLength < addressBits(familyOf(op.address.ip)))
}

/** Undefined while entries cannot be programmed on the link. */
function usableDevice(settings: DeviceSettings, own: Own, seen: Observation, link: Link): Device | undefined {
  const { vxlan, ifindex, ifname, mtu } = link
  const overlay = networkAddress(own.subnet)
  if (vxlan?.local === undefined) return undefined
  const bits = addressBits(settings.family)
  if (!seen.addresses.some(({ ip, prefixLength }) => ip === overlay && prefixLength === bits)) return undefined
  return {
    ifindex,
    ifname,
    lladdr: own.lladdr,
    mtu,
    local: vxlan.local,
    pinned: vxlan.parent !== undefined,
    overlay,
  }
}
