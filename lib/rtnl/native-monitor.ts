/**
 * The monitor of the real kernel: groups to join, events to notifications, and the promise that nothing is heard after
 * close. Must not: filter; what is heard is what the kernel said.
 */
import type { Family } from '../net/ip.ts'
import type { AddonSocket, Outcome } from './addon.ts'
import { decodeEvents } from './events.ts'
import type { Monitor, MonitorGroup, MonitorOptions } from './port.ts'
import { inRange } from './records.ts'

// Room for some 5,000 notifications; cut to net.core.rmem_max where the kernel refuses more.
const DEFAULT_RECEIVE_BUFFER = 4 << 20

// RTNLGRP_* (linux/rtnetlink.h). There is one group for all neighbours, FDB entries included, and one for all links.
const GROUPS: Record<MonitorGroup, Record<Family, number>> = {
  link: { ipv4: 1, ipv6: 1 },
  neighbour: { ipv4: 3, ipv6: 3 },
  address: { ipv4: 5, ipv6: 9 },
  route: { ipv4: 7, ipv6: 11 },
  rule: { ipv4: 8, ipv6: 19 },
}

type ErrorOf = (outcome: Outcome, op: string, subject: string) => Error

/** Hears everything from the moment it returns. Throws NetlinkSocketError. `onClose` is called once. */
export function openMonitor(
  socket: AddonSocket,
  bufferBytes: number,
  options: MonitorOptions,
  errorOf: ErrorOf,
  onClose: () => void,
): Monitor {
  let closed = false
  const familiesOf = (group: MonitorGroup): readonly Family[] =>
    group === 'address' ? (options.addressFamilies ?? options.families) : options.families
  const groups = new Set(options.groups.flatMap((group) => familiesOf(group).map((family) => GROUPS[group][family])))
  const close = (): void => {
    if (closed) return
    closed = true
    opened.monitor?.close()
    onClose()
  }
  const hear = (events: ArrayBuffer): void => {
    if (closed) return
    try {
      const notifications = decodeEvents(new Uint8Array(events))
      if (notifications.some(({ type }) => type === 'closed')) close()
      options.onNotifications(notifications)
    } catch (error) {
      // Node only warns of what is thrown into a native caller; from a microtask it is an uncaught exception, as it should.
      queueMicrotask(() => {
        throw error
      })
    }
  }
  const receiveBuffer = options.receiveBufferBytes ?? DEFAULT_RECEIVE_BUFFER
  const opened = socket.monitor(
    Uint8Array.from(groups),
    options.ignoreOwn ?? true,
    inRange('receiveBufferBytes', receiveBuffer, 1, 0x7fffffff),
    bufferBytes,
    hear,
  )
  if (opened.monitor === undefined) throw errorOf(opened, 'monitor', options.groups.join(', '))
  const { monitor } = opened
  return {
    hearEntries(heard) {
      if (!closed) monitor.hearEntries(heard)
    },
    close,
  }
}
