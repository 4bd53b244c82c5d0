/**
 * Keeps the three tables of one family as the leases say: one single-flight loop. A full round dumps, plans, applies in
 * phases and looks again until nothing is left to do; when only a few leases changed since a round that left nothing to
 * do, their own keys are planned against what that round confirmed (design decision 5).
 * Owns the loop, its retries and what makes a full round due. Must not: decide what is desired or which entry may be
 * touched (lib/overlay), nor touch the device.
 */

import type { Network } from '../cluster/network.ts'
import type { LeaseView } from '../cluster/view.ts'
import { NetlinkError } from '../errors.ts'
import type { Family } from '../net/ip.ts'
import { type Change, type DesiredBook, packBook } from '../overlay/desired-book.ts'
import type { Device } from '../overlay/device-machine/types.ts'
import { directRoutes } from '../overlay/direct.ts'
import { type ForeignPrefixes, foreignPrefixes } from '../overlay/plan/foreign-prefixes.ts'
import { planInSlices, planPeers } from '../overlay/plan.ts'
import { KIND_ROUTE, OFFSET_KIND } from '../rtnl/abi.ts'
import { type EntryTable, entryBytes, ifindexOfEntry } from '../rtnl/entries.ts'
import type { Rtnl } from '../rtnl/port.ts'
import { createBackoff } from '../util/backoff.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { inSlices } from '../util/slices.ts'
import { applyPlan, type Tally } from './apply-plan.ts'
import { createPeerReports } from './peer-reports.ts'
import { createPlanHolder, type Quarrel } from './plan-holder.ts'
import type { RtnlSession } from './rtnl-session.ts'

/** Notifications that are compared with what is desired before a look at everything is cheaper. */
const COMPARED = 200

