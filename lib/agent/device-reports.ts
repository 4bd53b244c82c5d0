/**
 * What the log hears of a device: each change of its state, the underlay that it found, and, while it is not ready for more
 * than a moment, why, once a minute. Must not: decide anything.
 */
import { ifindexOf } from '../device/machine.ts'
import type { DeviceState } from '../device/types.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import type { StandingLog } from '../util/standing-log.ts'

/** What heals by itself is over before. */
const MOMENT_MS = 1000
/** Changes into one state within a minute that are told one by one. */
const TOLD = 10
const MINUTE_MS = 60_000

export interface DeviceReports {
  changed(from: DeviceState, to: DeviceState): void
  stop(): void
}

export function createDeviceReports(parts: {
  readonly ifname: string
  readonly log: Log
  readonly standing: StandingLog
  readonly clock: Clock
  /** A quarrel goes on: changes are no news. */
  readonly quarrelling: () => boolean
}): DeviceReports {
  const { ifname, log, standing, clock } = parts
  let underlay = ''
  let minuteFrom = Number.NEGATIVE_INFINITY
  const told = new Map<string, number>()
  let current: DeviceState = { name: 'stopped' }
  /** Not ready since; `over`: for longer than what heals by itself takes. */
  let moment: { readonly timer: Timer; readonly over: boolean } | undefined

  /** What passes by itself is no news during a quarrel; what does not is, until it comes and goes all the time. */
  const levelOf = ({ name }: DeviceState): 'info' | 'debug' => {
    if (clock.now() - minuteFrom >= MINUTE_MS) {
      minuteFrom = clock.now()
      told.clear()
    }
    const times = (told.get(name) ?? 0) + 1
    told.set(name, times)
    const passes = name !== 'blocked' && name !== 'stranded' && name !== 'waiting'
    return times > TOLD || (passes && parts.quarrelling()) ? 'debug' : 'info'
  }
  /** One line when the underlay is chosen, changes, or is missing. */
  const tellUnderlay = (state: DeviceState, level: 'info' | 'debug'): void => {
    if (state.name === 'ready') {
      const { ifname: name, local, publicIp, mtu } = state.underlay
      const text = `Using interface with name ${name} and address ${local}`
      if (text !== underlay) log[level]('underlay.chosen', text, { ifname: name, local, publicIp, mtu })
      underlay = text
    } else if (state.name === 'waiting' || state.name === 'stranded') {
      if (state.because !== underlay)
        log[level]('underlay.waiting', `waiting: ${state.because}`, { because: state.because })
      underlay = state.because
    }
  }
  const sayNotReady = (): void => {
    const reason = reasonOf(current) || 'an answer of the kernel is waited for'
    standing.stands('device.not-ready', `${ifname} is ${current.name}: ${reason}`)
  }
  const tellStanding = (state: DeviceState): void => {
    current = state
    const flaw = 'flaw' in state ? state.flaw : undefined
    if (flaw === undefined) standing.over('device.flaw')
    else standing.stands('device.flaw', `${ifname} carries packets, but: ${flaw}`)
    if (state.name === 'ready' || state.name === 'stopped') {
      moment?.timer.cancel()
      moment = undefined
      standing.over('device.not-ready', `${ifname} is ready`)
    } else if (state.name === 'blocked' || moment?.over === true) sayNotReady()
    else moment ??= startMoment()
  }
  const startMoment = () => {
    const begun = {
      over: false,
      timer: clock.after(MOMENT_MS, () => {
        begun.over = true
        sayNotReady()
      }),
    }
    return begun
  }

  return {
    changed(from, to) {
      const because = reasonOf(to)
      const news = from.name !== to.name || reasonOf(from) !== because || ifindexOf(from) !== ifindexOf(to)
      const level = news ? levelOf(to) : 'debug'
      const change = from.name === to.name ? `still ${to.name}` : `${from.name} -> ${to.name}`
      if (news)
        log[level]('device.state', `device: ${change}${because === '' ? '' : `: ${because}`}`, {
          from: from.name,
          to: to.name,
          because,
          ifindex: ifindexOf(to),
        })
      tellUnderlay(to, level)
      tellStanding(to)
    },
    stop: () => moment?.timer.cancel(),
  }
}

function reasonOf(state: DeviceState): string {
  if ('because' in state) return state.because
  return state.name === 'ready' ? (state.flaw ?? '') : ''
}
