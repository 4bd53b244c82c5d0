/** Logarithmic axes: where a value stands, and which lines are worth drawing. Must not: draw. */

export interface LogScale {
  /** Pixels of `value`; values at or below 0 have no place (NaN). */
  at(value: number): number
  /** Powers of ten inside the domain, ascending. */
  readonly decades: readonly number[]
}

/** Maps `[low, high]`, widened to at least one whole decade, onto `[from, to]` pixels (`to` may lie below `from`). */
export function logScale(low: number, high: number, from: number, to: number): LogScale {
  if (!(low > 0) || !(high >= low)) throw new RangeError(`a logarithmic axis cannot run from ${low} to ${high}`)
  // Rounded: log10(1000) is 2.9999999999999996 on some machines.
  const first = Math.floor(Number(Math.log10(low).toFixed(9)))
  const last = Math.max(first + 1, Math.ceil(Number(Math.log10(high).toFixed(9))))
  return {
    at: (value) => from + ((Math.log10(value) - first) / (last - first)) * (to - from),
    decades: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)),
  }
}
