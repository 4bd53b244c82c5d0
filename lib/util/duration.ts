/** How long something took, or lasts, as a person reads it. Pure. */

/** `0.4 ms`, `6 ms`, `1.2 s`, `12 s`, `3 min`, `5 h`, `2 days`: two figures that matter. */
export function duration(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? rounded(ms) : Math.round(ms)} ms`
  const seconds = ms / 1000
  if (Math.round(seconds) < 60) return `${seconds < 10 ? rounded(seconds) : Math.round(seconds)} s`
  const [minutes, hours] = [seconds / 60, seconds / 3600]
  if (Math.round(minutes) < 120) return `${Math.round(minutes)} min`
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} days`
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
