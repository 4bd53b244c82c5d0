/**
 * Runs one device machine: feeds it events, does what it asks for in the kernel, answers. Owns the look at the kernel and
 * the writes of the device; entries are the peer reconciler's. Must not: decide anything.
 */
import { NetlinkError } from '../errors.ts'
import type { Ip } from '../net/ip.ts'
import { classify } from '../overlay/classify.ts'
import { createMachine, ifindexOf, step } from '../overlay/device-machine/machine.ts'
import { findDevice, interpretFacts, type Knowledge, needsRoutes } from '../overlay/device-machine/observation.ts'
import type {
  DeviceEffect,
  DeviceEvent,
  DeviceOp,
  DeviceSettings,
  DeviceState,
  Observation,
} from '../overlay/device-machine/types.ts'
import type { Rtnl } from '../rtnl/port.ts'
import type { UnderlayChoice } from '../underlay/choice.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { unreachable } from '../util/unreachable.ts'
import { createRepairLimiter } from './repair-limiter.ts'
import type { RtnlSession } from './rtnl-session.ts'

/** The part of lib/host/sysctl that the device needs: keys with slashes, undefined when there is no such key. */
export interface Sysctl {
  read(key: string): Promise<string | undefined>
  /** A refusal is no error: the next observation shows that the value did not change. */
  write(key: string, value: string): Promise<unknown>
}

export interface DeviceRunner {
  readonly state: DeviceState
  send(event: DeviceEvent): void
  /** Something beside the device itself changed: a repair that is held back because of a quarrel is reconsidered at once. */
  hurry(): void
  /** No effect is started any more; a running one ends by itself and its answer is ignored. */
  stop(): void
}

export interface DeviceRunnerParts {
  readonly settings: DeviceSettings
  readonly choice: UnderlayChoice
  /** What the lease source says about our underlay address, at this moment. */
  readonly hint: () => Ip | undefined
  readonly session: RtnlSession
  readonly sysctl: Sysctl
  readonly clock: Clock
  readonly log: Log
  /** After every event that changed the state. */
  readonly onState: (from: DeviceState, to: DeviceState) => void
  /** Another program undoes a repair of the device again and again; what it is about, in words. */
  readonly onQuarrel: (what: string) => void
}

export function createDeviceRunner(parts: DeviceRunnerParts): DeviceRunner {
  const { clock, log } = parts
  let machine = createMachine(parts.settings)
  const limiter = createRepairLimiter(clock)
  let timer: Timer | undefined
  let held: { readonly timer: Timer; readonly epoch: number } | undefined
  const queue: DeviceEvent[] = []
  let stepping = false

  const send = (event: DeviceEvent): void => {
    queue.push(event)
    if (stepping) return
    stepping = true
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const from = machine.state
      const result = step(machine, next)
      machine = result.machine
      if (machine.state !== from) {
        report(log, from, machine.state)
        parts.onState(from, machine.state)
      }
      for (const effect of result.effects) run(effect)
    }
    stepping = false
    if (event.type === 'gone') hurry()
  }

  const run = (effect: DeviceEffect): void => {
    switch (effect.type) {
      case 'observe':
        answer(
          observe(parts, { ifindex: effect.ifindex, lladdr: machine.lladdr, hint: parts.hint() }).then(
            (observation): DeviceEvent => ({ type: 'observed', epoch: effect.epoch, observation }),
            (error): DeviceEvent => ({ type: 'observe-failed', epoch: effect.epoch, because: String(error) }),
          ),
        )
        return
      case 'apply':
        hold(effect)
        return
      case 'timer':
        timer?.cancel()
        timer = clock.after(effect.delayMs, () => send({ type: 'timer', epoch: effect.epoch }))
        return
      default:
        unreachable(effect)
    }
  }
  /** Quarrels over one attribute are slowed down; the loss of the device or of what it hangs on is never waited for. */
  const hold = (effect: Extract<DeviceEffect, { type: 'apply' }>): void => {
    // Asked for all of them before any is counted: two that wait for different times would otherwise wait for ever.
    const keys = effect.ops.filter(({ op }) => op !== 'create' && op !== 'delete').map((op) => JSON.stringify(op))
    const waitMs = Math.max(0, ...keys.map((key) => limiter.waitMs(key)))
    if (waitMs === 0) {
      const fought = keys.filter((key) => limiter.repaired(key))
      if (fought.length > 0) parts.onQuarrel(effect.because)
      answer(applyOps(parts, effect))
      return
    }
    const timer = clock.after(waitMs, () => {
      held = undefined
      hold(effect)
    })
    held = { timer, epoch: effect.epoch }
  }
  /** Nothing was done: looking again, the machine decides on what is true now. */
  const hurry = (): void => {
    if (held === undefined) return
    const { timer: waiting, epoch } = held
    waiting.cancel()
    held = undefined
    send({ type: 'applied', epoch })
  }
  const answer = (event: Promise<DeviceEvent>): void => {
    event.then(send, (error) => log.error('device.bug', `device machine: ${String(error)}`, { error }))
  }

  return {
    get state() {
      return machine.state
    },
    send,
    hurry,
    stop() {
      send({ type: 'stop' })
      held?.timer.cancel()
      timer?.cancel()
    },
  }
}

