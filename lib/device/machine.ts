/**
 * The device machine: one VXLAN device of one family, kept as it should be. Level-triggered: every event that could
 * matter leads to one fresh observation, and only an observation decides. Owns the order of things: one question in
 * flight, epochs, what is waited for. Must not: read a clock, the kernel or a log, nor say how long a pause is (the
 * governor does); decide.ts says what is right.
 */
import type { Ifindex } from '../net/ifindex.ts'
import { isUnicastLladdr, type Lladdr } from '../net/lladdr.ts'
import { unreachable } from '../util/unreachable.ts'
import { type Decision, decide } from './decide.ts'
import type {
  Device,
  DeviceEffect,
  DeviceEvent,
  DeviceOp,
  DeviceSettings,
  DeviceState,
  Observation,
  PauseOver,
  Wanted,
} from './types.ts'

/** Why a machine is blind whose device was deleted. */
export const DELETED = 'the device was deleted'

/** Times in a row that the same change is asked for before it counts as one that the kernel accepts without doing it. */
const PATIENCE = 3

/** What is in flight. Exactly one question at a time, so exactly one answer (with the machine's epoch) is believed. */
type Phase =
  | { readonly name: 'idle' }
  /** `stale`: our link died meanwhile, or we became somebody else: the answer may show what is not so: ask again. */
  | { readonly name: 'observing'; readonly stale: boolean }
  | { readonly name: 'applying' }
  /** The runner says when to look again. */
  | { readonly name: 'pausing'; readonly over: PauseOver }

export interface Machine {
  readonly settings: DeviceSettings
  readonly state: DeviceState
  readonly wanted: Wanted
  /** Settled once per process: everybody has been told this one. */
  readonly lladdr: Lladdr | undefined
  readonly phase: Phase
  /** Of the newest question; an answer with another is ignored. */
  readonly epoch: number
  /** Something happened since the running observation was asked for. */
  readonly dirty: boolean
  /** What the last observation asked for, and how often in a row. */
  readonly last: { readonly ops: string; readonly times: number } | undefined
  /**
   * What the kernel refused, or accepts without doing it, and why: not asked for again while `patience` lasts. Forgotten with
   * `last` where that ends without `rest`, which alone makes sure that patience ends.
   */
  readonly refused: ReadonlyMap<string, string>
}

const NONE: Machine['refused'] = new Map()
const FORGOTTEN = { refused: NONE, last: undefined } as const

export interface Step {
  readonly machine: Machine
  readonly effects: readonly DeviceEffect[]
}

export function createMachine(settings: DeviceSettings): Machine {
  return {
    settings,
    state: { name: 'blind', because: 'just started' },
    wanted: { subnet: undefined, lladdr: undefined },
    lladdr: undefined,
    phase: { name: 'idle' },
    epoch: 0,
    dirty: false,
    last: undefined,
    refused: NONE,
  }
}

/** The one door for state changes. Never throws; an event that no longer matters returns the machine as it is. */
export function step(machine: Machine, event: DeviceEvent): Step {
  if (machine.state.name === 'stopped') return same(machine)
  switch (event.type) {
    case 'wanted':
      return disturb(wants(machine, event.wanted))
    case 'disturbed':
      return disturb(machine)
    case 'gone':
      return gone(machine, event.ifindex)
    case 'lost':
      return observe({ ...machine, state: unsettled(machine.state, event.because), ...FORGOTTEN })
    case 'observed':
      return answers(machine, event.epoch, 'observing') ? observed(machine, event.observation) : same(machine)
    case 'observe-failed':
      if (!answers(machine, event.epoch, 'observing')) return same(machine)
      return pause({ ...machine, state: unsettled(machine.state, event.because) }, 'trouble')
    case 'applied':
      return answers(machine, event.epoch, 'applying') ? observe(machine) : same(machine)
    case 'apply-failed':
      return answers(machine, event.epoch, 'applying') ? failed(machine, event) : same(machine)
    case 'due':
      return answers(machine, event.epoch, 'pausing') ? observe(machine) : same(machine)
    case 'patience-over':
      // What is in flight has been tried anew, and answers for itself.
      return disturb(machine.phase.name === 'applying' ? machine : { ...machine, ...FORGOTTEN })
    case 'stop':
      return same({ ...machine, state: { name: 'stopped' }, phase: { name: 'idle' }, epoch: machine.epoch + 1 })
    default:
      return unreachable(event)
  }
}

