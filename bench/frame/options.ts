/** What `npm run bench -- …` was asked for. Must not: run anything; what it does not understand is a UsageError. */
import { parseArgs } from 'node:util'
import { BENCH_FAMILIES, type BenchFamily } from './sample.ts'

export interface Options {
  /** In the order given; empty: all. */
  readonly suites: readonly string[]
  /** Ascending; undefined: each suite's own. */
  readonly sizes: readonly number[] | undefined
  readonly families: readonly BenchFamily[] | undefined
  /** undefined: nine up to 1,000 peers, five up to 10,000, three beyond. */
  readonly rounds: number | undefined
  readonly json: boolean
  /** Write bench/results, the plots and the tables of docs/benchmarks.md. */
  readonly save: boolean
  /** Nothing runs: the plots and tables are written again from bench/results. */
  readonly render: boolean
  readonly help: boolean
}

/** Its message is for the user, as it stands. */
export class UsageError extends Error {}

export function parseOptions(words: readonly string[], suites: readonly string[], largest: number): Options {
  const { values, positionals } = parse(words)
  for (const name of positionals)
    if (!suites.includes(name)) throw new UsageError(`there is no suite '${name}': ${suites.join(', ')}`)
  const families = values.family?.flatMap((list) => list.split(','))
  return {
    suites: positionals,
    sizes: values.sizes === undefined ? undefined : parseSizes(values.sizes, largest),
    families: families?.map(parseFamily),
    rounds: values.rounds === undefined ? undefined : parseCount('--rounds', values.rounds, 1000),
    json: values.json,
    save: values.save,
    render: values.render,
    help: values.help,
  }
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        sizes: { type: 'string' },
        family: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        json: { type: 'boolean', default: false },
        save: { type: 'boolean', default: false },
        render: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function parseSizes(text: string, largest: number): readonly number[] {
  const sizes = text.split(',').map((word) => parseCount('--sizes', word, largest))
  return [...new Set(sizes)].sort((a, b) => a - b)
}

function parseCount(flag: string, text: string, most: number): number {
  const count = Number(text.replaceAll('_', ''))
  if (text !== '' && Number.isInteger(count) && count >= 1 && count <= most) return count
  throw new UsageError(`${flag}: '${text}' is not a number from 1 to ${most}`)
}

function parseFamily(text: string): BenchFamily {
  const family = BENCH_FAMILIES.find((known) => known === text)
  if (family === undefined) throw new UsageError(`--family: '${text}' is none of ${BENCH_FAMILIES.join(', ')}`)
  return family
}
