/**
 * One address family of the agent: its overlay, its kept values, its packet filter rules and the guard of its port; and what the
 * families say together: our lease, subnet.env. Must not: know the lease source, or what becomes of readiness (agent-core.ts).
 */
import type { OwnNode } from '../cluster/lease.ts'
import { isVxlan, overheadOf } from '../cluster/network.ts'
import type { OwnVtep } from '../cluster/view.ts'
import type { SubnetEnv } from '../cni/subnet-env.ts'
import { carrierName } from '../device/vtep.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Family, Ip } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import { type Mtu, parseMtu } from '../net/mtu.ts'
import type { Check } from './checks.ts'
import type { AgentConfig } from './config.ts'
import { createFamilyOverlay, deviceOf, type FamilyOverlay, type FamilyOverlayParts } from './family-overlay.ts'
import { createKept } from './kept-value.ts'
import { createOwnDevice, type OwnDevice } from './own-device.ts'
import { createPacketFilterKeeper, type FamilyFilters, type PacketFilterKeeper } from './packet-filter.ts'
import { createVxlanAllow, type VxlanAllow, type VxlanAllowParts } from './vxlan-allow.ts'

export interface Member {
  readonly overlay: FamilyOverlay
  readonly device: OwnDevice
  readonly filter: PacketFilterKeeper | undefined
  readonly allow: VxlanAllow | undefined
  /** The device's lladdr that was last looked at for whether another has it. */
  checked: Lladdr | undefined
  /** Nobody has: it may be published. */
  settled: boolean
}

export interface MemberPorts
  extends Pick<
    FamilyOverlayParts,
    'openRtnl' | 'sysctl' | 'nameOwner' | 'rival' | 'contestedStayMs' | 'checksum' | 'clock' | 'log' | 'onChange'
  > {
  readonly readFile: (path: string) => Promise<string | undefined>
  readonly replaceFile: (path: string, text: string) => Promise<void>
  /** Default, and where it gives undefined: no packet filter rules are kept, and none that exist are touched. */
  readonly filters?: (family: Family) => FamilyFilters | undefined
  /** Who may reach the VXLAN port; default, and where it gives undefined: nothing is done about that. */
  readonly vxlanGuard?: (family: Family) => Pick<VxlanAllowParts, 'guard' | 'guarded'> | undefined
  /** What a core before this one knew of our underlay addresses. */
  readonly founded?: Readonly<Partial<Record<Family, Ip>>> | undefined
}

export function createMember(family: Family, config: AgentConfig, ports: MemberPorts): Member {
  const { clock, log, onChange } = ports
  const { backend } = config.network
  const overlay = createFamilyOverlay({
    ...ports,
    family,
    network: config.network,
    choice: config.underlayChoice,
    blackhole: config.ipBlackholeRoute,
  })
  const ifname = carrierName(family, backend)
  const device = createOwnDevice(family, {
    network: config.network[family],
    subnetFile: config.subnetFile,
    foundedBefore: ports.founded?.[family],
    vni: isVxlan(config.network) ? config.network.backend.vni : undefined,
    keep: (field, parse) => createKept({ ...ports, stateDir: config.stateDir, ifname, field, parse }),
    // Another MAC than need be costs a moment, a shared one the node.
    isHere: (ip) => overlay.isHere(ip).catch(() => false),
    log,
  })
  const filters = ports.filters?.(family)
  const filter =
    filters && createPacketFilterKeeper({ family, filters, auditMs: config.firewall?.auditMs, clock, log, onChange })
  const vxlanGuard = ports.vxlanGuard?.(family)
  const allow = vxlanGuard && createVxlanAllow({ family, ...vxlanGuard, clock, log })
  // Without a device there is no lladdr that another might have.
  return { overlay, device, filter, allow, checked: undefined, settled: backend.type === 'host-gw' }
}

/** Its device is another than was last looked at for whether somebody else has its lladdr. */
export function isUnchecked({ overlay: { own }, checked, settled }: Member): boolean {
  return !settled && own !== undefined && own.device.lladdr !== checked
}

/** With the device's name before each fault. */
export function familyChecks({ network: { backend } }: AgentConfig, { overlay, filter }: Member): readonly Check[] {
  const device = carrierName(overlay.family, backend)
  const checks = [...overlay.checks, ...(filter === undefined ? [] : [{ name: 'filter', fault: filter.unready }])]
  return checks.map(({ name, fault }) => ({ name, fault: fault === undefined ? undefined : `${device} ${fault}` }))
}

/** Why packets of this family would not get through, in words. */
export function unreadyOf({ overlay, filter }: Member): string | undefined {
  return overlay.unready ?? filter?.unready
}

/** Only families whose device is ready, with an lladdr that nobody else has: the others stay as the source has them. */
export function ownVtep(
  config: AgentConfig,
  known: OwnNode | undefined,
  members: readonly Member[],
): OwnVtep | undefined {
  if (known === undefined) return undefined
  const of = (family: Family): OwnVtep['ipv4'] => {
    const { overlay: { own } = {}, settled } = members.find(({ overlay }) => overlay.family === family) ?? {}
    if (own === undefined || settled !== true) return undefined
    const lladdr = isVxlan(config.network) ? own.device.lladdr : undefined
    return { underlay: known.publishInstead[family] ?? own.underlay.publicIp, lladdr }
  }
  const { network } = config
  const vtep = { vni: isVxlan(network) ? network.backend.vni : undefined, ipv4: of('ipv4'), ipv6: of('ipv6') }
  return vtep.ipv4 === undefined && vtep.ipv6 === undefined ? undefined : vtep
}

/**
 * Known when every family has its subnet and at least one a device; a family without device takes part with the MTU that
 * it would have on the other's underlay, so that one broken family does not keep pods from starting. One that has no room
 * on the underlay is left out.
 */
export function subnetEnv(
  config: AgentConfig,
  own: OwnNode | undefined,
  members: readonly Member[],
): SubnetEnv | undefined {
  // The first pod's first packet meets them.
  if (members.some(({ overlay, filter }) => !overlay.cannot && filter?.tried === false)) return undefined
  const { backend } = config.network
  const cannot = new Set(members.flatMap(({ overlay }) => (overlay.cannot ? [overlay.family] : [])))
  const devices = members.map(({ overlay }) => ({ family: overlay.family, mtu: deviceOf(overlay.state)?.mtu }))
  const outer = devices.flatMap(({ family, mtu }) => (mtu === undefined ? [] : [mtu + overheadOf(backend, family)]))
  if (outer.length === 0) return undefined
  const mtuOf = (family: Family): Mtu => {
    const mtu = devices.find((device) => device.family === family)?.mtu
    return parseMtu(mtu ?? Math.min(...outer) - overheadOf(backend, family))
  }
  const part = (family: Family, network: Cidr | undefined): SubnetEnv['ipv4'] | 'unknown' => {
    const subnet = own?.subnets[family]
    if (network === undefined || cannot.has(family)) return undefined
    return subnet === undefined ? 'unknown' : { network, subnet, mtu: mtuOf(family) }
  }
  const ipv4 = part('ipv4', config.network.ipv4)
  const ipv6 = part('ipv6', config.network.ipv6)
  return ipv4 === 'unknown' || ipv6 === 'unknown' ? undefined : { ipv4, ipv6, ipMasq: config.ipMasq }
}
