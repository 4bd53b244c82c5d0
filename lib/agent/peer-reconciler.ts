/**
 * Keeps the three tables of one family as the leases say: one single-flight loop. A full round dumps, plans, applies in
 * phases and looks again until nothing is left to do; when only a few leases changed since a round that left nothing to
 * do, their own keys are planned against what that round confirmed (design decision 5).
 * Owns the loop and what makes a full round due, and when, as the governor says. Must not: decide what is desired or which
 * entry may be touched (lib/overlay), nor touch the device.
 */

import { OFFSET_KIND } from '../addon/abi.ts'
import { isVxlan, type Network, routesDirectly } from '../cluster/network.ts'
import type { LeaseView } from '../cluster/view.ts'
import type { Device } from '../device/types.ts'
import { NetlinkError } from '../errors.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import { unroutedOf } from '../overlay/desired.ts'
import { type Change, packBook } from '../overlay/desired-book.ts'
import { directRoutes } from '../overlay/direct.ts'
import { renderSubject } from '../overlay/entry-text.ts'
import { type ForeignPrefixes, foreignPrefixes } from '../overlay/plan/foreign-prefixes.ts'
import { type ActualTables, planPeers } from '../overlay/plan.ts'
import { type EntryTable, entryBytes, unpackEntry } from '../rtnl/entries.ts'
import type { Rtnl } from '../rtnl/port.ts'
import type { Clock } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import { createDueTime } from '../util/due-time.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import { inSlices } from '../util/slices.ts'
import type { StandingLog } from '../util/standing-log.ts'
import { applyPlan, type Tally, tableOf } from './apply-plan.ts'
import type { Containment } from './containment.ts'
import { createContested } from './contested.ts'
import { createEars } from './ears.ts'
import { type Governor, LONGEST_MS, PATIENT_MS } from './governor.ts'
import type { Heals } from './heals.ts'
import { isAsDesired, isFor, isOfOthers, isOn, type PeerBook } from './peer-book.ts'
import { createPeerReports } from './peer-reports.ts'
import {
  batchesOf,
  lookAtTables,
  namesOfEntry,
  namesOfPlan,
  nothingSeen,
  type PlanNames,
  planTables,
} from './peer-round.ts'
import type { RtnlSession } from './rtnl-session.ts'
import { createShadows } from './shadows.ts'
import { type TableDifference, tableDifference } from './table-difference.ts'

/** Before a round that failed is tried again, milliseconds. */
const FIRST_RETRY_MS = 20

export interface PeerReconciler {
  /** The kernel's tables may not be what they were: a look at everything is due. */
  mark(): void
  /** Something of the host changed that may decide which peers are on-link. */
  markHost(): void
  /** Entries may have changed unheard. */
  markUnheard(): void
  /** Something changed that may be why the kernel refused an entry (an address of the host that is a peer's gateway). */
  tryAgain(): void
  /** The view or the device is another one; a round finds out what that means. */
  markView(): void
  /** The kernel announced an entry that concerns us: a look at everything is due unless it is as desired. */
  hear(action: 'set' | 'deleted', entry: EntryTable): void
  /** The last round found or wrote every entry that the kernel does not refuse for good. */
  readonly programmed: boolean
  /** Routes of others that win over ours, in one sentence; undefined: none do. */
  readonly shadowed: string | undefined
  /** Nothing is being repaired, or waits for it; what the kernel refuses for good does not count. */
  readonly calm: boolean
  /** Everything is as it should be, and nothing is refused. */
  readonly whole: boolean
  /** Of a peer: its entries stand and no route of others wins over its own, as far as the last round knows. */
  stands(node: string): boolean
  /** Peers that do not stand. */
  readonly fallen: ReadonlySet<string>
  /** Of each table, how many entries there should be, and how many of them stand as far as the last round and what was heard tell. */
  readonly tables: Readonly<
    Record<'neighbours' | 'fdb' | 'routes', { readonly wanted: number; readonly inPlace: number }>
  >
  /** A fresh look beside what the tables should be, by a socket of the caller's; undefined: there is no device or no view yet. */
  compare(rtnl: Rtnl): Promise<TableDifference | undefined>
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
  /** Our own subnet, when it shall have a blackhole route. */
  readonly blackhole: () => Cidr | undefined
  /** A flannel that runs here beside us, in words. */
  readonly rival: () => Promise<string | undefined>
  readonly governor: Governor
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
  readonly report: Containment['report']
  /** Default: ten minutes. */
  readonly contestedStayMs?: number | undefined
  /** Entries are not what they should be, in words. */
  readonly onDamage: (what: () => string, action: 'set' | 'deleted') => void
  /** A round of everything wrote; HealsParts. */
  readonly onWrote: Heals['wrote']
  /** A round ended. */
  readonly onRound: () => void
  /** Entries of anybody may have changed unheard; the tables of the peers are looked at. */
  readonly onUnheard: () => void
}

