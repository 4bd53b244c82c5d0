/**
 * Whether the mirror lives, seen by its Lease: looked at about once a minute, since watching it would bring an event every five
 * seconds. Clocks of two hosts are compared at the first look only. Must not: decide what follows (follow-leases.ts).
 */
import { KubeError } from '../../errors.ts'
import type { Clock, Timer } from '../../util/clock.ts'
import type { Call } from './claim-api.ts'
import { type MirrorLease, readMirrorLease } from './mirror-lease.ts'

/** `silent`: it has lived, or another one has, and does not renew its Lease; `absent`: there is none, or it has not written all claims yet. */
export type MirrorState = 'alive' | 'silent' | 'absent'

/** Jittered by a quarter. The holder renews every five seconds: what stood still for so long has none. Milliseconds. */
const LOOK_EVERY_MS = 60_000
/** Where there is no Lease, most clusters never get one. */
const LOOK_ABSENT_MS = 300_000

/** Whoever answers otherwise is there, and shows us no Lease. */
const AWAY: ReadonlySet<number> = new Set([0, 401, 429, 503])

export interface MirrorWatch {
  /** undefined: not known yet. */
  readonly state: MirrorState | undefined
  /** A version that the server has reached; undefined: none is known. */
  readonly version: string | undefined
  /** Looks now, and goes on by itself. Rejects with KubeError when the server did not answer the first time. */
  start(): Promise<MirrorState>
  /** Looks once more, out of turn. Rejects with KubeError when the server does not answer. */
  look(): Promise<MirrorState>
  close(): void
}

export function createMirrorWatch(options: {
  readonly call: <R>(work: (call: Call) => Promise<R>) => Promise<R>
  readonly clock: Clock
  readonly today: () => Date
  readonly random: () => number
  /** Whether a mirror is to be expected soon where there is none. */
  readonly insist: boolean
  readonly onState: (state: MirrorState) => void
}): MirrorWatch {
  const { clock } = options
  let state: MirrorState | undefined
  let seen: MirrorLease | undefined
  /** The server was away since the last look: the mirror may not have reached it either. */
  let wasAway = false
  let timer: Timer | undefined
  let closed = false

  const judge = (lease: MirrorLease | undefined): MirrorState => {
    const before = seen
    seen = lease
    const away = wasAway
    wasAway = false
    if (away && lease !== undefined && state !== undefined) return state
    if (lease === undefined) return state === undefined || state === 'absent' ? 'absent' : 'silent'
    const age = Math.abs(options.today().getTime() - Date.parse(lease.renewTime))
    const lives =
      lease.holder !== '' && (before === undefined ? age < LOOK_EVERY_MS : before.renewTime !== lease.renewTime)
    if (!lives) return state === undefined || state === 'absent' ? 'absent' : 'silent'
    return lease.inStep ? 'alive' : 'absent'
  }
  const look = async (): Promise<MirrorState> => {
    const lease = await options
      .call((call) => readMirrorLease(call, true))
      .catch((error) => {
        if (error instanceof KubeError && !AWAY.has(error.status)) return undefined
        wasAway = true
        throw error
      })
    const next = judge(lease)
    const changed = next !== state
    state = next
    if (changed && !closed) options.onState(next)
    return next
  }
  const schedule = (): void => {
    if (closed) return
    const every = seen === undefined && !options.insist ? LOOK_ABSENT_MS : LOOK_EVERY_MS
    timer = clock.after(every * (0.75 + options.random() / 2), () => {
      // A server that is away says nothing of the mirror.
      void look()
        .catch(() => undefined)
        .then(schedule)
    })
  }
  return {
    get state() {
      return state
    },
    get version() {
      return seen?.version
    },
    look,
    async start() {
      const first = await look()
      schedule()
      return first
    },
    close() {
      closed = true
      timer?.cancel()
    },
  }
}
