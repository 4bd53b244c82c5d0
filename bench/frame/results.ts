/**
 * What is kept of a run, below bench/results: SUITE.json with every sample, the tables beside it, and plots/, so that no figure
 * in there was written by hand. Must not: keep a run that failed.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { chartsOf } from '../plot/charts.ts'
import { renderChart } from '../plot/svg.ts'
import { type Environment, renderEnvironment } from './environment.ts'
import type { Sample } from './sample.ts'
import { renderJsonLine, renderMarkdown } from './table.ts'

export interface SuiteResult {
  readonly suite: string
  /** What repeats it. */
  readonly command: string
  readonly environment: Environment
  readonly notes: readonly string[]
  readonly samples: readonly Sample[]
}

/** `root`: of the repository. */
export function saveResult(root: string, result: SuiteResult): void {
  const results = path.join(root, 'bench/results')
  mkdirSync(results, { recursive: true })
  writeFileSync(path.join(results, `${result.suite}.json`), renderResult(result))
  const plots = savePlots(path.join(results, 'plots'), result)
  writeFileSync(path.join(results, `${result.suite}.md`), renderDocument(result, plots))
}

/** Renders plots and documents again from what is kept, of those suites that were saved. */
export function renderAgain(root: string, suites: readonly string[]): void {
  for (const suite of suites) {
    const file = path.join(root, 'bench/results', `${suite}.json`)
    if (existsSync(file)) saveResult(root, JSON.parse(readFileSync(file, 'utf8')) as SuiteResult)
  }
}

/** JSON with one sample a line, so that a difference between two runs can be read. */
export function renderResult({ suite, command, environment, notes, samples }: SuiteResult): string {
  const head = JSON.stringify({ suite, command, environment, notes }, null, 2).slice(0, -2)
  return `${head},\n  "samples": [\n${samples.map((sample) => `    ${renderJsonLine(sample)}`).join(',\n')}\n  ]\n}\n`
}

/** Tables of a document end where nobody reads on: the two largest sizes of a case, or all of a suite that measures no time; the plots and the JSON have all of them. */
const SHOWN_SIZES = 2

function shownOf(samples: readonly Sample[]): readonly Sample[] {
  if (samples.every(({ medianMs }) => medianMs === null)) return samples
  const largest = (name: string): readonly number[] => {
    const sizes = samples.flatMap((sample) => (sample.case === name ? [sample.size] : []))
    return [...new Set(sizes)].sort((a, b) => b - a).slice(0, SHOWN_SIZES)
  }
  return samples.filter((sample) => largest(sample.case).includes(sample.size))
}

function renderDocument(
  { suite, command, environment, notes, samples }: SuiteResult,
  plots: readonly string[],
): string {
  const parts = [
    `# Benchmark \`${suite}\``,
    `Written by the bench. [docs/benchmarks.md](../../docs/benchmarks.md) says what is measured; [${suite}.json](${suite}.json) has all sizes and samples.`,
    `\`${command}\` on ${renderEnvironment(environment)}:`,
    renderMarkdown(shownOf(samples)),
    ...notes.map((note) => `* ${note}`),
    ...plots.map((plot) => `![${plot}](plots/${plot}.svg)`),
  ]
  return `${parts.join('\n\n')}\n`
}

/** Removes the suite's old ones; returns the names of the new. */
function savePlots(folder: string, { suite, samples }: SuiteResult): readonly string[] {
  mkdirSync(folder, { recursive: true })
  for (const file of readdirSync(folder)) if (file.startsWith(`${suite}-`)) rmSync(path.join(folder, file))
  return chartsOf(suite, samples).map(({ name, chart }) => {
    writeFileSync(path.join(folder, `${name}.svg`), renderChart(chart))
    return name
  })
}
