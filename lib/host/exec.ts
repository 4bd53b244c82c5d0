/**
 * Runs another program and waits for its end, within a bound. Owns nothing but the child.
 * Must not: use a shell, nor throw for what the program did: a missing program, a failure and a time-out are results.
 */
import { execFile } from 'node:child_process'

export type ProgramResult =
  | { readonly outcome: 'exited'; readonly status: number; readonly stdout: string; readonly stderr: string }
  /** No such program in PATH, or not executable. */
  | { readonly outcome: 'missing' }
  /** Killed with SIGKILL after `timeoutMs`. */
  | { readonly outcome: 'timed-out' }
  /** Ended by a signal of somebody else, or more output than fits. */
  | { readonly outcome: 'failed'; readonly because: string }

export interface ProgramOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number
  /** Written to its standard input, which is then closed. */
  readonly input?: string
  /** Default 64 MiB. With more on either output the program is killed, and has failed with TOO_LONG. */
  readonly largestOutputBytes?: number
  /** Replaces the environment; default: our own, with /usr/sbin and /sbin in PATH, where a user's PATH lacks them. */
  readonly env?: NodeJS.ProcessEnv
}

/** How programs are run; replaced by tests. */
export type RunProgram = (program: string, args: readonly string[], options?: ProgramOptions) => Promise<ProgramResult>

const LARGEST_OUTPUT_BYTES = 64 << 20

/** Why a program failed that wrote more than `largestOutputBytes`. */
export const TOO_LONG = 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER'

export const runProgram: RunProgram = (program, args, options = {}) =>
  new Promise((resolve) => {
    const env = options.env ?? { ...process.env, PATH: `${process.env.PATH ?? '/usr/bin:/bin'}:/usr/sbin:/sbin` }
    const settings = {
      env,
      timeout: options.timeoutMs ?? 10_000,
      killSignal: 'SIGKILL' as const,
      maxBuffer: options.largestOutputBytes ?? LARGEST_OUTPUT_BYTES,
    }
    const child = execFile(program, [...args], settings, (error, stdout, stderr) => {
      if (error === null) resolve({ outcome: 'exited', status: 0, stdout, stderr })
      else if (typeof error.code === 'number') resolve({ outcome: 'exited', status: error.code, stdout, stderr })
      else if (['ENOENT', 'EACCES'].includes(String(error.code))) resolve({ outcome: 'missing' })
      else if (error.killed === true && error.signal === 'SIGKILL') resolve({ outcome: 'timed-out' })
      else resolve({ outcome: 'failed', because: error.code ?? error.signal ?? error.message })
    })
    // A program that ends without reading its input gives EPIPE: its exit status tells more.
    child.stdin?.on('error', () => {})
    child.stdin?.end(options.input ?? '')
  })
