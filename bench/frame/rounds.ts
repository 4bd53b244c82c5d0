/**
 * Runs contenders against each other: in turns, so that a slow moment of a shared machine hits all of them, and against a
 * budget, so that one that needs minutes is left out by name. Must not: know what a contender does.
 */
import type { BenchFamily, Sample } from './sample.ts'
import { extrapolate, type Growth, median, mediansOf } from './statistics.ts'

export interface Timing {
  readonly ms: number
  /** What else this run has counted; see Sample. */
  readonly measures?: Readonly<Record<string, number>>
}

export interface Contender {
  readonly name: string
  /** How its time grows with the number of peers: what the budget expects. */
  readonly growth: Growth
  /** One run from fresh ground to its end: a timing for each case that it takes part in. */
  run(): Promise<Readonly<Record<string, Timing>>>
}

export interface Contest {
  readonly suite: string
  readonly family: BenchFamily
  readonly size: number
  /** Of the contender that the others are held against; undefined: none. */
  readonly limit: string | undefined
  readonly rounds: number
  readonly contenders: readonly Contender[]
  /** What a contender took before at another size; undefined: nobody knows, it runs. */
  readonly known: (contender: string) => { readonly size: number; readonly ms: number } | undefined
  readonly onProgress: (text: string) => void
  readonly onSkip: (contender: string, expectedMs: number) => void
}

/** A contender that would need longer than this for one run is left out. */
const BUDGET_MS = 60_000

/** One Sample for each case and contender, in the order in which cases and contenders first appear. */
export async function compete(contest: Contest): Promise<readonly Sample[]> {
  const { family, size, contenders } = contest
  const results = new Map<string, Map<string, Timing[]>>()
  const places = contenders.flatMap((contender) => {
    const rounds = roundsOf(contest, contender)
    return rounds === 0 ? [] : [{ contender, rounds }]
  })
  for (let round = 0; round < contest.rounds; round += 1) {
    // Each begins once: whoever follows a contender that leaves work behind is not always the same.
    const turn = round % Math.max(1, places.length)
    for (const { contender, rounds } of [...places.slice(turn), ...places.slice(0, turn)]) {
      if (round >= rounds) continue
      contest.onProgress(`${contest.suite} ${family} ${size}: ${contender.name}, round ${round + 1} of ${rounds}`)
      for (const [name, timing] of Object.entries(await contender.run())) {
        const byContender = results.get(name) ?? new Map<string, Timing[]>()
        results.set(name, byContender)
        byContender.set(contender.name, [...(byContender.get(contender.name) ?? []), timing])
      }
    }
  }
  return [...results].flatMap(([name, byContender]) =>
    places.flatMap(({ contender }) => {
      const timings = byContender.get(contender.name)
      return timings === undefined ? [] : [sampleOf(contest, name, contender.name, timings, byContender)]
    }),
  )
}

/** Fewer rounds for the slow, none for those beyond the budget. */
function roundsOf(contest: Contest, contender: Contender): number {
  const known = contest.known(contender.name)
  const expected = known === undefined ? 0 : extrapolate(known, contest.size, contender.growth)
  if (expected > BUDGET_MS) {
    contest.onSkip(contender.name, expected)
    return 0
  }
  return Math.max(1, Math.min(contest.rounds, Math.floor(BUDGET_MS / Math.max(expected, 1))))
}

/** CPU time, where both have counted it, makes a ratio that other programs of the machine hardly disturb. */
function withCpuRatio(
  timings: readonly Timing[],
  limits: readonly Timing[] | undefined,
): Readonly<Record<string, number>> | undefined {
  const measures = mediansOf(timings.map((timing) => timing.measures))
  const limit = mediansOf((limits ?? []).map((timing) => timing.measures))?.cpuMs
  if (measures?.cpuMs === undefined || limit === undefined) return measures
  return { ...measures, cpuRatioToLimit: measures.cpuMs / limit }
}

function sampleOf(
  { suite, family, size, limit }: Contest,
  name: string,
  contender: string,
  timings: readonly Timing[],
  byContender: ReadonlyMap<string, readonly Timing[]>,
): Sample {
  const times = (list: readonly Timing[]): number[] => list.map(({ ms }) => ms)
  const samples = times(timings)
  const limits = limit === undefined ? undefined : byContender.get(limit)
  const medianMs = median(samples)
  const measures = withCpuRatio(timings, limits)
  return {
    suite,
    case: name,
    family,
    size,
    contender,
    medianMs,
    ratioToLimit: limits === undefined ? null : medianMs / median(times(limits)),
    samples,
    ...(measures === undefined ? {} : { measures }),
  }
}