export function createPeerReconciler(parts: PeerReconcilerParts): PeerReconciler {
  const { clock, governor, standing, family } = parts
  const network = parts.network[family]
  const reports = createPeerReports(parts)
  const { backend } = parts.network
  const tunnels = isVxlan(parts.network)
  const direct = routesDirectly(backend)
  const shadows = createShadows({ ...parts, network, vni: backend.type === 'vxlan' ? backend.vni : undefined })
  /** Our own device; undefined: there is none, and `device` is somebody else's link. */
  const ownLink = (device: Device): Device['ifindex'] | undefined => (tunnels ? device.ifindex : undefined)
  /** What the tables should be, for one device. */
  let book: PeerBook | undefined
  /** A look at everything. */
  const due = createDueTime(clock, () => loop.mark())
  due.keepDue()
  /** The last full round found the kernel's tables to be the book's, but for what the kernel refuses. */
  let confirmed = false
  /** Nodes of which that round could not write an entry: what stands there is not what the book says. */
  let unreached: ReadonlySet<string> = new Set()
  /** Where that round saw routes of others: a peer there is compared with them. */
  let isForeign: ForeignPrefixes = () => false
  let programmed = false
  /** The last full round had a view that says what may be deleted. */
  let wasSynced = false
  /** What the last full round wrote, as the governor knows it. */
  let written: readonly string[] = []
  /** On which link the book was written, and what is not there of it since, as far as is known. */
  let writtenOn: Device['ifindex'] | undefined
  let lacking: Tally['lacking'] = { neighbours: 0, fdb: 0, routes: 0 }
  /** Rounds in a row that ended with an error. */
  let failures = 0
  /** When what the kernel refuses is tried again; infinite: it refuses nothing. */
  let patientAt = Number.POSITIVE_INFINITY

  const damaged = (ms: number): void => {
    confirmed = false
    due.within(ms)
  }
  const markHost = (): void => {
    governor.failed('host')
    due.within(governor.waitMs(['host']))
  }
  const markUnheard = (): void => {
    confirmed = false
    markHost()
  }
  const contested = createContested({ ...parts, network, onEnd: () => damaged(0) })
  const ears = createEars({ session: parts.session, onDeaf: markUnheard, onOpen: parts.onUnheard })
  const turn = (): Promise<void> => clock.turn()
  const applying = (device: Device) => ({ alive: () => parts.device()?.ifindex === device.ifindex, turn })

  /** What the tables should be, to be packed where it is not known already. */
  const bookFor = (view: LeaseView, device: Device, network: Cidr, { routes }: ActualTables) => {
    const { ifindex } = device
    const onLink = direct ? directRoutes(family, routes, ownLink(device)) : NO_DIRECT
    const blackhole = parts.blackhole()
    const lladdr = tunnels ? device.lladdr : undefined
    const of = { family, network, ifindex, lladdr, onLink: onLink.onLink, noTunnel: !tunnels, blackhole }
    return { made: { device, direct: onLink.signature, blackhole }, pack: () => packBook(of, view.peers) }
  }
  const compare = async (rtnl: Rtnl): Promise<TableDifference | undefined> => {
    const [device, view] = [parts.device(), parts.view()]
    if (device === undefined || view === undefined || network === undefined) return undefined
    const look = await lookAtTables(rtnl, family, ownLink(device))
    const { made, pack } = bookFor(view, device, network, look.actual)
    const { packed } = isFor(book, view, made) ? book.desired : await inSlices(pack(), turn)
    const of = { network, desired: packed, spared: contested.sparedOf(view, device), ifindex: ownLink(device), view }
    const plan = await planTables(rtnl, of, look, turn)
    const links = new Map((await rtnl.dumpLinks()).value.map((link) => [link.ifindex, link.ifname]))
    const found = tableDifference(plan, view.synced && !look.interrupted, (ifindex) => links.get(ifindex))
    for (const table of [...batchesOf(plan), ...Object.values(look.actual)]) rtnl.release(table)
    return found
  }

  const fullRound = async (rtnl: Rtnl, view: LeaseView, device: Device): Promise<Tally> => {
    // In a quarrel one look follows the other unheard, until one finds nothing to do.
    if (ears.deaf && governor.quarrelling) parts.onUnheard()
    else ears.open()
    due.begin()
    patientAt = Number.POSITIVE_INFINITY
    confirmed = false
    wasSynced = view.synced
    if (network === undefined) throw new TypeError(`${family} has no network`)
    const started = clock.now()
    const { ifindex } = device
    // Another device than before has nothing on it: it is written first, and looked at after.
    const isEmpty = !direct && book !== undefined && book.device.ifindex !== ifindex
    const look = isEmpty ? nothingSeen() : await lookAtTables(rtnl, family, ownLink(device))
    const { actual } = look
    if (!isEmpty) reports.unreadable(look.unreadable)
    const { made, pack } = bookFor(view, device, network, actual)
    const isNews = !isFor(book, view, made)
    if (isNews) {
      if (book?.device.ifindex !== ifindex) shadows.reset()
      const desired = await inSlices(pack(), turn)
      const offLink = tunnels ? [] : unroutedOf(desired.packed)
      const lost = new Set([...desired.conflicts.map(({ node }) => node), ...offLink])
      book = { desired, lost, ...made }
      reports.conflicts(desired.conflicts)
      reports.offLink(offLink.map((node) => ({ node, underlay: view.peers.get(node)?.[family]?.underlay })))
    }
    const { desired } = book as PeerBook
    const spared = contested.sparedOf(view, device)
    const plan = await planTables(
      rtnl,
      { network, desired: desired.packed, spared, ifindex: ownLink(device), view },
      look,
      turn,
    )
    // What is written for other peers or another device is no repair.
    const { names, kinds, inWords } = isNews ? NO_NAMES : namesOfPlan(plan)
    // A few entries after many of their kind are the rest of what was told.
    const news = governor.isNews([...names, ...kinds])
    // A repair is told when all is whole again.
    const level = isNews && news ? 'info' : 'debug'
    // Who is refused is not being undone by anybody.
    if (unreached.size > 0) governor.failed(...names)
    else governor.repaired(names, inWords)
    const done = await applyPlan(rtnl, plan, applying(device))
    writtenOn = ifindex
    lacking = done.lacking
    for (const batch of batchesOf(plan)) rtnl.release(batch)
    if (!isEmpty) done.written += await shadows.settle(rtnl, plan.shadowed, view)
    governor.took([...names, 'tables', 'host'], clock.now() - started)
    written = names
    if (look.interrupted) tryAgainIn(done.written > 0 ? LONGEST_MS : PATIENT_MS)
    again(done, isEmpty ? 1 : plan.deferred)
    const complete = view.synced && !look.interrupted && !ears.deaf && !isEmpty
    if (ears.deaf && done.written === 0) {
      ears.open()
      due.within(0)
    }
    // What the kernel refuses for good is tried again by the time of the retry; other leases need not wait for it.
    confirmed = complete && done.retry === 0 && done.written === 0 && plan.deferred === 0
    unreached = new Set([...done.unreached].map((peer) => desired.packed.nodes[peer] ?? ''))
    if (confirmed) isForeign = await inSlices(foreignPrefixes(actual.routes, network, ownLink(device)), turn)
    for (const table of [actual.neighbours, actual.fdb, actual.routes]) rtnl.release(table)
    reports.applied(done, clock.now() - started, { whole: true, level })
    parts.onWrote(done, { since: started, repair: !isNews, news })
    return done
  }
  /** What follows from what a round has done, and what it has left for the next. */
  const again = (done: Tally, deferred: number): void => {
    if (done.retry + done.failed > 0) {
      tryAgainIn(done.retry > 0 || ears.deaf ? LONGEST_MS : PATIENT_MS)
      if (done.retry === 0) patientAt = due.at
    }
    // An ack is not proof and leftovers wait for one: what was written is looked at once more.
    else if (done.written > 0 || deferred > 0) due.within(governor.waitMs(written))
  }
  const tryAgainIn = (longestMs: number): void => {
    governor.failed('tables')
    due.within(Math.max(FIRST_RETRY_MS, governor.waitMs(['tables'], longestMs)))
  }

  /** Undefined when the whole view has to decide. */
  const changeOf = (view: LeaseView, device: Device): Change | undefined => {
    if (due.isDue || !confirmed || !view.synced || !isOn(book, device)) return undefined
    const change = book.desired.changeTo(view.peers)
    if (change === undefined || isForeign(change.after.routes)) return undefined
    // Who is off-link is told by whoever looks at everything.
    const { lost } = book
    if (!tunnels && (change.nodes.some((node) => lost.has(node)) || unroutedOf(change.after).length > 0))
      return undefined
    return change.nodes.some((node) => unreached.has(node)) ? undefined : change
  }
  const keyedRound = async (rtnl: Rtnl, change: Change, view: LeaseView, device: Device): Promise<Tally> => {
    if (network === undefined) throw new TypeError(`${family} has no network`)
    const started = clock.now()
    const { before: actual, after: desired } = change
    const spared = contested.sparedOf(view, device)
    const plan = planPeers({ network, ifindex: ownLink(device), desired, actual, complete: true, spared })
    book?.desired.note(change)
    const done = await applyPlan(rtnl, plan, applying(device))
    for (const table of TABLES) lacking[table] += done.lacking[table]
    if (done.failed + done.retry > 0) {
      confirmed = false
      again(done, 0)
    }
    reports.applied(done, clock.now() - started, { whole: false, level: 'info' })
    return done
  }

  const round = async (): Promise<void> => {
    const device = parts.device()
    const view = parts.view()
    if (device === undefined || view === undefined || network === undefined) {
      programmed = false
      confirmed = false
      due.keepDue()
      reports.offLink([])
      return ears.open()
    }
    const change = changeOf(view, device)
    if (change === undefined && !due.isDue && book?.device.ifindex === device.ifindex) {
      if (book.desired.view === view.peers && wasSynced === view.synced) return
      // Another view: at once, unless a quarrel goes on over what the last round wrote.
      const waitMs = governor.waitMs(written)
      if (waitMs > 0) return due.within(waitMs)
    }
    const { retry } = await parts.session.use((rtnl) =>
      change === undefined ? fullRound(rtnl, view, device) : keyedRound(rtnl, change, view, device),
    )
    standing.over('peers.look-failed', 'the tables can be read and written again')
    failures = 0
    programmed = view.synced && retry === 0
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
      programmed = false
      confirmed = false
      failures += 1
      parts.report(error)
      // Mostly the link died under a dump: its end is the machine's business, and its successor brings a mark.
      if (failures > 1 || !(error instanceof NetlinkError))
        standing.stands('peers.look-failed', `cannot read or write the tables: ${messageOf(error)}`)
      tryAgainIn(LONGEST_MS)
    },
  )

  return {
    mark: () => damaged(0),
    markHost,
    markUnheard,
    tryAgain() {
      if (unreached.size > 0) damaged(0)
    },
    markView: () => loop.mark(),
    hear(action, entries) {
      if (!ears.hear(entries.length)) return
      for (let i = 0; i < entries.length; i += 1) {
        const bytes = entryBytes(entries, i)
        if (book !== undefined && isOfOthers(book, bytes)) {
          markUnheard()
          continue
        }
        if (book !== undefined && isAsDesired(book, action, bytes)) continue
        if (action === 'deleted' && book?.desired.wants(bytes)) lacking[tableOf(bytes[OFFSET_KIND] ?? 0)] += 1
        parts.onDamage(
          () => `${renderSubject(unpackEntry(entries, i))} ${action === 'set' ? 'altered' : 'deleted'}`,
          action,
        )
        damaged(governor.waitMs(namesOfEntry(bytes)))
        if (due.isDue) return
      }
    },
    get programmed() {
      return programmed
    },
    get calm() {
      return programmed && due.at >= patientAt
    },
    get whole() {
      return programmed && due.at === Number.POSITIVE_INFINITY && unreached.size === 0
    },
    stands: (node) => !unreached.has(node) && !shadows.nodes.has(node) && book?.lost.has(node) !== true,
    get fallen() {
      return new Set([...unreached, ...shadows.nodes, ...(book?.lost ?? [])])
    },
    get tables() {
      const stands =
        writtenOn !== undefined && parts.device()?.ifindex === writtenOn && book?.device.ifindex === writtenOn
      const of = (table: (typeof TABLES)[number]) => {
        const wanted = book?.desired.sizes[table] ?? 0
        return { wanted, inPlace: stands ? Math.max(0, wanted - lacking[table]) : 0 }
      }
      return { neighbours: of('neighbours'), fdb: of('fdb'), routes: of('routes') }
    },
    get shadowed() {
      return shadows.catching
    },
    compare,
    async stop() {
      await loop.stop()
      due.stop()
      contested.stop()
      reports.stop()
    },
  }
}

const TABLES = ['neighbours', 'fdb', 'routes'] as const
const NO_DIRECT = { onLink: undefined, signature: '' }
const NO_NAMES: PlanNames = { names: [], kinds: [], inWords: () => '' }
