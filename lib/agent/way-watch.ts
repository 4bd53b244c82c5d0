/**
 * Looks whether packets would get through: once a minute, and soon after routes, rules or links have changed, it resolves the
 * way to a few peers as the kernel would. Owns when, and which faults stand. Must not: mend, nor judge (overlay/way).
 */
import type { Lease } from '../cluster/lease.ts'
import type { Network } from '../cluster/network.ts'
import type { LeaseView } from '../cluster/view.ts'
import { NetlinkError } from '../errors.ts'
import { type Cidr, firstHost, hostAt, prefixLength } from '../net/cidr.ts'
import type { Family, Ip } from '../net/ip.ts'
import type { Device } from '../overlay/device-machine/types.ts'
import type { Fault } from '../overlay/fault.ts'
import { checkHost, podLinkOf } from '../overlay/host-checks.ts'
import { KERNEL_VXLAN_PORT } from '../overlay/vtep.ts'
import { type Answer, judgeWay, type PeerWay } from '../overlay/way.ts'
import type { Ifindex, Link, Rtnl } from '../rtnl/port.ts'
import type { Underlay } from '../underlay/underlay.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import type { StandingLog } from '../util/standing-log.ts'
import type { Sysctl } from './device-ops.ts'
import type { RtnlSession } from './rtnl-session.ts'

const EVERY_MS = 60_000
/** What changes together is looked at together. */
const SOON_MS = 250
/** Between two looks, whatever changes; what was seen once is looked at again after this long. */
const SPACING_MS = 1000
const PEERS = 3
/** What a CNI plugin may give to a pod: neither ours nor the bridge's. */
const A_POD = 2

export interface WayWatch {
  /** Something that decides about the way may have changed. */
  mark(): void
  /** Seen twice: packets are certainly lost, in one sentence; undefined: not that it is known. */
  readonly stopped: string | undefined
  stop(): Promise<void>
}

export interface WayWatchParts {
  readonly family: Family
  readonly network: Network
  readonly session: RtnlSession
  readonly sysctl: Sysctl
  /** undefined: the device is not ready, and nothing is looked at. */
  readonly carrying: () => { readonly device: Device; readonly underlay: Underlay; readonly subnet: Cidr } | undefined
  readonly view: () => LeaseView | undefined
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
  /** `stopped` changed. */
  readonly onChange: () => void
}

export function createWayWatch(parts: WayWatchParts): WayWatch {
  const { clock, standing } = parts
  let timer: Timer | undefined
  let dueAt = Number.POSITIVE_INFINITY
  let lookedAt = Number.NEGATIVE_INFINITY
  /** Names of what the last look found. */
  let seen: ReadonlySet<string> = new Set()
  let stopped: string | undefined

  const due = (ms: number): void => {
    const at = Math.max(clock.now() + ms, lookedAt + SPACING_MS)
    if (at >= dueAt) return
    dueAt = at
    timer?.cancel()
    timer = clock.after(at - clock.now(), () => loop.mark())
  }
  const settle = (faults: readonly Fault[]): void => {
    const names = new Set(faults.map(({ name }) => name))
    for (const name of seen) if (!names.has(name)) standing.over(name)
    for (const { name, sentence } of faults) standing.stands(name, sentence)
    const before = stopped
    stopped = faults.find(({ name, stops }) => stops && seen.has(name))?.sentence
    if (faults.some(({ name, stops }) => stops && !seen.has(name))) due(SPACING_MS)
    seen = names
    if (before !== stopped) parts.onChange()
  }
  const loop = createDirtyLoop(
    async () => {
      timer?.cancel()
      dueAt = Number.POSITIVE_INFINITY
      lookedAt = clock.now()
      const carrying = parts.carrying()
      const faults = carrying === undefined ? [] : await parts.session.use((rtnl) => lookAround(rtnl, parts, carrying))
      // Of a device that went meanwhile nothing was learnt.
      if (faults !== undefined) settle(faults)
      due(EVERY_MS)
    },
    (error) => {
      parts.log.debug('way.look-failed', `cannot look at the way to the peers: ${messageOf(error)}`, { error })
      due(EVERY_MS)
    },
  )
  due(EVERY_MS)

  return {
    mark: () => due(SOON_MS),
    get stopped() {
      return stopped
    },
    async stop() {
      await loop.stop()
      timer?.cancel()
    },
  }
}

async function lookAround(
  rtnl: Rtnl,
  parts: WayWatchParts,
  { device, underlay, subnet }: NonNullable<ReturnType<WayWatchParts['carrying']>>,
): Promise<readonly Fault[] | undefined> {
  const { family, network, sysctl } = parts
  const [links, addresses, rules, forwarding] = await Promise.all([
    rtnl.dumpLinks(),
    rtnl.dumpAddresses(family),
    rtnl.dumpRules(family),
    sysctl.read(family === 'ipv4' ? 'net/ipv4/ip_forward' : 'net/ipv6/conf/all/forwarding'),
  ])
  const whole = network[family]
  const host = {
    family,
    subnet,
    network: whole === undefined || prefixLength(whole) === 0 ? undefined : whole,
    device: device.ifindex,
    links: links.value,
    addresses: addresses.value,
    forwarding,
  }
  // Without forwarding the kernel has no way for pods' packets at all, which is a fault of its own.
  const pods = forwarding === '0' ? undefined : podLinkOf(host)
  const master = links.value.find(({ ifindex }) => ifindex === device.ifindex)?.master
  const peers: PeerWay[] = []
  for (const lease of aFew(parts.view()?.peers.values() ?? [])) {
    const claim = lease[family]
    if (claim === undefined) continue
    if (parts.carrying()?.device.ifindex !== device.ifindex) return undefined
    const pod = firstHost(claim.subnet)
    peers.push({
      node: lease.node,
      subnet: claim.subnet,
      underlay: claim.underlay,
      forwarded: pods && (await ask(rtnl, pod, { source: hostAt(subnet, A_POD), iif: pods.ifindex })),
      host: await ask(rtnl, pod, {}),
      outer: await ask(rtnl, claim.underlay, {
        source: device.local,
        udpPort: network.backend.port ?? KERNEL_VXLAN_PORT,
        ...outerLink(device, underlay, master, links.value),
      }),
    })
  }
  const way = { family, device, underlay, directRouting: network.backend.directRouting }
  return [...judgeWay({ ...way, links: links.value, rules: rules.value, peers }), ...checkHost(host)]
}

/** A pinned device sends through its parent alone, one in a VRF by the VRF's table. */
function outerLink(
  device: Device,
  underlay: Underlay,
  master: Ifindex | undefined,
  links: readonly Link[],
): { readonly oif?: Ifindex } {
  if (device.pinned) return { oif: underlay.ifindex }
  return master !== undefined && links.some(({ ifindex, kind }) => ifindex === master && kind === 'vrf')
    ? { oif: master }
    : {}
}

async function ask(rtnl: Rtnl, dst: Ip, how: Parameters<Rtnl['resolveRoute']>[1]): Promise<Answer> {
  try {
    return await rtnl.resolveRoute(dst, how)
  } catch (error) {
    if (error instanceof NetlinkError) return { refused: error.errnoName }
    throw error
  }
}

/** At random, so that in time each one is looked at. */
function aFew(peers: Iterable<Lease>): readonly Lease[] {
  const few: Lease[] = []
  let count = 0
  for (const lease of peers) {
    count += 1
    if (few.length < PEERS) few.push(lease)
    else {
      const at = Math.floor(Math.random() * count)
      if (at < PEERS) few[at] = lease
    }
  }
  return few
}
