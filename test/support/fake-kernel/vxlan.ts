/**
 * What the kernel checks and derives for VXLAN links: creation, change in place, opening (kernel-facts 3 and 4).
 * Must not: touch tables; links.ts applies what is computed here.
 */
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { familyOf } from '../../../lib/net/ip.ts'
import { isUnicastLladdr } from '../../../lib/net/lladdr.ts'
import { vxlanOverhead } from '../../../lib/net/mtu.ts'
import type { Link, LinkChange, VxlanAttributes, VxlanSpec } from '../../../lib/rtnl/port.ts'
import {
  type Answer,
  EADDRINUSE,
  EADDRNOTAVAIL,
  EEXIST,
  EINVAL,
  ENODEV,
  EOPNOTSUPP,
  type Refusal,
  refuse,
} from './errnos.ts'
import type { NewLink } from './links.ts'
import type { State } from './state.ts'

export const DEFAULT_PORT = 8472

/** A VXLAN link as an administrator, or another program, may make it too. */
export type AnyVxlanSpec = Omit<VxlanSpec, 'local'> & {
  readonly local: VxlanSpec['local'] | undefined
  readonly metadata?: boolean
  readonly txQueueLength?: number
}

export function planVxlan(state: State, spec: AnyVxlanSpec): NewLink | Refusal {
  if (!isUnicastLladdr(spec.lladdr)) return refuse(EADDRNOTAVAIL, 'Provided Ethernet address is not unicast')
  if (state.names.has(spec.ifname)) return refuse(EEXIST)
  const vxlan: VxlanAttributes = {
    vni: spec.vni,
    underlay: spec.local === undefined ? 'ipv4' : familyOf(spec.local),
    local: spec.local,
    parent: spec.parent,
    port: spec.port ?? DEFAULT_PORT,
    learning: spec.learning,
    gbp: spec.gbp,
    metadata: spec.metadata ?? false,
    l2miss: false,
    l3miss: false,
    group: undefined,
  }
  const refusal = checkParent(state, vxlan.parent) ?? checkTaken(state, vxlan, undefined)
  if (refusal !== undefined) return refusal
  return {
    ifname: spec.ifname,
    kind: 'vxlan',
    mtu: Math.min(spec.mtu, largestMtu(state, vxlan)),
    lladdr: spec.lladdr,
    txQueueLength: spec.txQueueLength ?? 0,
    vxlan,
  }
}

/** What a change in place makes of the link; a new parent also limits the MTU. */
export function changeVxlan(
  state: State,
  link: Link,
  old: VxlanAttributes,
  change: NonNullable<LinkChange['vxlan']>,
): Partial<Link> | Refusal {
  if (change.local !== undefined && familyOf(change.local) !== old.underlay)
    return refuse(EOPNOTSUPP, 'New local address family does not match old')
  const vxlan: VxlanAttributes = {
    ...old,
    local: change.local ?? old.local,
    parent: change.parent ?? old.parent,
    learning: change.learning ?? old.learning,
  }
  const refusal = checkParent(state, vxlan.parent) ?? checkTaken(state, vxlan, link.ifindex)
  if (refusal !== undefined) return refusal
  // Only a parent that is new limits the MTU, not one that has become narrower.
  const limit = vxlan.parent === old.parent ? link.mtu : largestMtu(state, vxlan)
  return { vxlan, mtu: Math.min(link.mtu, limit) }
}

/** A pinned device may not be wider than its parent allows; an unpinned one knows no limit. */
export function checkVxlanMtu(state: State, link: Link, mtu: number): Answer {
  if (link.vxlan === undefined || mtu <= largestMtu(state, link.vxlan)) return undefined
  return refuse(EINVAL)
}

/** Opening binds the UDP port: one that a device of another mode holds is taken (kernel-facts 4). */
export function checkOpen(state: State, link: Link): Answer {
  const own = link.vxlan
  if (own === undefined) return undefined
  for (const other of state.links.values()) {
    const vxlan = other.vxlan
    if (vxlan === undefined || other.ifindex === link.ifindex || !other.up || vxlan.port !== own.port) continue
    const sameFamily = vxlan.underlay === own.underlay || vxlan.metadata || own.metadata
    if (sameFamily && (vxlan.metadata !== own.metadata || vxlan.gbp !== own.gbp)) return refuse(EADDRINUSE)
  }
  return undefined
}

function checkParent(state: State, parent: Ifindex | undefined): Answer {
  if (parent === undefined || state.links.has(parent)) return undefined
  return refuse(ENODEV, 'Specified interface does not exist')
}

/** One device a VNI, port, family and mode, also among those that have left for another namespace. */
function checkTaken(state: State, vxlan: VxlanAttributes, self: Ifindex | undefined): Answer {
  for (const links of [state.links, state.away])
    for (const { ifindex, vxlan: other } of links.values()) {
      if (other === undefined || ifindex === self) continue
      const same =
        other.vni === vxlan.vni &&
        other.port === vxlan.port &&
        other.underlay === vxlan.underlay &&
        other.gbp === vxlan.gbp &&
        other.metadata === vxlan.metadata
      if (same) return refuse(EEXIST, 'A VXLAN device with the specified VNI already exists')
    }
  return undefined
}

function largestMtu(state: State, vxlan: VxlanAttributes): number {
  const parent = vxlan.parent === undefined ? undefined : state.links.get(vxlan.parent)
  return parent === undefined ? Number.POSITIVE_INFINITY : parent.mtu - vxlanOverhead(vxlan.underlay)
}
