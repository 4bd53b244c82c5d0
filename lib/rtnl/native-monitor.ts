/**
 * The monitor of the real kernel: groups to join, events to notifications, and the promise that nothing is heard after
 * close. Must not: filter; what is heard is what the kernel said.
 */

import type { AddonSocket } from '../addon/addon.ts'
import type { Family } from '../net/ip.ts'
import { asBoolean } from '../netlink/check.ts'
import { errorOf } from '../netlink/outcome-error.ts'
import type { CheckedMonitorOptions } from './check-options.ts'
import { decodeEvents } from './events.ts'
import type { Monitor, MonitorGroup } from './port.ts'

// Room for some 5,000 notifications; cut to net.core.rmem_max where the kernel refuses more.
const DEFAULT_RECEIVE_BUFFER = 4 << 20

// RTNLGRP_* (linux/rtnetlink.h). There is one group for all neighbours, FDB entries included, and one for all links.
const GROUPS: Record<MonitorGroup, number | Record<Family, number>> = {
  link: 1,
  neighbour: 3,
  address: { ipv4: 5, ipv6: 9 },
  route: { ipv4: 7, ipv6: 11 },
  rule: { ipv4: 8, ipv6: 19 },
}

/** Hears everything from the moment it returns. Throws NetlinkSocketError. `onClose` is called once. */
export function openMonitor(
  socket: AddonSocket,
  bufferBytes: number,
  options: CheckedMonitorOptions,
  onClose: () => void,
): Monitor {
  let closed = false
  const groups = new Set(options.groups.flatMap((group) => numbersOf(group, options)))
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
  const opened = socket.monitor(
    Uint8Array.from(groups),
    options.ignoreOwn,
    options.receiveBufferBytes ?? DEFAULT_RECEIVE_BUFFER,
    bufferBytes,
    hear,
  )
  if (opened.monitor === undefined) throw errorOf(opened, 'monitor', options.groups.join(', '))
  const { monitor } = opened
  return {
    hearEntries(heard) {
      const wanted = asBoolean('heard', heard)
      if (!closed) monitor.hearEntries(wanted)
    },
    ref() {
      if (!closed) monitor.setRef(true)
    },
    unref() {
      if (!closed) monitor.setRef(false)
    },
    close,
  }
}

function numbersOf(group: MonitorGroup, { families, addressFamilies }: CheckedMonitorOptions): number[] {
  const numbers = GROUPS[group]
  if (typeof numbers === 'number') return [numbers]
  return (group === 'address' ? addressFamilies : families).map((family) => numbers[family])
}
