/**
 * The device machine: one VXLAN device of one family, kept as it should be. Level-triggered: every event that could
 * matter leads to one fresh observation, and only an observation decides. Owns the order of things: one question in
 * flight, epochs, what waits for how long. Must not: read a clock, the kernel or a log; decide.ts says what is right.
 */
import type { Ifindex } from '../../net/ifindex.ts'
import { isUnicastLladdr, type Lladdr } from '../../net/lladdr.ts'
import { unreachable } from '../../util/unreachable.ts'
import type { Verdict } from '../classify.ts'
import { type Decision, decide } from './decide.ts'
import type { DeviceEffect, DeviceEvent, DeviceOp, DeviceSettings, DeviceState, Observation, Wanted } from './types.ts'

/** Failures in a row after which a disturbance no longer cuts a delay short: somebody fights us, or the kernel is ill. */
const PATIENCE = 3
/** The longest that a disturbance is left unanswered, milliseconds. */
const LONGEST_DEAF_MS = 500

/** What is in flight. Exactly one question at a time, so exactly one answer (with the machine's epoch) is believed. */
type Phase =
  | { readonly name: 'idle' }
  /** `stale`: our link died meanwhile, so the answer may show it alive: ask again. */
  | { readonly name: 'observing'; readonly stale: boolean }
  | { readonly name: 'applying' }
  /** A timer runs. `hastened`: a disturbance has already shortened it. */
  | { readonly name: 'delayed'; readonly hastened: boolean }

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
  /** In a row, without rest. */
  readonly failures: number
  /** What the last observation asked for; asked for again right after success, it was fruitless. */
  readonly lastOps: string | undefined
  /** A change in place that the kernel refused: older kernels do (kernel-facts 3); then only re-creation is left. */
  readonly refused: string | undefined
}

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
    failures: 0,
    lastOps: undefined,
    refused: undefined,
  }
}

/** The one door for state changes. Never throws; an event that no longer matters returns the machine as it is. */
export function step(machine: Machine, event: DeviceEvent): Step {
  if (machine.state.name === 'stopped') return same(machine)
  switch (event.type) {
    case 'wanted':
      return disturb({ ...machine, wanted: event.wanted, lladdr: settle(machine.lladdr, event.wanted) })
    case 'disturbed':
      return disturb(machine)
    case 'gone':
      return gone(machine, event.ifindex)
    case 'observed':
      return answers(machine, event.epoch, 'observing') ? observed(machine, event.observation) : same(machine)
    case 'observe-failed':
      if (!answers(machine, event.epoch, 'observing')) return same(machine)
      return delay({ ...machine, state: unsettled(machine.state, event.because), failures: machine.failures + 1 })
    case 'applied':
      return answers(machine, event.epoch, 'applying') ? observe(machine) : same(machine)
    case 'apply-failed':
      return answers(machine, event.epoch, 'applying') ? failed(machine, event.verdict, event.because) : same(machine)
    case 'timer':
      return answers(machine, event.epoch, 'delayed') ? observe(machine) : same(machine)
    case 'stop':
      return same({ ...machine, state: { name: 'stopped' }, phase: { name: 'idle' }, epoch: machine.epoch + 1 })
    default:
      return unreachable(event)
  }
}

/** The ifindex of the state's link, undefined in every state without one. */
export function ifindexOf(state: DeviceState): Ifindex | undefined {
  switch (state.name) {
    case 'ready':
    case 'stranded':
      return state.device.ifindex
    case 'repairing':
      return state.ifindex
    case 'blind':
    case 'waiting':
    case 'creating':
    case 'removing':
    case 'blocked':
    case 'stopped':
      return undefined
    default:
      return unreachable(state)
  }
}

function same(machine: Machine): Step {
  return { machine, effects: [] }
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
  switch (machine.phase.name) {
    case 'idle':
      return observe(machine)
    case 'observing':
    case 'applying':
      return same({ ...machine, dirty: true })
    case 'delayed':
      if (machine.failures <= PATIENCE) return observe(machine)
      return machine.phase.hastened ? same(machine) : wait(machine, LONGEST_DEAF_MS, true)
    default:
      return unreachable(machine.phase)
  }
}

function gone(machine: Machine, ifindex: Ifindex): Step {
  if (ifindexOf(machine.state) !== ifindex) return disturb(machine)
  const blind: Machine = { ...machine, state: { name: 'blind', because: 'the device was deleted' } }
  // The loss of the device is answered at once, however many failures there were.
  if (blind.phase.name === 'idle' || blind.phase.name === 'delayed') return observe(blind)
  if (blind.phase.name === 'observing') return same({ ...blind, phase: { name: 'observing', stale: true } })
  return same({ ...blind, dirty: true })
}

