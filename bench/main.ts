/**
 * The benchmark suites: `npm run bench -- [SUITE…] [--sizes 100,1000] [--family ipv4,ipv6,dual] [--rounds N] [--json] [--save]`.
 * Runs inside private namespaces (scripts/bench.mjs). Tables, or with --json one sample a line, on standard output;
 * progress on standard error. Must not: measure; the suites do.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ConfigError } from '../lib/errors.ts'
import { describeEnvironment, renderEnvironment } from './frame/environment.ts'
import { type Options, parseOptions } from './frame/options.ts'
import { createProgressLine } from './frame/progress.ts'
import { renderAgain, type SuiteResult, saveResult } from './frame/results.ts'
import type { Sample } from './frame/sample.ts'
import type { Suite } from './frame/suite.ts'
import { renderJsonLine, renderTable } from './frame/table.ts'
import { adopt } from './suites/adopt.ts'
import { apply } from './suites/apply.ts'
import { change } from './suites/change.ts'
import { codec } from './suites/codec.ts'
import { direct } from './suites/direct.ts'
import { leases } from './suites/leases.ts'
import { memory } from './suites/memory.ts'
import { mesh } from './suites/mesh.ts'
import { plan } from './suites/plan.ts'
import { quarrel } from './suites/quarrel.ts'
import { rebuild } from './suites/rebuild.ts'
import { repair } from './suites/repair.ts'
import { rtnl } from './suites/rtnl.ts'
import { simulate } from './suites/simulate.ts'
import { start } from './suites/start.ts'
import { window } from './suites/window.ts'
import { LARGEST_CLUSTER } from './world/cluster.ts'

const SUITES: readonly Suite[] = [
  codec,
  plan,
  apply,
  start,
  adopt,
  change,
  repair,
  quarrel,
  direct,
  rebuild,
  memory,
  mesh,
  leases,
  simulate,
  window,
  rtnl,
]
const ROOT = path.resolve(import.meta.dirname, '..')
const progress = createProgressLine(process.stderr)

try {
  const words = process.argv.slice(2)
  const options = parseOptions(words, SUITES, LARGEST_CLUSTER)
  if (options.help !== undefined) process.stdout.write(options.help)
  else if (options.render)
    renderAgain(
      ROOT,
      SUITES.map(({ name }) => name),
    )
  else await runAll(options, words)
} catch (error) {
  progress.clear()
  process.stderr.write(
    `bench: ${error instanceof ConfigError ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  )
  process.exitCode = error instanceof ConfigError ? 2 : 1
}

async function runAll(options: Options, words: readonly string[]): Promise<void> {
  const environment = await describeEnvironment(ROOT)
  if (!options.json) process.stdout.write(`${renderEnvironment(environment)}\n`)
  const wanted = SUITES.filter(({ name }) => options.suites.length === 0 || options.suites.includes(name))
  const flags = words.filter((word) => !options.suites.includes(word) && word !== '--save' && word !== '--json')
  for (const suite of wanted) {
    const { samples, notes } = await runSuite(suite, options)
    const command = ['npm run bench --', suite.name, ...flags].join(' ')
    const result: SuiteResult = { suite: suite.name, command, environment, notes, samples }
    progress.clear()
    if (!options.json) process.stdout.write(`\n${suite.name}: ${suite.about}\n${renderTable(samples)}\n`)
    if (options.save) saveResult(ROOT, result)
  }
}

async function runSuite(suite: Suite, options: Options): Promise<Pick<SuiteResult, 'samples' | 'notes'>> {
  const folder = mkdtempSync(path.join(tmpdir(), `vtepd-bench-${suite.name}-`))
  const ends: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })]
  const samples: Sample[] = []
  const notes: string[] = []
  try {
    await suite.run({
      sizes: options.sizes ?? suite.sizes,
      families: options.families ?? suite.families,
      nodes: options.nodes,
      archive: options.archive,
      rounds: (size) => options.rounds ?? (size > 10_000 ? 3 : size > 1000 ? 5 : 9),
      folder,
      scope: { after: (end) => void ends.push(end) },
      report(found) {
        samples.push(...found)
        if (options.json) for (const sample of found) process.stdout.write(`${renderJsonLine(sample)}\n`)
      },
      progress: (text) => progress.say(text),
      note(text) {
        notes.push(text)
        progress.note(text)
      },
    })
  } finally {
    for (const end of ends.reverse()) await end()
  }
  return { samples, notes }
}
