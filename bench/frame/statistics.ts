/** The few figures that are made of many. Must not: know what they are about. */

/** The middle one; of an even number the mean of the middle two. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Medians by name, of those records that have the name. */
export function mediansOf(
  records: readonly (Readonly<Record<string, number>> | undefined)[],
): Readonly<Record<string, number>> | undefined {
  const columns = new Map<string, number[]>()
  for (const record of records) {
    for (const [name, value] of Object.entries(record ?? {})) {
      const column = columns.get(name)
      if (column === undefined) columns.set(name, [value])
      else column.push(value)
    }
  }
  if (columns.size === 0) return undefined
  return Object.fromEntries([...columns].map(([name, values]) => [name, median(values)]))
}

export type Growth = 'linear' | 'quadratic'

/** Milliseconds to expect at `size`, from what `known.size` took. */
export function extrapolate(
  known: { readonly size: number; readonly ms: number },
  size: number,
  growth: Growth,
): number {
  const factor = size / known.size
  return known.ms * (growth === 'linear' ? factor : factor * factor)
}
