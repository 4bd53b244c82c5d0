/**
 * One node on the fake kernel: mgmt0 with an address, one FamilyOverlay that keeps its device and peers, and what the
 * world looks like from outside. Used by examples and by the property test.
 */

import type { Sysctl } from '../../../lib/agent/device-ops.ts'
import { createFamilyOverlay, type FamilyOverlay } from '../../../lib/agent/family-overlay.ts'
import type { FamilyLease, Lease, OwnNode } from '../../../lib/cluster/lease.ts'
import type { Network } from '../../../lib/cluster/network.ts'
import type { LeaseView } from '../../../lib/cluster/view.ts'
import { parseCidr } from '../../../lib/net/cidr.ts'
import { type Family, parseIp } from '../../../lib/net/ip.ts'
import { type Lladdr, parseLladdr } from '../../../lib/net/lladdr.ts'
import { vxlanOverhead } from '../../../lib/net/mtu.ts'
import { parseVni } from '../../../lib/net/vni.ts'
import { unpackEntries } from '../../../lib/rtnl/entries.ts'
import type { Rtnl } from '../../../lib/rtnl/port.ts'
import type { Log } from '../../../lib/util/log.ts'
import { underlayChoice, vxlanBackend } from '../../support/config.ts'
import { createFakeKernel, type FakeKernel, type KernelTraits, USUAL_TRAITS } from '../../support/fake-kernel/index.ts'
import { createManualClock, type ManualClock, settle } from '../../support/manual-clock.ts'

export const OWN_LLADDR = parseLladdr('12:00:00:00:00:01')

/** What differs between the families; everything else of the tests is the same for both. */
export interface World {
  readonly family: Family
  readonly device: string
  readonly underlay: string
  readonly otherUnderlay: string
  readonly prefix: number
  subnet(index: number): string
  overlay(index: number): string
  remote(index: number): string
  readonly mtu: number
  metric(index: number): number
}

export const IPV4: World = {
  family: 'ipv4',
  device: 'flannel.1',
  underlay: '192.168.1.1',
  otherUnderlay: '192.168.1.200',
  prefix: 24,
  subnet: (index) => `10.42.${index}.0/24`,
  overlay: (index) => `10.42.${index}.0`,
  remote: (index) => `192.168.1.${index + 1}`,
  mtu: 1450,
  metric: (index) => index + 1,
}

export const IPV6: World = {
  family: 'ipv6',
  device: 'flannel-v6.1',
  underlay: 'fd00:1::1',
  otherUnderlay: 'fd00:1::200',
  prefix: 64,
  subnet: (index) => `fd00:42:0:${index}::/64`,
  overlay: (index) => `fd00:42:0:${index}::`,
  remote: (index) => `fd00:1::${index + 1}`,
  mtu: 1430,
  metric: () => 1024,
}

export const UNDERLAY_IFNAME = 'mgmt0'

/**
 * `direct`: every peer of these tests is on-link, so each has one route through mgmt0 and no entry of the device. `host-gw`:
 * the same, and there is no device.
 */
export type Mode = 'unpinned' | 'pinned' | 'direct' | 'host-gw'
export const MODES: readonly Mode[] = ['unpinned', 'pinned', 'direct', 'host-gw']

export function networkOf(world: World, mode: Mode = 'unpinned'): Network {
  return {
    ipv4: world.family === 'ipv4' ? parseCidr('10.42.0.0/16') : undefined,
    ipv6: world.family === 'ipv6' ? parseCidr('fd00:42::/48') : undefined,
    enableNftables: false,
    backend:
      mode === 'host-gw'
        ? { type: 'host-gw' }
        : vxlanBackend({ directRouting: mode === 'direct', pinDevice: mode === 'pinned' }),
  }
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent }

/** accept_ra starts as 1 on every new link, as in the kernel. */
interface FakeSysctl extends Sysctl {
  /** As in an unprivileged container: EROFS. */
  readOnly: boolean
  /** accept_ra of a link. */
  valueOf(ifindex: number): string
}

function createFakeSysctl(kernel: FakeKernel): FakeSysctl {
  const values = new Map<number, string>()
  const ifindexOf = (key: string): number | undefined => kernel.link(key.split('/')[3] ?? '')?.ifindex
  const sysctl: FakeSysctl = {
    readOnly: false,
    valueOf: (ifindex) => values.get(ifindex) ?? '1',
    async read(key) {
      if (key.endsWith('forwarding') || key.endsWith('forward')) return '1'
      const ifindex = ifindexOf(key)
      return ifindex === undefined ? undefined : (values.get(ifindex) ?? '1')
    },
    async write(key, value) {
      const ifindex = ifindexOf(key)
      if (ifindex === undefined) return { written: false, errno: 'ENOENT' }
      if (sysctl.readOnly) return { written: false, errno: 'EROFS' }
      values.set(ifindex, value)
      return { written: true }
    },
  }
  return sysctl
}

