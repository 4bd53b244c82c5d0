/**
 * A fake kernel: one network namespace in memory that behaves as kernel-facts 2 to 4 say. It has state, not
 * expectations; test/conformance proves that the real kernel ends in the same state after the same scenario.
 *
 *   const kernel = createFakeKernel()
 *   kernel.admin.addNic('mgmt0'); kernel.admin.setUp('mgmt0'); kernel.admin.addAddress('mgmt0', '192.0.2.1/24')
 *   const rtnl = kernel.open()                       // an Rtnl; every open() has a port ID of its own
 *   kernel.admin.deleteLink('mgmt0')                 // any disturbance, at any time, synchronous; by name
 *   kernel.at(3, 'before', () => kernel.admin.setDown('flannel.1'))   // just before the third request from now
 *   kernel.at(1, { entry: 2 }, () => …)              // between the entries of the next request, if it is a batch
 *   kernel.faults.inject({ on: 'createVxlan', fault: { kind: 'errno', errno: 16 } })
 *   kernel.hold(); kernel.step(); kernel.release()   // requests wait, one by one goes, all go
 *   kernel.deliver()                                 // with { delivery: 'manual' }: notifications wait for this
 *   kernel.overrun(); kernel.tell(notification); kernel.failMonitors(errno)   // what a monitor can suffer
 *   kernel.log; kernel.writes                        // what was asked, and how many writes there were
 *   kernel.snapshot(); kernel.text()                 // everything, as data and as lines
 *
 * A request is carried out in a microtask of its own after the call, in order; its answer follows hooks 'after'.
 * ifindexes grow and are never used again; `lo` is 1. Not modelled: entries that the kernel learns by itself (ARP, ND,
 * multicast), IPv6 below MTU 1280, rules by what the port does not tell, and time: DAD ends when `finishDad` says so.
 */
import { constants } from 'node:os'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { type Ip, parseIp } from '../../../lib/net/ip.ts'
import { parseLladdr } from '../../../lib/net/lladdr.ts'
import type { EntryTable } from '../../../lib/rtnl/entries.ts'
import type { Announcement, Link, Notification, Rtnl } from '../../../lib/rtnl/port.ts'
import { addAddress, changeAddressFlags } from './addresses.ts'
import type { FakeAdministrator } from './administration.ts'
import { createAdministrator } from './administrator.ts'
import { settleCarriers } from './carriers.ts'
import { openDoor, plainLink } from './door.ts'
import { ENODEV, ENOENT, errnoName } from './errnos.ts'
import { createFaultBook, type Faults } from './faults.ts'
import { changeLink } from './link-changes.ts'
import { createLink } from './links.ts'
import { deliverAll, failMonitors, overrunMonitors, tellMonitors } from './monitor.ts'
import { createRequestQueue, type Hook, type Operation } from './requests.ts'
import { renderSnapshot, type Snapshot, takeSnapshot } from './snapshot.ts'
import { createState, type KernelTraits, type OwnAddress, type Settings, type State, USUAL_TRAITS } from './state.ts'

export interface FakeKernelOptions {
  /** IPv6 addresses without nodad stay tentative until `finishDad`; default true. */
  readonly dad?: boolean
  /** Links get fe80:: addresses and routes when they come up; default true. */
  readonly linkLocals?: boolean
  /** 'microtask' (default): by itself, soon. 'manual': when `deliver` is called. */
  readonly delivery?: 'microtask' | 'manual'
  /** Default: USUAL_TRAITS. */
  readonly traits?: KernelTraits
}

/** Writes asked for and carried out (refused ones too); of a batch each entry counts. */
export interface WriteCounts {
  readonly links: number
  readonly addresses: number
  readonly entries: number
}

export interface FakeKernel {
  open(): Rtnl
  readonly admin: FakeAdministrator
  readonly faults: Faults
  /** Every request since the start or the last `clearLog`, oldest first. */
  readonly log: readonly Operation[]
  clearLog(): void
  /** Since the start or the last `clearLog`. */
  readonly writes: WriteCounts
  /** Runs before, or after, every request until the returned function is called. */
  onRequest(when: 'before' | 'after', hook: Hook): () => void
  /** Once: around the nth request from now (1: the next), or before entry `entry` of it. */
  at(nth: number, when: 'before' | 'after' | { readonly entry: number }, act: () => void): void
  hold(): void
  release(): void
  /** Carries out the oldest request that waits; false when none does. */
  step(): boolean
  /** Requests that wait. */
  readonly waiting: number
  /** Every monitor hears entries (Monitor.hearEntries). */
  readonly entriesAreHeard: boolean
  /** Hands the queued notifications to the monitors; how many there were. */
  deliver(): number
  /** Queued notifications are lost; every monitor hears `overrun`. */
  overrun(): void
  /** Every monitor hears this, whether it is true or not; `{ type: 'overrun', unreadable }`: a message that does not decode. */
  tell(notification: Notification): void
  /** Every monitor hears `closed` and nothing after it; `errno` defaults to EIO. */
  failMonitors(errno?: number): void
  /** DAD succeeds on one link, or on all. */
  finishDad(ifname?: string): void
  link(ifname: string): Link | undefined
  /** Links that went to another namespace. */
  readonly away: readonly Link[]
  /** What was told to links by announceAddress, oldest first. */
  readonly announcements: readonly Announcement[]
  snapshot(): Snapshot
  text(): string
}