function observed(machine: Machine, observation: Observation): Step {
  if (machine.phase.name === 'observing' && machine.phase.stale) return observe(machine)
  const lladdr = machine.lladdr ?? settleFromDevice(machine, observation)
  const settled: Machine = { ...machine, lladdr }
  const decision = decide(settled.settings, settled.wanted, lladdr, observation)
  switch (decision.kind) {
    case 'wait':
      return rest(settled, { name: 'waiting', because: decision.because }, observation)
    case 'block':
      return delay({
        ...settled,
        state: { name: 'blocked', because: decision.because, fatal: false },
        failures: settled.failures + 1,
      })
    case 'rest':
      return rest(settled, restingState(decision, undefined), observation)
    case 'create':
      return apply(settled, { name: 'creating' }, [{ op: 'create', spec: decision.spec }], 'there is no device')
    case 'remove':
      return apply(
        settled,
        { name: 'removing', because: decision.because },
        [{ op: 'delete', ifindex: decision.ifindex }],
        decision.because,
      )
    case 'repair':
      return repair(settled, decision)
    default:
      return unreachable(decision)
  }
}

function repair(machine: Machine, decision: Extract<Decision, { kind: 'repair' }>): Step {
  if (machine.refused === opsKey(decision.ops)) {
    const because = `the kernel refuses to change it in place: ${decision.because}`
    return apply(machine, { name: 'removing', because }, [{ op: 'delete', ifindex: decision.ifindex }], because)
  }
  const fruitless = machine.lastOps === opsKey(decision.ops)
  if (fruitless && machine.failures >= PATIENCE) {
    const flaw = `the kernel accepts this without doing it: ${decision.because}`
    const state: DeviceState =
      decision.usable === undefined
        ? { name: 'blocked', because: flaw, fatal: false }
        : restingState({ kind: 'rest', device: decision.usable, underlay: decision.underlay }, flaw)
    // Forgotten, so that the next look tries it once more: whoever undoes it may have stopped.
    return delay({ ...machine, state, failures: machine.failures + 1, lastOps: undefined })
  }
  return apply(
    { ...machine, failures: machine.failures + (fruitless ? 1 : 0) },
    { name: 'repairing', ifindex: decision.ifindex, because: decision.because },
    decision.ops,
    decision.because,
  )
}

function restingState(decision: Extract<Decision, { kind: 'rest' }>, flaw: string | undefined): DeviceState {
  const { device, underlay } = decision
  return 'waiting' in underlay
    ? { name: 'stranded', device, because: underlay.waiting, flaw }
    : { name: 'ready', device, underlay, flaw }
}

/** On an inconsistent dump nobody rests: what it did not show may be what is missing. */
function rest(machine: Machine, state: DeviceState, { interrupted }: Observation): Step {
  if (interrupted) return delay({ ...machine, state, failures: machine.failures + 1 })
  const rested: Machine = {
    ...machine,
    state,
    failures: 0,
    lastOps: undefined,
    refused: undefined,
    phase: { name: 'idle' },
  }
  return machine.dirty ? observe(rested) : same(rested)
}

function apply(machine: Machine, state: DeviceState, ops: readonly DeviceOp[], because: string): Step {
  const epoch = machine.epoch + 1
  return {
    machine: { ...machine, state, epoch, phase: { name: 'applying' }, lastOps: opsKey(ops) },
    effects: [{ type: 'apply', epoch, ops, because }],
  }
}

function failed(machine: Machine, verdict: Verdict, because: string): Step {
  const counted: Machine = { ...machine, failures: machine.failures + 1, lastOps: undefined }
  switch (verdict) {
    case 'done':
      return observe(machine)
    case 'device-gone':
    case 'device-down':
    case 'retry': {
      const unsure: Machine = { ...counted, state: { name: 'blind', because } }
      // The first failure usually means that the facts were a moment too old: look again at once.
      return counted.failures === 1 ? observe(unsure) : delay(unsure)
    }
    case 'reject':
      if (changesVxlan(machine.lastOps))
        return observe({ ...counted, refused: machine.lastOps, state: { name: 'blind', because } })
      return delay({ ...counted, state: { name: 'blocked', because, fatal: false } })
    case 'fatal':
      return delay({ ...counted, state: { name: 'blocked', because, fatal: true } })
    default:
      return unreachable(verdict)
  }
}

function delay(machine: Machine): Step {
  const patient = machine.state.name === 'blocked'
  const [firstMs, maxMs] = patient ? [200, 30_000] : [5, LONGEST_DEAF_MS]
  const delayMs = Math.min(maxMs, firstMs * 2 ** Math.min(20, machine.failures - 1))
  if (machine.dirty && machine.failures <= PATIENCE) return observe(machine)
  return wait(machine, machine.dirty ? Math.min(delayMs, LONGEST_DEAF_MS) : delayMs, machine.dirty)
}

function wait(machine: Machine, delayMs: number, hastened: boolean): Step {
  const epoch = machine.epoch + 1
  return {
    machine: { ...machine, epoch, phase: { name: 'delayed', hastened } },
    effects: [{ type: 'timer', epoch, delayMs }],
  }
}

/** A failed observation says nothing about the device: states that only wait for an answer become blind, others stay. */
function unsettled(state: DeviceState, because: string): DeviceState {
  return state.name === 'creating' || state.name === 'removing' || state.name === 'repairing'
    ? { name: 'blind', because }
    : state
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

function changesVxlan(key: string | undefined): boolean {
  return key?.includes('"vxlan":') ?? false
}

function opsKey(ops: readonly DeviceOp[]): string {
  return JSON.stringify(ops)
}
