/** What `npm run bench -- …` was asked for. Must not: run anything; what it does not understand is a ConfigError. */
import type { FlagSpec } from '../../lib/cli/flag-spec.ts'
import { parseFlags } from '../../lib/cli/parse-flags.ts'
import { suggestion } from '../../lib/cli/suggestion.ts'
import { ConfigError } from '../../lib/errors.ts'
import { choicesOf, countOf, countsOf } from './arguments.ts'
import { BENCH_FAMILIES, type BenchFamily } from './sample.ts'
import type { Suite } from './suite.ts'

export interface Options {
  /** The help was asked for: nothing else counts then. */
  readonly help: string | undefined
  /** In the order given; empty: all. */
  readonly suites: readonly string[]
  /** Ascending; undefined: each suite's own. */
  readonly sizes: readonly number[] | undefined
  readonly families: readonly BenchFamily[] | undefined
  /** undefined: nine up to 1,000 peers, five up to 10,000, three beyond. */
  readonly rounds: number | undefined
  /** Major versions or paths; none: the one that runs. */
  readonly nodes: readonly string[]
  readonly archive: string | undefined
  readonly json: boolean
  /** Write results, tables and plots below bench/results. */
  readonly save: boolean
  /** Nothing runs: the plots and tables are written again from bench/results. */
  readonly render: boolean
}

const MOST_ROUNDS = 1000
const WHAT = 'What is measured'
const RESULT = 'What becomes of it'

const FLAGS = [
  {
    name: 'sizes',
    kind: 'string',
    default: '',
    placeholder: 'n,n…',
    group: WHAT,
    help: "peers; without it each suite's own",
  },
  { name: 'family', kind: 'strings', placeholder: 'name,name', group: WHAT, help: BENCH_FAMILIES.join(', ') },
  {
    name: 'rounds',
    kind: 'int',
    default: 0,
    group: WHAT,
    help: '0: nine up to 1,000 peers, five up to 10,000, three beyond',
  },
  {
    name: 'node',
    kind: 'strings',
    placeholder: 'major,path…',
    group: WHAT,
    help: 'memory: the Nodes that vtepd runs on; without it the one that runs here',
  },
  { name: 'archive', kind: 'string', default: '', placeholder: 'file', group: WHAT, help: 'memory: an archive too' },
  {
    name: 'json',
    kind: 'bool',
    default: false,
    group: RESULT,
    help: 'one sample a line on standard output instead of tables',
  },
  {
    name: 'save',
    kind: 'bool',
    default: false,
    group: RESULT,
    help: 'write bench/results/SUITE.json, the tables beside it, and plots/',
  },
  {
    name: 'render',
    kind: 'bool',
    default: false,
    group: RESULT,
    help: 'write those again from bench/results, without running anything',
  },
] as const satisfies readonly FlagSpec[]

/** Throws ConfigError. `largest`: most peers. */
export function parseOptions(
  argv: readonly string[],
  suites: readonly Pick<Suite, 'name' | 'about'>[],
  largest: number,
): Options {
  const names = suites.map(({ name }) => name)
  const parsed = parseFlags(
    FLAGS,
    argv,
    {},
    {
      name: 'npm run bench --',
      words: '[SUITE…]',
      summary: ['The suites:', ...suites.map(({ name, about }) => `  ${name.padEnd(10)}${about}`)].join('\n'),
      footer: 'Programs of their own, with their own --help: neighbours, heal, heal-dns, heal-filter.',
    },
  )
  if (parsed.help !== undefined) return { ...NOTHING, help: parsed.help }
  const { values, given, words } = parsed
  for (const name of words)
    if (!names.includes(name))
      throw new ConfigError(`'${name}'`, `is no suite${suggestion(name, names)}; there are ${names.join(', ')}`)
  const { sizes, family, rounds, node, archive, json, save, render } = values
  return {
    help: undefined,
    suites: words,
    sizes: given.has('sizes') ? ascending(countsOf('sizes', sizes, largest)) : undefined,
    families: given.has('family') ? choicesOf('family', family.join(','), BENCH_FAMILIES) : undefined,
    nodes: node.flatMap((words) => words.split(',')),
    archive: archive === '' ? undefined : archive,
    rounds: rounds === 0 ? undefined : countOf('rounds', rounds, MOST_ROUNDS),
    json,
    save,
    render,
  }
}

const NOTHING = {
  suites: [],
  sizes: undefined,
  families: undefined,
  rounds: undefined,
  nodes: [],
  archive: undefined,
  json: false,
  save: false,
  render: false,
} as const

function ascending(sizes: readonly number[]): readonly number[] {
  return [...new Set(sizes)].sort((a, b) => a - b)
}
