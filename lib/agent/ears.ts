/**
 * Whether entries are listened to. After so many notifications everything is looked at anyway, and hearing the rest of a
 * flood costs more than that look: entries are then dropped inside the kernel until somebody wants to hear them again.
 * Must not: decide when a look is due, nor forget that what was not heard may concern others than the peers.
 */
import type { RtnlSession } from './rtnl-session.ts'

/** Notifications between two looks at everything that are worth hearing. */
const HEARD = 200

export interface Ears {
  readonly deaf: boolean
  /** `count` notifications came; false: they are of a flood, and a look is due. */
  hear(count: number): boolean
  /** Before a look that shall count: nothing that comes after it is missed. */
  open(): void
}

export function createEars(parts: {
  readonly session: Pick<RtnlSession, 'hearEntries'>
  /** Nobody listens from now on. */
  readonly onDeaf: () => void
  /** Somebody listens again; entries of anybody may have changed unheard. */
  readonly onOpen: () => void
}): Ears {
  let heard = 0
  let deaf = false
  return {
    get deaf() {
      return deaf
    },
    hear(count) {
      heard += count
      if (deaf || heard <= HEARD) return !deaf
      deaf = true
      parts.session.hearEntries(false)
      parts.onDeaf()
      return false
    },
    open() {
      heard = 0
      if (!deaf) return
      deaf = false
      parts.session.hearEntries(true)
      parts.onOpen()
    },
  }
}