export interface FakeNode {
  readonly world: World
  readonly kernel: FakeKernel
  readonly clock: ManualClock
  overlay: FamilyOverlay
  /** Whether the view that was told last is complete. */
  readonly synced: boolean
  /** The peers that were told last. */
  readonly peers: ReadonlyMap<number, number>
  /** Peers by index → index of their lladdr and remote; replaced and told to the overlay. */
  setPeers(peers: ReadonlyMap<number, number>, synced?: boolean): void
  /** Ends the overlay and starts another one, as a restart of the agent does. */
  restart(): Promise<void>
  /** What the kernel has of ours, one line an entry, sorted. */
  actual(): string[]
  /** What it should have for these peers. */
  desired(peers: ReadonlyMap<number, number>): string[]
  /** In what the device is not as it should be, in words. */
  deviceFaults(): string[]
  /** What another program writes to accept_ra of the device. */
  setAcceptRa(value: string): void
  /** Whether /proc/sys is read-only. */
  setSysctlReadOnly(readOnly: boolean): void
  settle(): Promise<void>
}

export interface FakeNodeOptions {
  readonly mode?: Mode
  readonly log?: Log
  /** What stands between the agent and the kernel. */
  readonly wrap?: (rtnl: Rtnl) => Rtnl
  /** How the underlay is named; default: UNDERLAY_IFNAME. Without any, the default route says it. */
  readonly ifaces?: readonly string[]
  /** A flannel beside us. */
  readonly rival?: () => string | undefined
  /** Where the kernel is an older one. */
  readonly traits?: Partial<KernelTraits>
}

export function createFakeNode(world: World = IPV4, options: FakeNodeOptions = {}): FakeNode {
  const kernel = createFakeKernel({ linkLocals: false, traits: { ...USUAL_TRAITS, ...options.traits } })
  const clock = createManualClock()
  kernel.admin.addNic(UNDERLAY_IFNAME)
  kernel.admin.setUp(UNDERLAY_IFNAME)
  kernel.admin.addAddress(UNDERLAY_IFNAME, `${world.underlay}/${world.prefix}`)
  const sysctl = createFakeSysctl(kernel)
  let told: ReadonlyMap<number, number> = new Map()
  let view: LeaseView = viewOf(world, told, true)
  const start = (): FamilyOverlay => {
    const overlay = createFamilyOverlay({
      family: world.family,
      network: networkOf(world, options.mode),
      choice: underlayChoice({ ifaces: options.ifaces ?? [UNDERLAY_IFNAME] }),
      openRtnl: () => options.wrap?.(kernel.open()) ?? kernel.open(),
      sysctl,
      nameOwner: async () => undefined,
      rival: async () => options.rival?.(),
      clock,
      log: options.log ?? silent,
      onChange: () => undefined,
    })
    overlay.setOwn(view.own, { lladdr: { value: OWN_LLADDR, authority: 'remembered' }, founded: undefined })
    overlay.setView(view)
    return overlay
  }
  const node: FakeNode = {
    world,
    kernel,
    clock,
    overlay: start(),
    get synced() {
      return view.synced
    },
    get peers() {
      return told
    },
    setPeers(peers, synced = true) {
      told = peers
      view = viewOf(world, peers, synced)
      node.overlay.setView(view)
    },
    async restart() {
      await node.overlay.stop()
      node.overlay = start()
    },
    actual: () => actualLines(world, kernel, options.mode),
    setSysctlReadOnly(readOnly) {
      sysctl.readOnly = readOnly
    },
    setAcceptRa: (value) => void sysctl.write(`net/ipv6/conf/${world.device}/accept_ra`, value),
    // With host-gw a device of that name is somebody else's.
    deviceFaults: () =>
      options.mode === 'host-gw' ? [] : deviceFaults(world, kernel, sysctl, node.overlay.own?.device.lladdr),
    desired: (peers) => desiredLines(world, peers, options.mode),
    settle,
  }
  return node
}

