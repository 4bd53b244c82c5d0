/** Starts the soak's program in a process of its own, and reads what it says. Must not: judge it. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { compilePrograms } from '../support/compile-programs.ts'
import type { Round, SoakRequest } from './program.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
// Two levels below the root, where the loader of the addon expects to stand.
const COMPILED = path.join(ROOT, 'build-native/soak')

/** The size of V8's young generation would be noise. */
const FLAGS = ['--expose-gc', '--max-semi-space-size=1']

export interface Soaked {
  readonly rounds: readonly Round[]
  /** Of the process; null: a signal ended it. */
  readonly status: number | null
  /** What it complained of, a sanitizer's report among it. */
  readonly complaints: string
}

/** Without a loader of TypeScript in its memory, and in that of each of its threads. */
export const compileSoak = (): Promise<void> =>
  compilePrograms([path.join(import.meta.dirname, 'program.ts')], COMPILED)

/**
 * With one arena of malloc: glibc otherwise gives threads up to eight a core, which fill for minutes by 20 kB a thread that
 * ended, as a leak would; with one it is 1 kB, as of a thread of Node's that never loaded the addon.
 */
export async function runSoak(request: SoakRequest, onRound: (round: Round) => void): Promise<Soaked> {
  const program = [path.join(COMPILED, 'program.mjs'), JSON.stringify(request)]
  const child = spawn(process.execPath, [...FLAGS, ...program], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MALLOC_ARENA_MAX: '1' },
  })
  const ended = new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject))
  const complaints = text(child.stderr)
  const rounds: Round[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const round = JSON.parse(line) as Round
    rounds.push(round)
    onRound(round)
  }
  return { rounds, status: await ended, complaints: await complaints }
}
