/** The C programs of bench/limit, compiled when first asked for, and what they print. Must not: keep anything built between runs. */
import path from 'node:path'
import { runProgram } from '../../lib/host/exec.ts'
import type { Timing } from '../frame/rounds.ts'

/** Longer than any contender's budget. */
const PATIENCE_MS = 180_000
const SOURCES = path.resolve(import.meta.dirname, '../limit')

/** Compiles bench/limit/NAME.c into `folder` and returns the program's path. Throws with the compiler's words. */
export async function compileLimit(folder: string, name: string): Promise<string> {
  const program = path.join(folder, name)
  const flags = ['-O2', '-Wall', '-Wextra', '-D_GNU_SOURCE', '-o', program, path.join(SOURCES, `${name}.c`)]
  const result = await runProgram('cc', flags, { timeoutMs: PATIENCE_MS })
  if (result.outcome === 'missing') throw new Error('the limit is a C program and there is no cc: install gcc')
  if (result.outcome !== 'exited' || result.status !== 0)
    throw new Error(`cc ${name}.c: ${'stderr' in result ? result.stderr : result.outcome}`)
  return program
}

export interface Counted {
  readonly timing: Timing
  /** The third number that the program prints. */
  readonly count: number
  /** The most that was resident, MB of 1,000,000 bytes, where it prints a fourth, in kB. */
  readonly peakMB: number | undefined
}

/** Runs a program that prints nanoseconds, nanoseconds of CPU time, a number, and perhaps kB. Throws when it fails. */
export async function runTimed(program: string, args: readonly string[]): Promise<Counted> {
  const printed = (await runOrThrow(program, args)).trim().split(/\s+/).map(Number)
  const [wall = Number.NaN, cpu = Number.NaN, count = Number.NaN, peakKb] = printed
  if (printed.length < 3 || !printed.every(Number.isFinite)) throw new Error(`${program} printed no figures`)
  const peakMB = peakKb === undefined ? undefined : (peakKb * 1024) / 1e6
  return { timing: { ms: wall / 1e6, measures: { cpuMs: cpu / 1e6 } }, count, peakMB }
}

/** Milliseconds of CPU time of all threads of this process, system time included since process.cpuUsage() gave `since`. */
export function cpuMsSince(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1000
}

/** Its standard output; throws what it wrote to standard error when it fails. */
export async function runOrThrow(program: string, args: readonly string[]): Promise<string> {
  const result = await runProgram(program, args, { timeoutMs: PATIENCE_MS })
  if (result.outcome === 'exited' && result.status === 0) return result.stdout
  const why = 'stderr' in result ? result.stderr.slice(-500) : 'because' in result ? result.because : result.outcome
  throw new Error(`${path.basename(program)}: ${why}`)
}
