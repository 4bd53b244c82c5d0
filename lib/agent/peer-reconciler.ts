/**
 * Keeps the three tables of one family as the leases say: one single-flight loop that dumps, plans, applies in phases and
 * looks again until nothing is left to do. Owns the loop, its retries and its reports. Must not: decide what is desired or
 * which entry may be touched (lib/overlay), nor touch the device.
 */
import { NetlinkError } from '../errors.ts'
import type { LeaseView } from '../leases/source.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import { classify, operationOf } from '../overlay/classify.ts'
import { type DesiredTables, desiredTables } from '../overlay/desired.ts'
import type { Device } from '../overlay/device-machine/types.ts'
import { renderKey } from '../overlay/entry-text.ts'
import type { Network } from '../overlay/network.ts'
import { type FamilyPeers, peersOf } from '../overlay/peers.ts'
import { type PeerPlan, planPeers, routesAllowed } from '../overlay/plan.ts'
import { type EntryTable, unpackEntry } from '../rtnl/entries.ts'
import type { Rtnl } from '../rtnl/port.ts'
import { createBackoff } from '../util/backoff.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { createPlanHolder, type Quarrel } from './plan-holder.ts'
import type { RtnlSession } from './rtnl-session.ts'

export interface PeerReconciler {
  /** Something that may concern the tables happened. */
  mark(): void
  /** The last round had a complete picture and left nothing that trying again could mend. */
  readonly settled: boolean
  stop(): Promise<void>
}

export interface PeerReconcilerParts {
  readonly family: Family
  readonly network: Network
  readonly session: RtnlSession
  /** The newest view; undefined before the first. */
  readonly view: () => LeaseView | undefined
  /** The device that entries can be programmed on, at this moment; undefined: none. */
  readonly device: () => Device | undefined
  readonly clock: Clock
  readonly log: Log
  /** A round ended. */
  readonly onRound: () => void
  /** Another program undoes an entry again and again; repairs of it are held back now. */
  readonly onQuarrel: (quarrel: Quarrel) => void
}

/** What a round did. `failed`: refused for good, this round; `retry`: another round may mend it. */
interface Tally {
  neighbours: number
  fdb: number
  routes: number
  deleted: number
  /** Entries that the kernel acknowledged without an error; deleting what is absent is done, but writes nothing. */
  written: number
  failed: number
  retry: number
  /** The first failure in words. */
  first: string | undefined
}

export function createPeerReconciler(parts: PeerReconcilerParts): PeerReconciler {
  const { clock, log, family } = parts
  const network = parts.network[family]
  const backoff = createBackoff({ firstMs: 20, maxMs: 30_000 })
  const desiredOf = createDesiredCache(family)
  const reports = createReports(log)
  const hold = createPlanHolder(clock, parts.onQuarrel)
  let settled = false
  let retry: Timer | undefined

  const again = (): void => {
    retry?.cancel()
    retry = clock.after(backoff.next(), () => loop.mark())
  }
  const round = async (): Promise<void> => {
    const device = parts.device()
    const view = parts.view()
    if (device === undefined || view === undefined || network === undefined) {
      settled = false
      return
    }
    const started = clock.now()
    const { peers, desired } = desiredOf(view, network, device)
    reports.conflicts(peers)
    let held: number | undefined
    const tally = await parts.session.use(async (rtnl) => {
      const { actual, interrupted } = await dumpTables(rtnl, family, device)
      const complete = view.synced && !interrupted
      const { plan, heldMs } = hold(planPeers({ network, ifindex: device.ifindex, desired, actual, complete }), desired)
      reports.shadowed(plan)
      const done = await applyPlan(rtnl, plan, () => parts.device()?.ifindex === device.ifindex)
      if (interrupted) done.retry += 1
      held = heldMs
      // An ack is not proof and leftovers wait for one: what was written is looked at once more. After a failure the
      // retry does that, or a route that is refused for ever would keep the loop hot.
      if (done.failed + done.retry === 0 && (done.written > 0 || plan.deferred > 0)) loop.mark()
      return done
    })
    reports.applied(tally, clock.now() - started)
    settled = tally.retry === 0 && held === undefined
    if (tally.retry + tally.failed > 0) again()
    else {
      backoff.reset()
      if (held !== undefined) retry = clock.after(held, () => loop.mark())
    }
  }
  const loop = createDirtyLoop(
    async () => {
      retry?.cancel()
      try {
        await round()
      } finally {
        parts.onRound()
      }
    },
    (error) => {
      settled = false
      // The link died under a dump: its end is the machine's business, and its successor brings a mark.
      if (error instanceof NetlinkError) log.debug('peers.failed', `peers: ${error.message}`, { error })
      else log.warn('peers.failed', `peers: ${String(error)}`, { error })
      again()
    },
  )
  return {
    mark: () => loop.mark(),
    get settled() {
      return settled
    },
    async stop() {
      await loop.stop()
      retry?.cancel()
    },
  }
}