export function viewOf(world: World, peers: ReadonlyMap<number, number>, synced: boolean): LeaseView {
  const leases = new Map<string, Lease>()
  for (const [index, behind] of peers) {
    const node = `node${index}`
    leases.set(node, {
      node,
      uid: `uid-${node}`,
      seniority: node,
      ipv4: undefined,
      ipv6: undefined,
      [world.family]: claim(world, index, behind),
    })
  }
  const none = { ipv4: undefined, ipv6: undefined }
  const own: OwnNode = {
    node: 'us',
    uid: 'uid-us',
    seniority: '',
    subnets: { ...none, [world.family]: parseCidr(world.subnet(1)) },
    lladdrs: none,
    publishInstead: none,
    underlayHint: none,
    internalIps: none,
    published: none,
  }
  const known = { peers: leases, own, rejected: [], contested: [], aliases: [] }
  return synced ? { synced: true, ...known } : { synced: false, because: 'a test', ...known }
}

/** `behind` tells the machines apart that can stand behind one subnet. */
export function lladdrOf(behind: number): string {
  return `12:00:00:00:01:${behind.toString(16).padStart(2, '0')}`
}

function claim(world: World, index: number, behind: number): FamilyLease {
  return {
    subnet: parseCidr(world.subnet(index)),
    underlay: parseIp(world.remote(behind)),
    lladdr: parseLladdr(lladdrOf(behind)),
    vni: parseVni(1),
  }
}

export function desiredLines(world: World, peers: ReadonlyMap<number, number>, mode?: Mode): string[] {
  const lines = mode === 'host-gw' ? [] : [`address ${world.overlay(1)}`]
  for (const [index, behind] of peers) {
    if (mode === 'direct' || mode === 'host-gw') {
      lines.push(`route ${world.subnet(index)} via ${world.remote(behind)} metric ${world.metric(index)} proto 118`)
      continue
    }
    lines.push(
      `neighbour ${world.overlay(index)} ${lladdrOf(behind)}`,
      `fdb ${lladdrOf(behind)} ${world.remote(behind)}`,
      `route ${world.subnet(index)} via ${world.overlay(index)} metric ${world.metric(index)} proto 118`,
    )
  }
  return lines.sort()
}

function deviceFaults(
  { family, device }: World,
  kernel: FakeKernel,
  sysctl: FakeSysctl,
  lladdr: Lladdr | undefined,
): string[] {
  const link = kernel.link(device)
  const underlay = kernel.link(UNDERLAY_IFNAME)
  if (link === undefined || underlay === undefined) return ['a link is missing']
  const locals = kernel.snapshot().addresses.filter(({ ifindex }) => ifindex === underlay.ifindex)
  const faults: string[] = []
  const must = (what: string, actual: unknown, wanted: unknown): void => {
    if (actual !== wanted) faults.push(`${what} is ${String(actual)}, not ${String(wanted)}`)
  }
  must('lladdr', link.lladdr, lladdr)
  must('up', link.up, true)
  must('master', link.master, undefined)
  must('mtu', link.mtu, underlay.mtu - vxlanOverhead(family))
  must('accept_ra', sysctl.valueOf(link.ifindex), '0')
  must(
    'local is ours',
    locals.some(({ ip }) => ip === link.vxlan?.local),
    true,
  )
  if (link.vxlan?.parent !== undefined) must('parent', link.vxlan.parent, underlay.ifindex)
  return faults
}

const NO_LINK = -1

function actualLines({ family, device }: World, kernel: FakeKernel, mode: Mode | undefined): string[] {
  const snapshot = kernel.snapshot()
  const ifindex = mode === 'host-gw' ? NO_LINK : kernel.link(device)?.ifindex
  const lines = snapshot.addresses
    .filter((address) => address.ifindex === ifindex)
    .map((address) => `address ${address.ip}`)
  for (const table of [snapshot.neighbours, snapshot.fdb, snapshot.routes[family]]) {
    for (const entry of unpackEntries(table)) {
      if (entry.kind === 'route') {
        // The kernel's own routes of addresses are no business of ours.
        if ((entry.oif !== ifindex && entry.protocol !== 118) || entry.protocol === 2) continue
        lines.push(`route ${entry.dst} via ${entry.gateway} metric ${entry.metric} proto ${entry.protocol}`)
      } else if (entry.ifindex === ifindex) {
        lines.push(
          entry.kind === 'fdb' ? `fdb ${entry.lladdr} ${entry.remote}` : `neighbour ${entry.ip} ${entry.lladdr}`,
        )
      }
    }
  }
  return lines.sort()
}
