/** What a benchmark says: one record a case, family, size and contender. Must not: measure or render anything. */
import type { Family } from '../../lib/net/ip.ts'

/** `dual`: both families at once, each on a device of its own, as a dual-stack agent has them. */
export type BenchFamily = Family | 'dual'

export const BENCH_FAMILIES: readonly BenchFamily[] = ['ipv4', 'ipv6', 'dual']

/** One line of `--json`, and one element of the samples of a file in bench/results. */
export interface Sample {
  readonly suite: string
  readonly case: string
  readonly family: BenchFamily
  /** Peers. */
  readonly size: number
  readonly contender: string
  /** null: the case is not about time (memory), see `measures`. */
  readonly medianMs: number | null
  /** Against the suite's limit in the same case, family, size and run; null where there is none. */
  readonly ratioToLimit: number | null
  /** Milliseconds of each round, in the order in which they ran. */
  readonly samples: readonly number[]
  /** What else was counted, each the median of the rounds; the unit ends the name. Absent: nothing else. */
  readonly measures?: Readonly<Record<string, number>>
}

export function familiesOf(family: BenchFamily): readonly Family[] {
  return family === 'dual' ? ['ipv4', 'ipv6'] : [family]
}
