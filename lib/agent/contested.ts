/**
 * What is not deleted in the first minutes of a life: entries of claims that are refused for another's sake. An agent before
 * this one may have decided otherwise, and the others still do while all of them are upgraded.
 * Must not: decide which claims those are (LeaseView.contested).
 */
import type { LeaseView } from '../cluster/view.ts'
import type { Device } from '../device/types.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import { type DesiredTables, tablesOfAll } from '../overlay/desired.ts'
import type { Clock } from '../util/clock.ts'

/** From the start on. Milliseconds. */
const STAY_MS = 600_000

export interface Contested {
  /** What of them stays on this device, if it is there; undefined: nothing does. */
  sparedOf(view: LeaseView, device: Device): DesiredTables | undefined
  stop(): void
}

export function createContested(parts: {
  readonly family: Family
  readonly network: Cidr | undefined
  readonly clock: Clock
  /** Default: ten minutes. */
  readonly contestedStayMs?: number | undefined
  /** They are spared no longer. */
  readonly onEnd: () => void
}): Contested {
  const { family, network, contestedStayMs = STAY_MS } = parts
  let sparing = contestedStayMs > 0
  const end = (): void => {
    sparing = false
    parts.onEnd()
  }
  const timer = sparing ? parts.clock.after(contestedStayMs, end) : undefined
  return {
    sparedOf({ contested }, { ifindex }) {
      if (!sparing || contested.length === 0 || network === undefined) return undefined
      return tablesOfAll({ family, network, ifindex }, contested)
    },
    stop: () => timer?.cancel(),
  }
}