export function createFakeKernel(options: FakeKernelOptions = {}): FakeKernel {
  const { dad = true, linkLocals = true, delivery = 'microtask', traits = USUAL_TRAITS } = options
  const state = createState({ dad, linkLocals, delivery, traits } satisfies Settings)
  const faults = createFaultBook()
  const queue = createRequestQueue(state, faults)
  const disturbances: Disturbance[] = []
  let ports = 1000
  bringLoopbackUp(state)

  const fire = (number: number, when: 'before' | 'after' | number): void => {
    for (const due of disturbances.filter((each) => each.number === number && each.when === when)) {
      disturbances.splice(disturbances.indexOf(due), 1)
      due.act()
    }
  }
  queue.onBefore(({ number }) => disturbances.length > 0 && fire(number, 'before'))
  queue.onAfter(({ number }) => disturbances.length > 0 && fire(number, 'after'))

  return {
    open() {
      ports += 1
      return openDoor(state, queue, ports, (index) => disturbances.length > 0 && fire(queue.carriedOut, index))
    },
    admin: { ...createAdministrator(state), ...hardware(state) },
    faults,
    log: queue.log,
    clearLog: () => void queue.log.splice(0),
    get writes() {
      return countWrites(queue.log)
    },
    onRequest: (when, hook) => (when === 'before' ? queue.onBefore(hook) : queue.onAfter(hook)),
    at(nth, when, act) {
      disturbances.push({ number: queue.carriedOut + nth, when: typeof when === 'string' ? when : when.entry, act })
    },
    hold: () => queue.hold(),
    release: () => queue.release(),
    step: () => queue.step(),
    get waiting() {
      return queue.waiting
    },
    get entriesAreHeard() {
      return [...state.listeners].every(({ hearsEntries }) => hearsEntries)
    },
    deliver: () => deliverAll(state),
    overrun: () => overrunMonitors(state),
    tell: (notification) => tellMonitors(state, notification),
    failMonitors: (errno = constants.errno.EIO) => failMonitors(state, errno),
    finishDad: (ifname) => finishDad(state, ifname),
    link: (ifname) => linkNamed(state, ifname),
    get away() {
      return [...state.away.values()]
    },
    announcements: state.announcements,
    snapshot: () => takeSnapshot(state),
    text: () => renderSnapshot(takeSnapshot(state)),
  }
}

interface Disturbance {
  readonly number: number
  readonly when: 'before' | 'after' | number
  readonly act: () => void
}

type Hardware = Pick<FakeAdministrator, 'addNic' | 'setCarrier' | 'setAddressFlags'>

function hardware(state: State): Hardware {
  return {
    addNic(ifname, options = {}) {
      const { mtu = 1500, lladdr } = options
      const spec = { ifname, mtu, ...(lladdr === undefined ? {} : { lladdr: parseLladdr(lladdr) }) }
      const refusal = createLink(state, plainLink(state, '', spec, 0), {}, 0)
      return refusal === undefined ? undefined : errnoName(refusal.errno)
    },
    setCarrier(ifname, carrier) {
      const link = linkNamed(state, ifname)
      const detail = link === undefined ? undefined : state.details.get(link.ifindex)
      if (detail === undefined) return errnoName(ENODEV)
      detail.cable = carrier
      settleCarriers(state)
      return undefined
    },
    setAddressFlags(ifname, ip, flags) {
      const address = addressesOn(state, ifname).find((own) => own.ip === parseIp(ip))
      if (address === undefined) return errnoName(ENOENT)
      changeAddressFlags(state, address, flags)
      return undefined
    },
  }
}

const IFAPROT_KERNEL_LO = 1

function bringLoopbackUp(state: State): void {
  const lo = 1 as Ifindex
  createLink(state, { ifname: 'lo', kind: '', mtu: 65_536, lladdr: undefined, loopback: true }, {}, 0)
  changeLink(state, lo, { up: true })
  const own = { ifindex: lo, noDad: true }
  addAddress(state, { ...own, ip: '127.0.0.1' as Ip, prefixLength: 8 }, 0)
  const ipv6 = { protocol: IFAPROT_KERNEL_LO, flags: { noDad: false } }
  addAddress(state, { ...own, ...ipv6, ip: '::1' as Ip, prefixLength: 128 }, 0)
}

function linkNamed(state: State, ifname: string): Link | undefined {
  const ifindex = state.names.get(ifname)
  return ifindex === undefined ? undefined : state.links.get(ifindex)
}

function addressesOn(state: State, ifname: string): OwnAddress[] {
  const link = linkNamed(state, ifname)
  const own = link === undefined ? undefined : state.addresses.get(link.ifindex)
  return own === undefined ? [] : [...own.ipv4, ...own.ipv6]
}

function finishDad(state: State, ifname: string | undefined): void {
  const names = ifname === undefined ? [...state.names.keys()] : [ifname]
  for (const name of names)
    for (const own of addressesOn(state, name))
      if (own.flags.tentative) changeAddressFlags(state, own, { tentative: false })
}

const LINK_WRITES = new Set(['createVxlan', 'createVeth', 'createBridge', 'changeLink', 'moveLink', 'deleteLink'])

function countWrites(log: readonly Operation[]): WriteCounts {
  let links = 0
  let addresses = 0
  let entries = 0
  for (const { request, args } of log) {
    if (LINK_WRITES.has(request)) links += 1
    else if (request === 'addAddress' || request === 'deleteAddress') addresses += 1
    else if (request === 'applyEntries') entries += (args[0] as EntryTable).length
  }
  return { links, addresses, entries }
}

export type {
  Administrator,
  AdminRoute,
  AdminRule,
  AdminVxlan,
  FakeAdministrator,
  LinkOptions,
} from './administration.ts'
export { ADMINISTRATOR_PID } from './administration.ts'
export type { Fault, FaultRule, Faults, InjectedFault } from './faults.ts'
export type { Hook, Operation, RequestName } from './requests.ts'
export type { Snapshot } from './snapshot.ts'
export { type KernelTraits, USUAL_TRAITS } from './state.ts'
