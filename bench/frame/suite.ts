/** What a suite is, and what it is given. Must not: measure. */
import type { Scope } from '../../test/support/netns.ts'
import type { BenchFamily, Sample } from './sample.ts'

export interface Suite {
  readonly name: string
  /** One line for the help. */
  readonly about: string
  /** Peers, where --sizes does not say otherwise. */
  readonly sizes: readonly number[]
  readonly families: readonly BenchFamily[]
  run(context: SuiteContext): Promise<void>
}

export interface SuiteContext {
  /** Ascending. */
  readonly sizes: readonly number[]
  readonly families: readonly BenchFamily[]
  /** Of the suite `memory`: Nodes by major version or path, and an archive of build:archive. */
  readonly nodes: readonly string[]
  readonly archive: string | undefined
  /** How often each contender runs at `size`. */
  rounds(size: number): number
  /** For files of this suite; removed with the scope. */
  readonly folder: string
  /** Ends with the suite. */
  readonly scope: Scope
  report(samples: readonly Sample[]): void
  /** What is being done now; replaces the last one. */
  progress(text: string): void
  /** What the reader of the table must know, such as who was left out. */
  note(text: string): void
}

export const SIZES: readonly number[] = [100, 1000, 10_000, 30_000, 100_000]
