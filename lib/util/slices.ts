/**
 * Long computations in slices: a generator that stops now and then, so that who runs it can let the event loop turn in
 * between, or not. Must not: know the time; a slice is a number of rows that takes a few milliseconds.
 */

/** Yields between two slices; returns the result. */
export type Slices<T> = Generator<undefined, T, undefined>

/** Rows a slice where each costs about a microsecond. */
export const SLICE_ROWS = 4096

/** Without a stop: for small inputs, and where nobody else waits for the event loop. */
export function atOnce<T>(work: Slices<T>): T {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
  }
}

/** `turn` resolves once everybody else had a chance to run (Clock.turn). */
export async function inSlices<T>(work: Slices<T>, turn: () => Promise<void>): Promise<T> {
  for (;;) {
    const { done, value } = work.next()
    if (done === true) return value
    await turn()
  }
}
