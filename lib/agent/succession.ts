/**
 * One agent core after another: when net-conf says another network, the core of the old one ends, which changes nothing in
 * the kernel, and that of the new one takes over what it finds. The lease source stays where it would say the same. Owns
 * who is next, and the locks. Must not: know what a core does, nor remove what the old network left (retirement.ts).
 */
import type { OwnNode } from '../cluster/lease.ts'
import type { Network } from '../cluster/network.ts'
import { type HostError, type LeaseError, LockedError } from '../errors.ts'
import type { LeaseSource } from '../leases/source.ts'
import { containsCidr } from '../net/cidr.ts'
import { FAMILIES, type Family, type Ip } from '../net/ip.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import type { StandingLog } from '../util/standing-log.ts'
import type { AgentCore } from './agent-core.ts'
import { carriersOf } from './carriers.ts'
import { type LentSource, lendSource } from './lent-source.ts'
import type { CarrierLocks, Retirement } from './retirement.ts'
import type { AgentStatus } from './status.ts'

/** Before a network that could not be followed is tried again. */
const AGAIN_MS = 5000

export interface CoreEvents {
  readonly onHopeless: (error: HostError | LeaseError) => void
  /** Device and tables stand, from a complete view, for the first time. */
  readonly onCarries: () => void
}

export interface SuccessionParts<S extends LeaseSource> {
  /** What the agent starts with. */
  readonly network: Network
  readonly createSource: (network: Network) => S
  /** `founded`: what the core before this one knew of our underlay addresses. */
  readonly createCore: (
    network: Network,
    source: LeaseSource,
    events: CoreEvents,
    founded: Readonly<Partial<Record<Family, Ip>>>,
  ) => AgentCore
  /** Rejects with LockedError. */
  readonly lock: (carrier: string) => Promise<{ release(): Promise<void> }>
  readonly createRetirement: (locks: CarrierLocks) => Retirement
  /** Of the first core: then the agent cannot go on. */
  readonly onHopeless: (error: HostError | LeaseError) => void
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
}

export interface Succession<S extends LeaseSource> {
  /** Makes sure that no other agent keeps the same; rejects with LockedError. */
  claim(): Promise<void>
  /** The first core. */
  begin(): Promise<void>
  readonly core: AgentCore | undefined
  readonly source: S | undefined
  onStatus(listener: (status: AgentStatus) => void): void
  /** net-conf says this from now on. */
  follow(network: Network): void
  stop(): Promise<void>
}

