/**
 * When an agent rests: it has been ready for a while, so what its start, or a repair of everything, has used is used no more.
 * Must not: know what is given back then, nor how.
 */
import type { Clock, Timer } from '../util/clock.ts'

export interface Rest {
  /** What the agent says of itself, as often as it likes. */
  judged(ready: boolean): void
  stop(): void
}

/** The view is kept on disk, and the first looks at what nobody announces are over. */
const SETTLED_MS = 10_000

/** `act` is called once for each time that the agent became ready and has stayed so. */
export function createRest({ clock, act }: { readonly clock: Clock; readonly act: () => void }): Rest {
  let timer: Timer | undefined
  const stop = (): void => {
    timer?.cancel()
    timer = undefined
  }
  return {
    judged(ready) {
      if (!ready) stop()
      else timer ??= clock.after(SETTLED_MS, act)
    },
    stop,
  }
}
