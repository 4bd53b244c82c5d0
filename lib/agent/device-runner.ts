/**
 * Runs one device machine: feeds it events, does what it asks for in the kernel, answers; asks the governor when. Owns the
 * look at the kernel and what is remembered of the underlay; entries are the peer reconciler's. Must not: decide anything.
 */

import type { ChecksumWish } from '../device/checksum.ts'
import { decide } from '../device/decide.ts'
import { createMachine, step } from '../device/machine.ts'
import { findDevice, interpretFacts, type Knowledge, needsRoutes } from '../device/observation.ts'
import type { DeviceEffect, DeviceEvent, DeviceSettings, DeviceState, Observation, PauseOver } from '../device/types.ts'
import { NetlinkError } from '../errors.ts'
import type { CommandDifference } from '../firewall/port.ts'
import type { Ifindex } from '../net/ifindex.ts'
import type { Ip } from '../net/ip.ts'
import type { Rtnl } from '../rtnl/port.ts'
import type { UnderlayChoice } from '../underlay/choice.ts'
import { NO_MEMORY, type UnderlayMemory } from '../underlay/memory.ts'
import type { Underlay } from '../underlay/underlay.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import type { StandingLog } from '../util/standing-log.ts'
import { unreachable } from '../util/unreachable.ts'
import type { Containment } from './containment.ts'
import { deviceDifference } from './device-difference.ts'
import { acceptRaKey, applyOps, type Sysctl } from './device-ops.ts'
import { type Governor, LONGEST_MS, PATIENT_MS } from './governor.ts'
import type { RtnlSession } from './rtnl-session.ts'

export interface DeviceRunner {
  readonly state: DeviceState
  /** The underlay address that belongs to this node, as far as it is known: worth keeping over a restart. */
  readonly founded: Ip | undefined
  /** The same, as a run before this one has kept it. */
  remember(founded: Ip): void
  send(event: DeviceEvent): void
  /** A fresh look, and what would be done about it. Rejects with NetlinkSocketError. */
  compare(): Promise<CommandDifference>
  /** The device or what it hangs on is another one: nothing that is held back or waited for counts any more. */
  hurry(): void
  /** No effect is started any more; a running one ends by itself and its answer is ignored. */
  stop(): void
}

export interface DeviceRunnerParts {
  readonly settings: DeviceSettings
  readonly choice: UnderlayChoice
  /** What is known of our underlay beside the kernel, at this moment. */
  readonly knowledge: () => Omit<Knowledge['underlay'], 'now'> & Pick<Knowledge, 'reachesPeers'>
  readonly session: RtnlSession
  readonly sysctl: Sysctl
  /** What the checksums of the device should be, on this underlay, where it is known; undefined: as they are. */
  readonly checksum: (underlay: Pick<Underlay, 'ifindex' | 'ifname'> | undefined) => Promise<ChecksumWish | undefined>
  readonly governor: Governor
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
  readonly guard: Containment['guard']
  readonly report: Containment['report']
  /** After every event that changed the state. */
  readonly onState: (from: DeviceState, to: DeviceState) => void
}