/** Rebuilt only when the view or the device is another one; a round of repair needs neither. */
function createDesiredCache(
  family: Family,
): (view: LeaseView, network: Cidr, device: Device) => { peers: FamilyPeers; desired: DesiredTables } {
  let last:
    | { view: LeaseView['peers']; ifindex: number; lladdr: string; peers: FamilyPeers; desired: DesiredTables }
    | undefined
  return (view, network, { ifindex, lladdr }) => {
    if (last?.view !== view.peers || last.ifindex !== ifindex || last.lladdr !== lladdr) {
      const peers = peersOf(view.peers, family, lladdr)
      const desired = desiredTables({ family, network, ifindex, peers: peers.peers })
      last = { view: view.peers, ifindex, lladdr, peers, desired }
    }
    return last
  }
}

async function dumpTables(rtnl: Rtnl, family: Family, { ifindex }: Device) {
  const [neighbours, fdb, routes] = await Promise.all([
    rtnl.dumpNeighbours(family, ifindex),
    rtnl.dumpFdb(ifindex),
    rtnl.dumpRoutes(family),
  ])
  return {
    actual: { neighbours: neighbours.value, fdb: fdb.value, routes: routes.value },
    interrupted: neighbours.interrupted || fdb.interrupted || routes.interrupted,
  }
}

/** In the order of plan.ts; `alive` is asked before each phase, so that no phase writes to a link that is gone. */
async function applyPlan(rtnl: Rtnl, plan: PeerPlan, alive: () => boolean): Promise<Tally> {
  const tally: Tally = {
    neighbours: 0,
    fdb: 0,
    routes: 0,
    deleted: 0,
    written: 0,
    failed: 0,
    retry: 0,
    first: undefined,
  }
  if (plan.entries.length > 0 && alive()) {
    const result = await applyBatch(rtnl, plan.entries, tally)
    const routes = routesAllowed(plan, result)
    if (routes.length > 0 && alive()) await applyBatch(rtnl, routes, tally)
  } else if (plan.routes.length > 0 && alive()) await applyBatch(rtnl, plan.routes, tally)
  if (plan.deletes.length > 0 && alive()) await applyBatch(rtnl, plan.deletes, tally)
  if (plan.leftovers.length > 0 && alive()) await applyBatch(rtnl, plan.leftovers, tally)
  if (!alive()) tally.retry += 1
  return tally
}

async function applyBatch(rtnl: Rtnl, batch: EntryTable, tally: Tally) {
  const result = await rtnl.applyEntries(batch)
  const failures = new Map(result.failures.map((failure) => [failure.index, failure]))
  for (let i = 0; i < batch.length; i += 1) {
    const failure = failures.get(i)
    const operation = operationOf(batch, i)
    const verdict =
      result.errnos[i] === 0 ? 'done' : failure === undefined ? 'retry' : classify(operation, failure.errnoName)
    if (verdict === 'done') {
      if (result.errnos[i] === 0) tally.written += 1
      if (operation.endsWith('delete')) tally.deleted += 1
      else if (operation.startsWith('neighbour')) tally.neighbours += 1
      else if (operation.startsWith('fdb')) tally.fdb += 1
      else tally.routes += 1
      continue
    }
    if (verdict === 'reject' || verdict === 'fatal') tally.failed += 1
    else tally.retry += 1
    const why = failure === undefined ? 'no answer' : `${failure.errnoName}${failure.extack && ` (${failure.extack})`}`
    tally.first ??= `${operation} ${renderKey(unpackEntry(batch, i))}: ${why}`
  }
  return result
}

/** One line on each change of what is wrong, not one a round. */
function createReports(log: Log) {
  let conflicts = ''
  let shadowed = ''
  let failed = 0
  return {
    conflicts({ conflicts: found }: FamilyPeers): void {
      const text = found
        .slice(0, 5)
        .map(({ node, field, value, keptBy }) => `${node} claims ${field} ${value}, which belongs to ${keptBy ?? 'us'}`)
        .join('; ')
      if (text !== conflicts && text !== '')
        log.warn('peers.conflict', `not programmed: ${text}`, { conflicts: found.length })
      conflicts = text
    },
    shadowed({ shadowed: found }: PeerPlan): void {
      const text = found
        .slice(0, 5)
        .map(
          ({ node, prefix, by }) =>
            `${prefix} of ${node} by a route of protocol ${by.protocol}, type ${by.type}, metric ${by.metric}`,
        )
        .join('; ')
      if (text !== shadowed && text !== '')
        log.warn('peers.shadowed', `another program's route wins over ours: ${text}`, { shadowed: found.length })
      shadowed = text
    },
    applied(tally: Tally, ms: number): void {
      const { first, ...counts } = tally
      const bad = tally.failed + tally.retry
      const text = `neighbours ${tally.neighbours}, FDB ${tally.fdb}, routes ${tally.routes}, deleted ${tally.deleted}`
      if (tally.written > 0) log.info('peers.applied', text, { ...counts, ms })
      if (bad !== failed && bad > 0 && first !== undefined)
        log.warn('peers.entry-failed', bad === 1 ? first : `${first}; and ${bad - 1} more`, { failed: bad })
      failed = bad
    },
  }
}
