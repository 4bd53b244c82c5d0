/**
 * Which of several mirrors works: whoever holds the Lease and renews it (leader election as client-go has it). Times of others are
 * never compared with ours: a Lease is free when it stood still for its duration. Must not: do any of the work.
 */
import { KubeError } from '../errors.ts'
import type { Call } from '../leases/claims/claim-api.ts'
import {
  createMirrorLease,
  type MirrorLease,
  readMirrorLease,
  writeMirrorLease,
} from '../leases/claims/mirror-lease.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { messageOf } from '../util/message-of.ts'
import { pause } from '../util/pause.ts'

/** Milliseconds, as below. */
const DURATION_MS = 15_000
const EVERY_MS = 5000
/** Until we know enough to begin. */
const UNREADY_MS = 250
/** Without a renewal for so long nothing is written any more, as another one is about to begin. */
const GIVE_UP_MS = 10_000

export interface ElectionOptions {
  /** Unique among all mirrors. */
  readonly identity: string
  readonly clock: Clock
  readonly today: () => Date
  readonly random: () => number
  readonly call: <R>(work: (call: Call) => Promise<R>) => Promise<R>
  /** Whether this one could begin at once; until then it does not ask for the Lease. */
  readonly ready: () => boolean
  /** What the Lease says of the claims. */
  readonly inStep: () => boolean
  readonly onLeading: (leading: boolean, holder: string) => void
  readonly onTrouble: (because: string | undefined, error?: unknown) => void
}

export interface Election {
  /** Gives the Lease back, so that another one need not wait. */
  close(): Promise<void>
}

export function startElection(options: ElectionOptions): Election {
  const { identity, clock, call } = options
  const stop = new AbortController()
  let leading = false
  /** Ends our leading where nothing renews it, whatever a request waits for. */
  let givingUp: Timer | undefined
  let seen: { readonly lease: MirrorLease; readonly at: number } | undefined

  const lead = (now: boolean, holder: string): void => {
    if (now !== leading) options.onLeading(now, holder)
    leading = now
  }
  const words = () => ({
    holder: identity,
    durationMs: DURATION_MS,
    now: options.today(),
    inStep: options.inStep(),
  })
  const isFree = (lease: MirrorLease): boolean => {
    if (seen?.lease.version !== lease.version) seen = { lease, at: clock.now() }
    return lease.holder === '' || clock.now() - seen.at >= Math.max(lease.durationMs, DURATION_MS)
  }
  const hold = (lease: MirrorLease, at: number): void => {
    seen = { lease, at }
    givingUp?.cancel()
    givingUp = clock.after(Math.max(0, at + GIVE_UP_MS - clock.now()), () => lead(false, ''))
    lead(true, identity)
  }
  const once = async (): Promise<void> => {
    const at = clock.now()
    const lease = await call((one) => readMirrorLease(one, false))
    if (lease === undefined) {
      if (!options.ready()) return
      hold(await call((one) => createMirrorLease(one, words())), at)
      return
    }
    if (lease.holder === identity) {
      hold(await call((one) => writeMirrorLease(one, lease.version, words())), at)
      return
    }
    lead(false, lease.holder)
    if (!isFree(lease) || !options.ready()) return
    const taken = { ...words(), takenOver: lease.transitions + 1 }
    hold(await call((one) => writeMirrorLease(one, lease.version, taken)), at)
  }
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const every = options.ready() ? EVERY_MS : UNREADY_MS
      try {
        await once()
        options.onTrouble(undefined)
      } catch (error) {
        if (!(error instanceof KubeError && error.status === 409)) options.onTrouble(messageOf(error), error)
      }
      await pause(clock, every * (0.8 + 0.4 * options.random()), stop.signal)
    }
  }
  const running = run()

  return {
    async close() {
      stop.abort(new Error('closed'))
      await running
      givingUp?.cancel()
      const held = leading ? seen?.lease : undefined
      lead(false, '')
      if (held === undefined) return
      const free = { ...words(), holder: '', durationMs: 1000 }
      await call((one) => writeMirrorLease(one, held.version, free)).catch(() => undefined)
    },
  }
}
