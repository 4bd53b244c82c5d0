/** Programs of the machine for test/cluster: run to their end, or until they are stopped. Must not: know what they do. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { monotonicMs } from '../../../lib/host/clock.ts'

const execute = promisify(execFile)
const LAST_WORDS = 3000
const LOOK_EVERY_MS = 100

/** Resolves with its standard output; rejects with its standard error in the message. */
export async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await execute(program, [...args], { maxBuffer: 1 << 26 })
  return stdout
}

export interface Service {
  readonly pid: number
  readonly running: boolean
  /** What it has written. */
  log(): string
  /** Resolves when it is gone. Default SIGKILL. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Its output goes to the end of `logFile`. */
export function startService(
  logFile: string,
  words: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv = {},
): Service {
  const log = openSync(logFile, 'a')
  const [program, ...args] = words
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } })
  closeSync(log)
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const running = (): boolean => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  return {
    pid: child.pid ?? 0,
    get running() {
      return running()
    },
    log: () => readFileSync(logFile, 'utf8'),
    async stop(signal = 'SIGKILL') {
      if (running()) child.kill(signal)
      await gone
    },
  }
}

/** Resolves with what `look` found. A rejection of `look` is "not yet", too. `because` says what is missing at the end. */
export async function until<T>(
  what: string,
  seconds: number,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  because: () => string = () => '',
): Promise<T> {
  const deadline = monotonicMs() + seconds * 1000
  let refused: unknown
  for (;;) {
    try {
      refused = undefined
      const found = await look()
      if (found !== undefined && found !== false) return found
    } catch (error) {
      refused = error
    }
    if (monotonicMs() > deadline)
      throw new Error(`not within ${seconds} s: ${what}\n${because()}`, refused === undefined ? {} : { cause: refused })
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

/** The end of a log, for a message. */
export function lastWords(text: string): string {
  return text.slice(-LAST_WORDS)
}