/** What was asked for before we knew who we are was asked for without all that is known of us. */
function wants(machine: Machine, wanted: Wanted): Machine {
  const { phase } = machine
  const outdated = phase.name === 'observing' && machine.wanted.subnet !== wanted.subnet
  return {
    ...machine,
    wanted,
    lladdr: settle(machine.lladdr, wanted),
    phase: outdated ? { name: 'observing', stale: true } : phase,
  }
}

/** The ifindex of the state's link, undefined in every state without one. */
export function ifindexOf(state: DeviceState): Ifindex | undefined {
  if ('device' in state) return state.device.ifindex
  return state.name === 'repairing' ? state.ifindex : undefined
}

function same(machine: Machine, ...effects: readonly DeviceEffect[]): Step {
  return { machine, effects }
}

function answers(machine: Machine, epoch: number, phase: Phase['name']): boolean {
  return machine.epoch === epoch && machine.phase.name === phase
}

function observe(machine: Machine): Step {
  const epoch = machine.epoch + 1
  return {
    machine: { ...machine, epoch, dirty: false, phase: { name: 'observing', stale: false } },
    effects: [{ type: 'observe', epoch, ifindex: ifindexOf(machine.state) }],
  }
}

function disturb(machine: Machine): Step {
  const { phase, epoch } = machine
  if (phase.name === 'idle') return observe(machine)
  if (phase.name === 'pausing') return same(machine, { type: 'hasten', epoch, over: phase.over })
  return same({ ...machine, dirty: true })
}

function gone(machine: Machine, ifindex: Ifindex): Step {
  if (ifindexOf(machine.state) !== ifindex) return disturb(machine)
  const blind: Machine = { ...machine, state: { name: 'blind', because: DELETED } }
  // The loss of the device is answered at once, whatever was being waited for.
  if (blind.phase.name === 'idle' || blind.phase.name === 'pausing') return observe(blind)
  if (blind.phase.name === 'observing') return same({ ...blind, phase: { name: 'observing', stale: true } })
  return same({ ...blind, dirty: true })
}

function observed(machine: Machine, observation: Observation): Step {
  if (machine.phase.name === 'observing' && machine.phase.stale) return observe(machine)
  const lladdr = machine.lladdr ?? settleFromDevice(machine, observation)
  const settled: Machine = { ...machine, lladdr }
  const fresh: Machine = { ...settled, refused: NONE }
  const decision = decide(settled.settings, settled.wanted, lladdr, observation)
  switch (decision.kind) {
    case 'wait':
      return rest(fresh, { name: 'waiting', because: decision.because, cannot: decision.cannot }, observation)
    case 'block':
      return pause({ ...settled, state: { name: 'blocked', because: decision.because, fatal: false } }, 'refusal')
    case 'rest':
      return rest(fresh, restingState(decision.device, decision.underlay, undefined), observation)
    case 'create':
      return apply(fresh, { name: 'creating' }, [{ op: 'create', spec: decision.spec }], 'there is no device')
    case 'remove':
      return remove(settled, decision.ifindex, decision.because)
    case 'repair':
      return repair(settled, decision, observation)
    default:
      return unreachable(decision)
  }
}

function remove(machine: Machine, ifindex: Ifindex, because: string): Step {
  return apply(machine, { name: 'removing', because }, [{ op: 'delete', ifindex }], because)
}

/**
 * A device that carries packets stays ready while something else about it is mended, and when that cannot be mended: the
 * flaw is told, and tried again with patience. What is refused keeps nothing else from being done.
 */
function repair(machine: Machine, decision: Extract<Decision, { kind: 'repair' }>, observation: Observation): Step {
  const { usable, underlay, ops, because } = decision
  if (ops.some((op) => changesVxlan(op) && machine.refused.has(keyOf(op))))
    return remove(machine, decision.ifindex, `the kernel refuses to change it in place: ${because}`)
  const asked = ops.filter((op) => !machine.refused.has(keyOf(op)))
  const ignored = machine.last?.ops === keyOf(asked) && machine.last.times > PATIENCE
  const refused = ignored
    ? refuse(machine, asked, `the kernel accepts this without doing it: ${because}`)
    : machine.refused
  const flaws = new Set(ops.flatMap((op) => refused.get(keyOf(op)) ?? []))
  const flaw = flaws.size === 0 ? undefined : [...flaws].join('; ')
  // Told as long as it stands, also while it is tried again.
  const before = 'flaw' in machine.state ? machine.state.flaw : undefined
  if (asked.length > 0 && !ignored) {
    const repairing: DeviceState = { name: 'repairing', ifindex: decision.ifindex, because }
    const state = usable === undefined ? repairing : restingState(usable, underlay, flaw ?? before)
    return apply(machine, state, asked, because)
  }
  if (usable === undefined) {
    const blocked: DeviceState = { name: 'blocked', because: flaw ?? because, fatal: false }
    return pause({ ...machine, state: blocked, ...FORGOTTEN }, 'refusal')
  }
  const rested = rest({ ...machine, refused }, restingState(usable, underlay, flaw), observation)
  if (machine.last === undefined) return rested
  return { ...rested, effects: [...rested.effects, { type: 'patience' }] }
}

