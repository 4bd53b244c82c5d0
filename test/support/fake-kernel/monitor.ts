/** Monitors of the fake kernel: who listens, and the ways in which listening fails. */
import type { Monitor, MonitorOptions, Notification } from '../../../lib/rtnl/port.ts'
import { errnoName } from './errnos.ts'
import { deliverTo, enqueue, type Listener, type State } from './state.ts'

export function openMonitor(state: State, portId: number, options: MonitorOptions): Monitor {
  const monitor: Monitor = {
    hearEntries(heard) {
      listener.hearsEntries = heard
    },
    unref: () => undefined,
    ref: () => undefined,
    close() {
      listener.ended = true
      listener.queue = []
      state.listeners.delete(listener)
    },
  }
  const listener: Listener = { portId, options, queue: [], scheduled: false, hearsEntries: true, ended: false, monitor }
  state.listeners.add(listener)
  return monitor
}

/** Those that one door has opened close with it. */
export function closeMonitors(state: State, portId: number): void {
  for (const listener of state.listeners) if (listener.portId === portId) listener.monitor.close()
}

/** What is queued is lost; the listeners learn only that something was. */
export function overrunMonitors(state: State): void {
  for (const listener of state.listeners) {
    if (listener.ended) continue
    listener.queue = []
    enqueue(state, listener, { type: 'overrun' })
  }
}

/** Whatever the kernel could say, whether it is true or not, to every monitor of whatever group. */
export function tellMonitors(state: State, notification: Notification): void {
  for (const listener of state.listeners) if (!listener.ended) enqueue(state, listener, notification)
}

/** The sockets die: what is queued still arrives, then `closed`, then nothing. */
export function failMonitors(state: State, errno: number): void {
  for (const listener of state.listeners) {
    if (listener.ended) continue
    enqueue(state, listener, { type: 'closed', errno, errnoName: errnoName(errno) })
    listener.ended = true
  }
}

/** Hands over what every monitor has queued; how many notifications that were. */
export function deliverAll(state: State): number {
  let delivered = 0
  for (const listener of state.listeners) delivered += deliverTo(listener)
  return delivered
}