export function createDeviceRunner(parts: DeviceRunnerParts): DeviceRunner {
  const { clock, governor, guard } = parts
  let machine = createMachine(parts.settings)
  let memory: UnderlayMemory = NO_MEMORY
  const timers: Record<'pause' | 'patience' | 'underlay', Timer | undefined> = {
    pause: undefined,
    patience: undefined,
    underlay: undefined,
  }
  /** A repair that waits for the governor. */
  let held: { readonly timer: Timer; readonly epoch: number } | undefined
  /** Operations that were refused when they were last tried. */
  const refused = new Set<string>()
  const queue: DeviceEvent[] = []
  let stepping = false

  const send = (event: DeviceEvent): void => {
    queue.push(event)
    if (stepping) return
    stepping = true
    try {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const from = machine.state
        const result = step(machine, next)
        machine = result.machine
        if (machine.state !== from) parts.onState(from, machine.state)
        for (const effect of result.effects) run(effect)
      }
    } finally {
      stepping = false
    }
    if (event.type === 'gone') hurry()
  }

  const after = (name: keyof typeof timers, delayMs: number, event: DeviceEvent): void => {
    timers[name]?.cancel()
    timers[name] = clock.after(delayMs, () => send(event))
  }
  const run = (effect: DeviceEffect): void => {
    if (effect.type === 'observe') look(effect)
    else if (effect.type === 'apply') hold(effect)
    else if (effect.type === 'hasten') pause(effect, LONGEST_MS)
    else if (effect.type === 'pause') {
      governor.failed(effect.over)
      pause(effect, effect.over === 'refusal' ? PATIENT_MS : LONGEST_MS)
    } else if (effect.type === 'patience') {
      governor.failed('flaw')
      after('patience', governor.waitMs(['flaw'], PATIENT_MS), { type: 'patience-over' })
    } else unreachable(effect)
  }
  const pause = ({ epoch, over }: { readonly epoch: number; readonly over: PauseOver }, longestMs: number): void =>
    after('pause', governor.waitMs([over], longestMs), { type: 'due', epoch })

  const knowledge = (ifindex: Ifindex | undefined): Knowledge => {
    const { reachesPeers, ...underlay } = parts.knowledge()
    return { ifindex, lladdr: machine.lladdr, underlay: { ...underlay, now: clock.now() }, memory, reachesPeers }
  }
  const look = ({ epoch, ifindex }: Extract<DeviceEffect, { type: 'observe' }>): void => {
    const { subnet } = machine.wanted
    observe(parts, knowledge(ifindex)).then(
      guard(({ observation, memory: now, againMs }) => {
        // What was seen before we knew who we are is nothing to remember.
        if (subnet !== undefined && subnet === machine.wanted.subnet) memory = now
        parts.standing.over('device.look-failed', 'the kernel answers again')
        if (againMs !== undefined) after('underlay', againMs, { type: 'disturbed' })
        send({ type: 'observed', epoch, observation })
      }),
      guard((error) => {
        parts.report(error)
        parts.standing.stands('device.look-failed', `cannot look at the kernel's tables: ${messageOf(error)}`)
        send({ type: 'observe-failed', epoch, because: messageOf(error) })
      }),
    )
  }
  /** What is undone again and again waits; then it is decided anew, on what is true by then. */
  const hold = ({ epoch, ops, because }: Extract<DeviceEffect, { type: 'apply' }>): void => {
    const names = ops.map((op) => JSON.stringify(op))
    const waitMs = governor.waitMs(names)
    if (waitMs > 0) {
      held = { epoch, timer: clock.after(waitMs, () => release()) }
      return
    }
    const level = governor.isNews(names) ? 'info' : 'debug'
    // Who is refused is not being undone by anybody.
    if (names.some((name) => refused.has(name))) governor.failed(...names)
    else governor.repaired(names, () => because)
    applyOps(parts, { ops, because, level }).then(
      guard((outcome) => {
        for (const name of names) refused.delete(name)
        if (outcome.type === 'apply-failed') refused.add(JSON.stringify(outcome.op))
        send({ ...outcome, epoch })
      }),
      guard((error) => {
        throw error
      }),
    )
  }
  const release = (): void => {
    if (held === undefined) return
    const { timer, epoch } = held
    timer.cancel()
    held = undefined
    // Nothing was done: looking again, the machine decides.
    send({ type: 'applied', epoch })
  }
  const hurry = (): void => {
    governor.reset()
    refused.clear()
    release()
    if (machine.phase.name === 'pausing') pause({ epoch: machine.epoch, over: machine.phase.over }, 0)
  }

  return {
    get state() {
      return machine.state
    },
    get founded() {
      return memory.founded
    },
    remember(founded) {
      if (memory.founded === undefined) memory = { ...memory, founded }
    },
    send,
    async compare() {
      const { state } = machine
      const { observation } = await observe(parts, knowledge('device' in state ? state.device.ifindex : undefined))
      return deviceDifference(
        parts.settings,
        decide(parts.settings, machine.wanted, machine.lladdr, observation),
        observation,
      )
    },
    hurry,
    stop() {
      send({ type: 'stop' })
      held?.timer.cancel()
      for (const timer of Object.values(timers)) timer?.cancel()
    },
  }
}

async function observe(parts: DeviceRunnerParts, known: Knowledge) {
  const { settings, choice, session } = parts
  const facts = await session.use(async (rtnl) => {
    const [links, addresses, reach] = await Promise.all([rtnl.dumpLinks(), rtnl.dumpAddresses(), reachOf(rtnl, choice)])
    const routes = needsRoutes(choice, known, addresses.value) ? await rtnl.dumpRoutes(settings.family) : NO_ROUTES
    return {
      links: links.value,
      addresses: addresses.value,
      routes: routes.value,
      reach,
      interrupted: links.interrupted || addresses.interrupted || routes.interrupted,
      unreadable: links.unreadable ?? addresses.unreadable ?? routes.unreadable,
    }
  })
  if (facts.unreadable === undefined) parts.standing.over('device.unreadable')
  else
    parts.standing.stands(
      'device.unreadable',
      `links, addresses or routes of this host cannot be read: ${facts.unreadable.count}, first ${facts.unreadable.first}`,
    )
  const device = findDevice(settings, facts.links, known)
  const acceptRa = device === undefined ? undefined : await parts.sysctl.read(acceptRaKey(device.ifname))
  const looked = interpretFacts(
    settings,
    choice,
    { ...facts, acceptRa: acceptRa === undefined ? undefined : Number(acceptRa) },
    known,
  )
  const { underlay } = looked.observation
  const wanted = device?.vxlan && (await parts.checksum('waiting' in underlay ? undefined : underlay))
  if (device !== undefined && wanted !== undefined) {
    const actual = await readChecksum(session, device.ifindex)
    if (actual !== undefined)
      return { ...looked, observation: { ...looked.observation, txChecksum: { actual, wanted } } }
  }
  return looked satisfies { observation: Observation; memory: UnderlayMemory }
}

/** undefined: the link has gone, or knows no such thing. */
async function readChecksum(session: RtnlSession, ifindex: Ifindex): Promise<boolean | undefined> {
  try {
    return await session.use((rtnl) => rtnl.readTxChecksum(ifindex))
  } catch (error) {
    if (error instanceof NetlinkError) return undefined
    throw error
  }
}

const NO_ROUTES = { value: { bytes: new Uint8Array(0), length: 0 }, interrupted: false, unreadable: undefined }

async function reachOf(rtnl: Rtnl, { canReach }: UnderlayChoice) {
  // Of either family: an IPv4 address may single out the interface that carries IPv6 too.
  if (canReach === undefined) return undefined
  try {
    return await rtnl.resolveRoute(canReach)
  } catch (error) {
    // No route is an answer (the choice says that it waits for one); a broken socket is not.
    if (error instanceof NetlinkError) return undefined
    throw error
  }
}
