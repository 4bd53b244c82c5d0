/**
 * Looks whether packets would get through: once a minute, and soon after routes, rules or links have changed. Owns when, and
 * which faults stand. Must not: mend, ask or judge (lib/way).
 */
import type { Lease } from '../cluster/lease.ts'
import type { Network } from '../cluster/network.ts'
import type { LeaseView } from '../cluster/view.ts'
import type { Family } from '../net/ip.ts'
import type { Clock } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import { createDueTime } from '../util/due-time.ts'
import { messageOf } from '../util/message-of.ts'
import type { StandingLog } from '../util/standing-log.ts'
import type { Fault } from '../way/fault.ts'
import { type Carrying, lookAtWay } from '../way/look.ts'
import type { Containment } from './containment.ts'
import type { Sysctl } from './device-ops.ts'
import type { RtnlSession } from './rtnl-session.ts'

const EVERY_MS = 60_000
/** What changes together is looked at together. */
const SOON_MS = 250
/** Between two looks, whatever changes; what was seen once is looked at again after this long, and told then. */
const SPACING_MS = 1000

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
  /** undefined: the device is not ready or being repaired, and nothing is looked at. */
  readonly carrying: () => Carrying | undefined
  /** That may be over in a moment: what was seen before is not over meanwhile. */
  readonly passing: () => boolean
  /** Whether a peer's entries are as they should be; what is wrong with the others is told by whoever keeps them. */
  readonly stands: (node: string) => boolean
  readonly view: () => LeaseView | undefined
  readonly clock: Clock
  readonly standing: StandingLog
  readonly report: Containment['report']
  /** `stopped` changed. */
  readonly onChange: () => void
}

export function createWayWatch(parts: WayWatchParts): WayWatch {
  const { clock, standing } = parts
  let lookedAt = Number.NEGATIVE_INFINITY
  /** Names of what the last look found, which stands when the next one finds it again; and the peers by which it did. */
  let seen: ReadonlySet<string> = new Set()
  let again: ReadonlySet<string> = new Set()
  let stopped: string | undefined
  /** Looks in a row that ended with an error. */
  let failures = 0

  const look = createDueTime(clock, () => loop.mark())
  const due = (ms: number): void => look.within(Math.max(ms, lookedAt + SPACING_MS - clock.now()))
  const settle = (faults: readonly Fault[]): void => {
    const names = new Set(faults.map(({ name }) => name))
    for (const name of seen) if (!names.has(name)) standing.over(name)
    // Seen once, it may be an entry that is missing for a moment: the news of that may come after the answer.
    const stands = faults.filter(({ name }) => seen.has(name))
    for (const { name, sentence } of stands) standing.stands(name, sentence)
    const before = stopped
    stopped = stands.find(({ stops }) => stops)?.sentence
    if (stands.length < faults.length) due(SPACING_MS)
    seen = names
    again = new Set(faults.flatMap(({ node }) => node ?? []))
    if (before !== stopped) parts.onChange()
  }
  const loop = createDirtyLoop(
    async () => {
      look.begin()
      lookedAt = clock.now()
      if (parts.carrying() !== undefined) {
        const peers = peersThatStand(parts)
        const question = { ...parts, readSysctl: parts.sysctl.read, peers, again }
        const faults = await parts.session.use((rtnl) => lookAtWay(rtnl, question))
        failures = 0
        standing.over('way.look-failed', 'the way to the peers can be looked at again')
        if (faults !== undefined) settle(faults)
      } else if (parts.passing()) due(SPACING_MS)
      else settle([])
      due(EVERY_MS)
    },
    (error) => {
      parts.report(error)
      failures += 1
      // Once, it is mostly the link that died under the question.
      if (failures > 1) standing.stands('way.look-failed', `cannot look at the way to the peers: ${messageOf(error)}`)
      due(failures > 1 ? EVERY_MS : SPACING_MS)
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
      look.stop()
    },
  }
}

function* peersThatStand({ family, view, stands }: WayWatchParts): Iterable<Lease> {
  for (const lease of view()?.peers.values() ?? []) if (lease[family] !== undefined && stands(lease.node)) yield lease
}
