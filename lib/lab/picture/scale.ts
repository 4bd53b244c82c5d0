/** A linear axis of time: where a moment stands, and which moments are worth a line. Must not: draw. */

export interface TimeScale {
  readonly fromMs: number
  readonly toMs: number
  /** Pixels, kept inside the axis. */
  at(ms: number): number
  /** Round moments, ascending. */
  readonly ticks: readonly number[]
}

/** `mostTicks`: for labels that shall not touch. Throws RangeError when the time does not run forwards. */
export function timeScale(fromMs: number, toMs: number, left: number, right: number, mostTicks: number): TimeScale {
  if (!(toMs > fromMs)) throw new RangeError(`an axis cannot run from ${fromMs} to ${toMs} ms`)
  const step = niceStep((toMs - fromMs) / mostTicks)
  const first = Math.ceil(fromMs / step)
  const count = Math.floor(toMs / step) - first + 1
  return {
    fromMs,
    toMs,
    at: (ms) => left + ((Math.min(Math.max(ms, fromMs), toMs) - fromMs) / (toMs - fromMs)) * (right - left),
    // Adding 0 makes 0 of -0.
    ticks: Array.from({ length: Math.max(0, count) }, (_, index) => (first + index) * step + 0),
  }
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return power * ([1, 2, 5].find((times) => times * power >= least) ?? 10)
}

/** `+191.6`: a moment after the damage, or before it. */
export function momentText(ms: number): string {
  return `${ms < 0 ? '−' : '+'}${Math.abs(ms).toFixed(1)}`
}