export interface PeerReconciler {
  /** The kernel's tables may not be what they were: the next round looks at everything. */
  mark(): void
  /** Something changed that may be why the kernel refused an entry (an address of the host that is a peer's gateway). */
  tryAgain(): void
  /** The view or the device is another one; a round finds out what that means. */
  markView(): void
  /** The kernel announced an entry that concerns us: a look at everything is due unless it is as desired. */
  hear(action: 'set' | 'deleted', entry: EntryTable): void
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

export function createPeerReconciler(parts: PeerReconcilerParts): PeerReconciler {
  const { clock, log, family } = parts
  const network = parts.network[family]
  const backoff = createBackoff({ firstMs: 20, maxMs: 30_000 })
  const reports = createPeerReports(log)
  const hold = createPlanHolder(clock, parts.onQuarrel)
  /** What the tables should be, for one device. */
  let book: Book | undefined
  /** A look at everything is due: nothing that was confirmed before counts. */
  let fullDue = true
  /** The last full round found the kernel's tables to be the book's, but for what the kernel refuses. */
  let confirmed = false
  /** Nodes of which that round could not write an entry: what stands there is not what the book says. */
  let unreached: ReadonlySet<string> = new Set()
  /** Where that round saw routes of others: a peer there is compared with them. */
  let isForeign: ForeignPrefixes = () => false
  let settled = false
  let compared = 0
  let retry: Timer | undefined

  const markFull = (): void => {
    fullDue = true
    loop.mark()
  }
  const again = (): void => {
    retry?.cancel()
    retry = clock.after(backoff.next(), markFull)
  }
  const turn = (): Promise<void> => clock.turn()
  const applying = (device: Device) => ({ alive: () => parts.device()?.ifindex === device.ifindex, turn })

  const fullRound = async (rtnl: Rtnl, view: LeaseView, device: Device): Promise<Tally & { heldMs?: number }> => {
    fullDue = false
    confirmed = false
    retry?.cancel()
    if (network === undefined) throw new TypeError(`${family} has no network`)
    const { actual, interrupted } = await dumpTables(rtnl, family, device)
    const { ifindex, lladdr } = device
    const direct = parts.network.backend.directRouting ? directRoutes(family, actual.routes, ifindex) : NO_DIRECT
    if (!isFor(book, view, device, direct.signature)) {
      const of = { family, network, ifindex, lladdr, onLink: direct.onLink }
      book = { desired: await inSlices(packBook(of, view.peers), turn), device, direct: direct.signature }
      reports.conflicts(book.desired.conflicts)
    }
    const { desired } = book
    const complete = view.synced && !interrupted
    const wish = await inSlices(planInSlices({ network, ifindex, desired: desired.packed, actual, complete }), turn)
    const { plan, heldMs } = hold(wish, desired.packed)
    reports.shadowed(plan)
    const done = await applyPlan(rtnl, plan, applying(device))
    for (const batch of [plan.entries, plan.routes, plan.deletes, plan.leftovers]) rtnl.release(batch)
    if (interrupted) done.retry += 1
    const clean = done.failed + done.retry === 0 && heldMs === undefined
    if (done.retry + done.failed > 0) again()
    else {
      backoff.reset()
      if (heldMs !== undefined) retry = clock.after(heldMs, markFull)
    }
    // An ack is not proof and leftovers wait for one: what was written is looked at once more. After a failure the retry
    // does that, or a route that is refused for ever would keep the loop hot.
    if (clean && (done.written > 0 || plan.deferred > 0)) markFull()
    // What the kernel refuses for good is tried again by the time of the retry; other leases need not wait for it.
    confirmed = complete && done.retry === 0 && heldMs === undefined && done.written === 0 && plan.deferred === 0
    unreached = new Set([...done.unreached].map((peer) => desired.packed.nodes[peer] ?? ''))
    if (confirmed) isForeign = await inSlices(foreignPrefixes(actual.routes, network, ifindex), turn)
    for (const table of [actual.neighbours, actual.fdb, actual.routes]) rtnl.release(table)
    compared = 0
    return heldMs === undefined ? done : { ...done, heldMs }
  }

  /** Undefined when the whole view has to decide. */
  const changeOf = (view: LeaseView, device: Device): Change | undefined => {
    if (fullDue || !confirmed || !view.synced || book === undefined) return undefined
    if (book.device.ifindex !== device.ifindex || book.device.lladdr !== device.lladdr) return undefined
    const change = book.desired.changeTo(view.peers)
    if (change === undefined || isForeign(change.after.routes)) return undefined
    return change.nodes.some((node) => unreached.has(node)) ? undefined : change
  }
  const keyedRound = async (rtnl: Rtnl, change: Change, device: Device): Promise<Tally> => {
    if (network === undefined) throw new TypeError(`${family} has no network`)
    const { before: actual, after: desired } = change
    const plan = planPeers({ network, ifindex: device.ifindex, desired, actual, complete: true })
    book?.desired.note(change)
    const done = await applyPlan(rtnl, plan, applying(device))
    if (done.failed + done.retry > 0) {
      confirmed = false
      again()
    }
    return done
  }

  const round = async (): Promise<void> => {
    const device = parts.device()
    const view = parts.view()
    if (device === undefined || view === undefined || network === undefined) {
      settled = false
      fullDue = true
      return
    }
    const started = clock.now()
    const change = changeOf(view, device)
    const tally: Tally & { heldMs?: number } = await parts.session.use((rtnl) =>
      change === undefined ? fullRound(rtnl, view, device) : keyedRound(rtnl, change, device),
    )
    reports.applied(tally, clock.now() - started, change === undefined)
    settled = view.synced && tally.retry === 0 && tally.heldMs === undefined
  }
  const loop = createDirtyLoop(
    async () => {
      try {
        await round()
      } finally {
        parts.onRound()
      }
    },
    (error) => {
      settled = false
      fullDue = true
      // The link died under a dump: its end is the machine's business, and its successor brings a mark.
      if (error instanceof NetlinkError) log.debug('peers.failed', `peers: ${error.message}`, { error })
      else log.warn('peers.failed', `peers: ${String(error)}`, { error })
      again()
    },
  )

  return {
    mark: markFull,
    tryAgain() {
      if (unreached.size > 0) markFull()
    },
    markView: () => loop.mark(),
    hear(action, entry) {
      if (fullDue) return loop.mark()
      compared += entry.length
      if (book === undefined || compared > COMPARED || !isAsDesired(book, action, entry)) markFull()
    },
    get settled() {
      return settled
    },
    async stop() {
      await loop.stop()
      retry?.cancel()
    },
  }
}

interface Book {
  readonly desired: DesiredBook
  readonly device: Device
  /** Of the direct routes that it was made with. */
  readonly direct: string
}

const NO_DIRECT = { onLink: undefined, signature: '' }

function isFor(book: Book | undefined, view: LeaseView, { ifindex, lladdr }: Device, direct: string): book is Book {
  if (book?.desired.view !== view.peers || book.direct !== direct) return false
  // A book that has noted changes has stale packed tables: a full round packs them anew.
  return !book.desired.noted && book.device.ifindex === ifindex && book.device.lladdr === lladdr
}

/**
 * An entry that is set as it should be, or the end of one of our device that nobody wants, is our own doing (FDB
 * notifications do not say whose) or right whoever did it. A route of another link may shadow ours: never as desired.
 */
function isAsDesired({ desired, device }: Book, action: 'set' | 'deleted', entries: EntryTable): boolean {
  for (let i = 0; i < entries.length; i += 1) {
    const bytes = entryBytes(entries, i)
    if (ifindexOfEntry(bytes) !== device.ifindex) return false
    if (action === 'set' ? !desired.agrees(bytes) : bytes[OFFSET_KIND] === KIND_ROUTE || desired.wants(bytes))
      return false
  }
  return true
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