function refuse({ refused }: Machine, ops: readonly DeviceOp[], because: string): Machine['refused'] {
  return new Map([...refused, ...ops.map((op) => [keyOf(op), because] as const)])
}

function restingState(device: Device, underlay: Observation['underlay'], flaw: string | undefined): DeviceState {
  return 'waiting' in underlay
    ? { name: 'stranded', device, because: underlay.waiting, flaw }
    : { name: 'ready', device, underlay, flaw }
}

/** On an inconsistent dump nobody rests: what it did not show may be what is missing. */
function rest(machine: Machine, state: DeviceState, { interrupted }: Observation): Step {
  const rested: Machine = { ...machine, state, last: undefined, phase: { name: 'idle' } }
  if (interrupted) return pause(rested, 'trouble')
  return machine.dirty ? observe(rested) : same(rested)
}

function apply(machine: Machine, state: DeviceState, ops: readonly DeviceOp[], because: string): Step {
  const epoch = machine.epoch + 1
  const key = keyOf(ops)
  const times = machine.last?.ops === key ? machine.last.times + 1 : 1
  return {
    machine: { ...machine, state, epoch, phase: { name: 'applying' }, last: { ops: key, times } },
    effects: [{ type: 'apply', epoch, ops, because }],
  }
}

function failed(machine: Machine, { verdict, because, op }: Extract<DeviceEvent, { type: 'apply-failed' }>): Step {
  switch (verdict) {
    case 'done':
      return observe(machine)
    case 'retry':
      return pause({ ...machine, ...FORGOTTEN, state: unsettled(machine.state, because) }, 'trouble')
    case 'device-gone':
    case 'device-down':
      return pause({ ...machine, ...FORGOTTEN, state: { name: 'blind', because } }, 'trouble')
    case 'reject':
    case 'fatal': {
      const fatal = verdict === 'fatal'
      // What was refused on a device that stands is decided upon with the facts of another look: it may be a flaw only.
      if (!fatal && ifindexOf(machine.state) !== undefined)
        return observe({ ...machine, refused: refuse(machine, [op], because) })
      return pause({ ...machine, ...FORGOTTEN, state: { name: 'blocked', because, fatal } }, 'refusal')
    }
    default:
      return unreachable(verdict)
  }
}

function pause(machine: Machine, over: PauseOver): Step {
  const epoch = machine.epoch + 1
  return {
    machine: { ...machine, epoch, phase: { name: 'pausing', over } },
    effects: [{ type: 'pause', epoch, over }, ...(machine.dirty ? [{ type: 'hasten', epoch, over } as const] : [])],
  }
}

/** What fails says nothing about a link that was known: under another name it is found by its ifindex alone. */
function unsettled(state: DeviceState, because: string): DeviceState {
  return state.name === 'creating' || state.name === 'removing' ? { name: 'blind', because } : state
}

function settle(lladdr: Lladdr | undefined, wanted: Wanted): Lladdr | undefined {
  return wanted.lladdr?.authority === 'configured' ? wanted.lladdr.value : lladdr
}

/** flannel-contract 5: a device that is kept keeps its MAC, and that one is published again. */
function settleFromDevice(machine: Machine, observation: Observation): Lladdr | undefined {
  const remembered = machine.wanted.lladdr?.value
  const found = observation.device
  if (remembered === undefined || machine.wanted.subnet === undefined) return undefined
  if (found === undefined || found.lladdr === undefined || !isUnicastLladdr(found.lladdr)) return remembered
  const asFound = decide(machine.settings, machine.wanted, found.lladdr, observation)
  return asFound.kind === 'rest' || asFound.kind === 'repair' ? found.lladdr : remembered
}

function changesVxlan(op: DeviceOp): boolean {
  return op.op === 'change' && op.change.vxlan !== undefined
}

function keyOf(asked: DeviceOp | readonly DeviceOp[]): string {
  return JSON.stringify(asked)
}
