/**
 * The agent's own overlay of each family of a ground (lib/agent/family-overlay.ts) on the real kernel, with a lease view
 * that the bench gives it. Must not: decide when something is done; it only tells what the agent says.
 */
import { createFamilyOverlay, type FamilyOverlay } from '../../lib/agent/family-overlay.ts'
import type { LeaseView } from '../../lib/cluster/view.ts'
import { systemClock } from '../../lib/host/clock.ts'
import { openRtnl } from '../../lib/rtnl/native.ts'
import type { Log, LogFields } from '../../lib/util/log.ts'
import { networkOf, OURS, ownNode } from './cluster.ts'
import { countTraffic, noTraffic, type Traffic } from './counting-rtnl.ts'
import { type Ground, UNDERLAY_IFNAME } from './ground.ts'

export interface BenchOverlay {
  /** Everything that its sockets carried. */
  readonly traffic: Traffic
  readonly ready: boolean
  setView(view: LeaseView): void
  /** The next time that `matches` is true, looked at after each event of the overlay and each line of its log. */
  until(matches: () => boolean): Promise<void>
  /** The next log line of this event, its fields. */
  untilLogged(event: string): Promise<LogFields>
  stop(): Promise<void>
}

export function startOverlay(ground: Ground, view: LeaseView): BenchOverlay {
  const traffic = noTraffic()
  const waiting = new Set<() => void>()
  const listeners = new Set<(event: string, fields: LogFields) => void>()
  const wake = (): void => {
    for (const check of waiting) check()
  }
  const log = benchLog((event, fields) => {
    for (const listener of listeners) listener(event, fields)
    wake()
  })
  const network = networkOf(ground.families)
  const overlays: FamilyOverlay[] = ground.families.map((family) =>
    createFamilyOverlay({
      family,
      network,
      choice: {
        ifaces: [UNDERLAY_IFNAME],
        regexes: [],
        canReach: undefined,
        publicIp: { ipv4: undefined, ipv6: undefined },
        fallbackAfterMs: 30_000,
      },
      openRtnl: () => countTraffic(openRtnl({ netns: ground.netns.path }), traffic),
      // The namespace's own /proc/sys is not this process's.
      sysctl: {
        read: async (key) => (key.includes('forward') ? '1' : '0'),
        write: async () => ({ written: true as const }),
      },
      nameOwner: async () => undefined,
      rival: async () => undefined,
      clock: systemClock,
      log,
      onChange: () => setImmediate(wake),
    }),
  )
  const own = ownNode(ground.families)
  const setView = (next: LeaseView): void => {
    for (const overlay of overlays) overlay.setView(next)
  }
  setView(view)
  for (const overlay of overlays)
    overlay.setOwn(own, { lladdr: { value: OURS[overlay.family].lladdr, authority: 'remembered' }, founded: undefined })
  const until = (matches: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!matches()) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  return {
    traffic,
    get ready() {
      return overlays.every((overlay) => overlay.unready === undefined)
    },
    setView,
    until,
    untilLogged: (event) =>
      new Promise((resolve) => {
        const listener = (logged: string, fields: LogFields): void => {
          if (logged !== event) return
          listeners.delete(listener)
          resolve(fields)
        }
        listeners.add(listener)
      }),
    async stop() {
      await Promise.all(overlays.map((overlay) => overlay.stop()))
    },
  }
}

/** Warnings go to stderr: a benchmark of something that fails is worth nothing. */
function benchLog(onEvent: (event: string, fields: LogFields) => void, fields: LogFields = {}): Log {
  const at =
    (loud: boolean) =>
    (event: string, message: string, more: LogFields = {}): void => {
      if (loud) process.stderr.write(`\n${event}: ${message}\n`)
      onEvent(event, { ...fields, ...more })
    }
  return {
    debug: at(false),
    info: at(false),
    warn: at(true),
    error: at(true),
    with: (more) => benchLog(onEvent, { ...fields, ...more }),
  }
}
