/**
 * Whether figures taken round by round stay flat. Must not: take them.
 */
import { median } from '../../bench/frame/statistics.ts'

/** Of a process at rest between two rounds. */
export interface Sample {
  /** Open descriptors, threads. */
  readonly descriptors: number
  readonly threads: number
  /** After a collection, MB of 1,000,000 bytes: what JavaScript still refers to, buffers included. */
  readonly heapMB: number
  /** The same: resident memory that no file stands behind, without V8's heap, which grows and shrinks as V8 likes. */
  readonly nativeMB: number
}

export type Figure = keyof Sample

/** What may be there more at the end than after the warm-up. A leak of one descriptor in all is one too many. */
export const MOST_GROWTH: Readonly<Record<Figure, number>> = {
  descriptors: 0.5,
  threads: 0.5,
  heapMB: 2,
  nativeMB: 3,
}

/** The first of four parts warms up: V8 compiles, pools fill. */
const WARM_UP = 0.25
const FEWEST = 8

/**
 * The median of the last third of what follows the warm-up, less that of its first third: single outliers do not move it, and a
 * leak that goes on does. Throws RangeError for too few to tell.
 */
export function growthOf(values: readonly number[]): number {
  if (values.length < FEWEST) throw new RangeError(`${values.length} samples are too few to tell; ${FEWEST} are needed`)
  const warm = values.slice(Math.ceil(values.length * WARM_UP))
  const third = Math.floor(warm.length / 3)
  return median(warm.slice(-third)) - median(warm.slice(0, third))
}

/** A sentence for each figure among `judged` that grew by more than MOST_GROWTH. */
export function growing(samples: readonly Sample[], judged: readonly Figure[]): readonly string[] {
  return judged.flatMap((figure) => {
    const values = samples.map((sample) => sample[figure])
    const growth = growthOf(values)
    if (growth <= MOST_GROWTH[figure]) return []
    const [first, last] = [values[0], values.at(-1)]
    return [`${figure} grew by ${growth.toFixed(1)} after the warm-up (the first sample ${first}, the last ${last})`]
  })
}