async function observe(parts: DeviceRunnerParts, known: Knowledge): Promise<Observation> {
  const { settings, choice, session } = parts
  const facts = await session.use(async (rtnl) => {
    const [links, addresses, routes, reach] = await Promise.all([
      rtnl.dumpLinks(),
      rtnl.dumpAddresses(),
      needsRoutes(settings.family, choice, known.hint) ? rtnl.dumpRoutes(settings.family) : NO_ROUTES,
      reachOf(rtnl, parts),
    ])
    return {
      links: links.value,
      addresses: addresses.value,
      routes: routes.value,
      reach,
      interrupted: links.interrupted || addresses.interrupted || routes.interrupted,
    }
  })
  const device = findDevice(settings, facts.links, known)
  const acceptRa = device === undefined ? undefined : await parts.sysctl.read(acceptRaKey(device.ifname))
  return interpretFacts(
    settings,
    choice,
    { ...facts, acceptRa: acceptRa === undefined ? undefined : Number(acceptRa) },
    known,
  )
}

const NO_ROUTES = { value: { bytes: new Uint8Array(0), length: 0 }, interrupted: false }

async function reachOf(rtnl: Rtnl, { choice }: DeviceRunnerParts) {
  // Of either family: an IPv4 address may single out the interface that carries IPv6 too.
  if (choice.canReach === undefined) return undefined
  try {
    return await rtnl.resolveRoute(choice.canReach)
  } catch (error) {
    // No route is an answer (the choice says that it waits for one); a broken socket is not.
    if (error instanceof NetlinkError) return undefined
    throw error
  }
}

async function applyOps(
  parts: DeviceRunnerParts,
  effect: Extract<DeviceEffect, { type: 'apply' }>,
): Promise<DeviceEvent> {
  const { log, clock, settings } = parts
  for (const op of effect.ops) {
    const started = clock.now()
    try {
      await parts.session.use((rtnl) => applyOp(rtnl, parts.sysctl, op))
      log.info('device.effect', `${op.op}: ${effect.because}`, {
        family: settings.family,
        effect: op.op,
        ms: clock.now() - started,
      })
    } catch (error) {
      const verdict = error instanceof NetlinkError ? classify(CLASSIFIED[op.op], error.errnoName) : 'retry'
      if (verdict === 'done') continue
      log.warn('device.effect-failed', `${op.op}: ${String(error)}`, { family: settings.family, effect: op.op, error })
      return { type: 'apply-failed', epoch: effect.epoch, verdict, because: String(error) }
    }
  }
  return { type: 'applied', epoch: effect.epoch }
}

/** The row of overlay/classify for each operation. */
const CLASSIFIED = {
  create: 'link.create',
  delete: 'link.delete',
  change: 'link.change',
  'add-address': 'address.add',
  'delete-address': 'address.delete',
  'accept-ra-off': 'link.change',
} as const satisfies Record<DeviceOp['op'], string>

async function applyOp(rtnl: Rtnl, sysctl: Sysctl, op: DeviceOp): Promise<void> {
  switch (op.op) {
    case 'create':
      return await rtnl.createVxlan(op.spec)
    case 'delete':
      return await rtnl.deleteLink(op.ifindex)
    case 'change':
      return await rtnl.changeLink(op.ifindex, op.change)
    case 'add-address':
      return await rtnl.addAddress(op.address)
    case 'delete-address':
      return await rtnl.deleteAddress(op.address)
    case 'accept-ra-off':
      await sysctl.write(acceptRaKey(op.ifname), '0')
      return
    default:
      return unreachable(op)
  }
}

/** In the form of lib/host/sysctl. */
export function acceptRaKey(ifname: string): string {
  return `net/ipv6/conf/${ifname}/accept_ra`
}

/** Only what changed for a reader: the same state confirmed by another look is not news. */
function report(log: Log, from: DeviceState, to: DeviceState): void {
  const because = reasonOf(to)
  if (from.name === to.name && reasonOf(from) === because && ifindexOf(from) === ifindexOf(to)) return
  const level = to.name === 'blocked' ? 'warn' : 'info'
  log[level]('device.state', `device: ${from.name} -> ${to.name}${because === '' ? '' : `: ${because}`}`, {
    from: from.name,
    to: to.name,
    because,
    ifindex: ifindexOf(to),
  })
}

function reasonOf(state: DeviceState): string {
  if ('because' in state) return state.because
  return state.name === 'ready' ? (state.flaw ?? '') : ''
}