export function createSuccession<S extends LeaseSource>(parts: SuccessionParts<S>): Succession<S> {
  const { clock, log, standing } = parts
  const locks = new Map<string, { release(): Promise<void> }>()
  let current = parts.network
  let wanted = parts.network
  let running: { readonly core: AgentCore; readonly source: LentSource<S> } | undefined
  let onStatus: (status: AgentStatus) => void = () => undefined
  let again: Timer | undefined

  const retirement = parts.createRetirement({
    async hold(carrier) {
      if (locks.has(carrier)) return true
      try {
        locks.set(carrier, await parts.lock(carrier))
        return true
      } catch (error) {
        if (error instanceof LockedError) return false
        throw error
      }
    },
    async release(carrier) {
      const lock = locks.get(carrier)
      locks.delete(carrier)
      await lock?.release()
    },
  })
  const lockAll = async (network: Network): Promise<void> => {
    for (const carrier of carriersOf(network)) if (!locks.has(carrier)) locks.set(carrier, await parts.lock(carrier))
  }
  const start = async (
    source: LentSource<S>,
    onHopeless: CoreEvents['onHopeless'],
    founded: Partial<Record<Family, Ip>>,
  ): Promise<void> => {
    const network = current
    await retirement.makeRoomFor(network).catch((error: unknown) => {
      log.warn('netconf.no-room', `what an earlier network left may be in the way: ${messageOf(error)}`, { error })
    })
    const onCarries = (): void => retirement.carries(network)
    const core = parts.createCore(network, source.lend(), { onHopeless, onCarries }, founded)
    running = { core, source }
    core.onStatus((status) => onStatus(status))
  }
  const lendNew = (network: Network): LentSource<S> =>
    lendSource(parts.createSource(network), () => {
      // What did not fit may fit now.
      if (wanted !== current) loop.mark()
    })

  /** Undefined: it can be followed. */
  const misfitOf = (network: Network, own: OwnNode | undefined): string | undefined => {
    for (const family of FAMILIES) {
      const [whole, subnet] = [network[family], own?.subnets[family]]
      if (whole !== undefined && subnet !== undefined && !containsCidr(whole, subnet))
        return `its network ${whole} does not hold this node's podCIDR ${subnet}: net-conf and the cluster's CIDR must agree; the overlay stays as it was`
    }
    return undefined
  }
  const succeed = async (next: Network): Promise<void> => {
    if (running === undefined) return
    const { core, source } = running
    await retirement.pause()
    try {
      await lockAll(next)
    } catch (error) {
      retirement.resume()
      throw error
    }
    log.info('netconf.followed', `net-conf says another network: ${describeChange(current, next)}`)
    const { founded } = core
    await core.stop()
    retirement.left(current)
    const keepsSource = sourceKey(next) === sourceKey(current)
    if (!keepsSource) await source.close()
    current = next
    await start(keepsSource ? source : lendNew(next), tellHopeless, founded)
  }
  /** Who ran before is not ended by a file. */
  const tellHopeless: CoreEvents['onHopeless'] = (error) =>
    standing.stands('netconf.hopeless', `the network of net-conf cannot be kept on this node: ${messageOf(error)}`)
  const loop = createDirtyLoop(
    async () => {
      const next = wanted
      const same = isSame(next, current)
      const misfit = same ? undefined : misfitOf(next, running?.source.real.view().own)
      if (misfit !== undefined) return standing.stands('netconf.unfit', `net-conf is not followed: ${misfit}`)
      standing.over('netconf.unfit')
      if (!same) {
        standing.over('netconf.hopeless')
        await succeed(next)
      }
      wanted = wanted === next ? current : wanted
      standing.over('netconf.not-followed')
    },
    (error) => {
      standing.stands('netconf.not-followed', `net-conf is not followed yet: ${messageOf(error)}`, { error })
      again = clock.after(AGAIN_MS, () => loop.mark())
    },
  )

  return {
    claim: () => lockAll(current),
    begin: () => start(lendNew(current), parts.onHopeless, {}),
    get core() {
      return running?.core
    },
    get source() {
      return running?.source.real
    },
    onStatus(listener) {
      onStatus = listener
      running?.core.onStatus((status) => onStatus(status))
    },
    follow(network) {
      wanted = network
      again?.cancel()
      loop.mark()
    },
    async stop() {
      again?.cancel()
      await loop.stop()
      again?.cancel()
      await retirement.stop()
      await running?.core.stop()
      await running?.source.close()
      await Promise.all([...locks.values()].map((lock) => lock.release()))
    },
  }
}

function isSame(a: Network, b: Network): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** What a lease source makes of claims depends on this of the network. */
function sourceKey({ ipv4, ipv6, backend }: Network): string {
  return JSON.stringify([ipv4, ipv6, backend.type, backend.type === 'vxlan' ? backend.vni : undefined])
}

/** The keys that differ, as `Backend.VNI 1 -> 2`. */
function describeChange(before: Network, after: Network): string {
  const rows = (network: Network): Map<string, unknown> => {
    const { backend, ...rest } = network
    const ofBackend = Object.entries(backend).map(([key, value]) => [`backend ${key}`, value] as const)
    return new Map<string, unknown>([...Object.entries(rest), ...ofBackend])
  }
  const [was, is] = [rows(before), rows(after)]
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((key) => was.get(key) !== is.get(key))
    .map((key) => `${key} ${String(was.get(key) ?? 'none')} -> ${String(is.get(key) ?? 'none')}`)
    .join(', ')
}
