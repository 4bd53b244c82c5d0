/**
 * Claims that are gone, until it is known whether their Nodes are: somebody may have deleted claims alone, or the whole resource,
 * and that must take no node from the overlay. A claim that is made anew within a second was never gone.
 * Must not: ask for Nodes itself, or follow anything.
 */
import type { Clock, Timer } from '../../util/clock.ts'

/** So long a claim may be away. Milliseconds. */
const HOLD_MS = 1000
/** And so much longer for each node: as many agents ask at the same time. */
const SPREAD_MS = 1
/** More than these at once are no single nodes that left. */
const MOST = 10

export interface GoneClaims<T> {
  /** As told before it was gone. */
  readonly held: ReadonlyMap<string, T>
  hold(name: string, node: T): void
  /** It is there again. */
  release(name: string): void
  close(): void
}

export function createGoneClaims<T>(options: {
  readonly clock: Clock
  readonly random: () => number
  /** How many nodes there are. */
  readonly size: () => number
  /** Whether there is a Node of this name; may reject, and is asked again then. */
  readonly exists: (name: string) => Promise<boolean>
  readonly onGone: (name: string) => void
  /** Claims are gone whose Nodes are not, or too many: they say nothing any more. */
  readonly onLost: () => void
}): GoneClaims<T> {
  const { clock } = options
  const held = new Map<string, T>()
  const timers = new Map<string, Timer>()

  const wait = (name: string): void => {
    const ms = HOLD_MS + options.random() * options.size() * SPREAD_MS
    timers.set(
      name,
      clock.after(ms, () => void ask(name)),
    )
  }
  const ask = async (name: string): Promise<void> => {
    const node = held.get(name)
    const exists = await options.exists(name).catch(() => undefined)
    // It came back, or is another one by now.
    if (!timers.has(name) || held.get(name) !== node) return
    if (exists === undefined) wait(name)
    else if (exists) options.onLost()
    else {
      release(name)
      options.onGone(name)
    }
  }
  const release = (name: string): void => {
    timers.get(name)?.cancel()
    timers.delete(name)
    held.delete(name)
  }
  return {
    held,
    hold(name, node) {
      release(name)
      held.set(name, node)
      wait(name)
      if (held.size > MOST) options.onLost()
    },
    release,
    close() {
      for (const name of [...held.keys()]) release(name)
    },
  }
}
