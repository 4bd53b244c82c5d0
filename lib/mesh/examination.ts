/**
 * What is asked of a peer that gives cause, question by question, and what follows from its answers. Pure: a generator that is
 * resumed with whether each question was answered. Must not: send, or know time.
 */
import { LEAST_SIZE, type ProbePath } from './datagram.ts'
import type { NarrowPath, Verdict } from './verdict.ts'

export interface Ask {
  readonly path: ProbePath
  /** Bytes of UDP payload. */
  readonly size: number
}

export interface Sizes {
  /** UDP payload of the largest packet inside of the overlay, bytes. */
  readonly overlay: number
  /** UDP payload of an underlay packet as large as the largest outer one, bytes. */
  readonly underlay: number
  /** IP and UDP headers, bytes: 28 or 48. */
  readonly headers: number
}

/** A lost datagram is no broken path: so often it is asked before that is said. */
const TRIES = 5

export type Examination = Generator<Ask, Verdict, boolean>

export interface Known {
  /** Asked at the end, as is `heard`. */
  readonly answeredEver: () => boolean
  /** A question of this peer has come over the overlay lately. */
  readonly heard: () => boolean
  /** How often it was visited. */
  readonly visits: number
}

/** Of a peer that has not answered yet: one question is enough where all is well, two where nobody answers. */
export function* greet(sizes: Sizes, known: Known): Examination {
  const isLarge = known.visits % 2 === 1
  if (yield { path: 'overlay', size: isLarge ? sizes.overlay : LEAST_SIZE }) {
    if (isLarge) return { state: 'ok', underlay: undefined }
  } else if (!(yield { path: 'underlay', size: LEAST_SIZE }) && !known.heard()) {
    return { state: 'silent', underlay: undefined }
  }
  return yield* examine(sizes, known)
}

/** Of a peer that gives cause. */
export function* examine(sizes: Sizes, known: Known): Examination {
  const { overlay, underlay } = yield* bothPaths()
  if (!overlay) {
    if (known.heard()) return { state: 'one-way', underlay }
    if (underlay) return { state: 'unreachable', underlay }
    return { state: known.answeredEver() ? 'down' : 'silent', underlay }
  }
  // What is lost inside is measured inside, where both are.
  const outer = !underlay || (yield* anyAnswer('underlay', sizes.underlay))
  const large = yield* anyAnswer('overlay', sizes.overlay)
  if (!large) return { state: 'path-mtu', underlay, narrow: yield* measure('overlay', sizes.overlay, sizes.headers) }
  if (outer) return { state: 'ok', underlay }
  return { state: 'path-mtu', underlay, narrow: yield* measure('underlay', sizes.underlay, sizes.headers) }
}

/** By turns, and the overlay last: a peer that comes back meanwhile answers on both. */
function* bothPaths(): Generator<Ask, { overlay: boolean; underlay: boolean }, boolean> {
  let underlay = false
  for (let i = 0; i < TRIES; i += 1) {
    if (yield { path: 'overlay', size: LEAST_SIZE })
      return { overlay: true, underlay: underlay || (yield* anyAnswer('underlay', LEAST_SIZE)) }
    underlay ||= yield { path: 'underlay', size: LEAST_SIZE }
  }
  return { overlay: underlay && (yield { path: 'overlay', size: LEAST_SIZE }), underlay }
}

function* anyAnswer(path: ProbePath, size: number): Generator<Ask, boolean, boolean> {
  for (let i = 0; i < TRIES; i += 1) if (yield { path, size }) return true
  return false
}

/** By halves: a size that is answered is small enough, one that is lost twice is too large. */
function* measure(path: ProbePath, wanted: number, headers: number): Generator<Ask, NarrowPath, boolean> {
  let [passes, lost] = [LEAST_SIZE, wanted]
  while (lost - passes > 1) {
    const size = Math.floor((passes + lost) / 2)
    if ((yield { path, size }) || (yield { path, size })) passes = size
    else lost = size
  }
  return { path, mtu: passes + headers, wanted: wanted + headers }
}
