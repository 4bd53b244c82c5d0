/**
 * A program in the network namespace of a test that is told by its lines. Owns its end. Must not: know what a line means.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Netns, Scope } from './netns.ts'
import { patience } from './patience.ts'

export interface LinedProcess {
  readonly child: ChildProcess
  /** All so far. */
  readonly lines: readonly string[]
  /** The exit status; null after a signal. */
  readonly ended: Promise<number | null>
  /** The first that `find` makes of the lines, these or later ones; rejects when the program ends, or LINE_PATIENCE_MS pass. */
  find<T>(what: string, find: (lines: readonly string[]) => T | undefined): Promise<T>
  /** The first line that begins so, or matches. */
  line(match: string | RegExp): Promise<string>
  /** Resolves when it has ended. */
  end(signal?: NodeJS.Signals): Promise<void>
}

/** A bound, not a measure. */
const LINE_PATIENCE_MS = patience(30_000)

/** `from`: which stream has the lines; of the other two standard input is a pipe, and the third is the test's own or none. */
export function startLined(
  t: Scope,
  netns: Netns,
  command: readonly string[],
  { from = 'stdout', env = {} }: { readonly from?: 'stdout' | 'stderr'; readonly env?: NodeJS.ProcessEnv } = {},
): LinedProcess {
  const child: ChildProcess = spawn('ip', ['netns', 'exec', netns.name, ...command], {
    env: { ...process.env, ...env },
    stdio: from === 'stdout' ? ['pipe', 'pipe', 'inherit'] : ['pipe', 'ignore', 'pipe'],
  })
  const source = child[from]
  if (source === null) throw new Error(`${command[0]} has no ${from}`)
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let over = false
  const wake = (): void => {
    for (const look of [...waiting]) look()
  }
  createInterface({ input: source }).on('line', (line) => {
    lines.push(line)
    wake()
  })
  const ended = new Promise<number | null>((resolve) =>
    child.on('close', (status) => {
      over = true
      wake()
      resolve(status)
    }),
  )
  const end = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    child.kill(signal)
    await ended
  }
  t.after(() => end())
  const find = <T>(what: string, found: (lines: readonly string[]) => T | undefined): Promise<T> =>
    new Promise((resolve, reject) => {
      const finish = (act: () => void): void => {
        clearTimeout(timer)
        waiting.delete(look)
        act()
      }
      const look = (): void => {
        const value = found(lines)
        if (value !== undefined) finish(() => resolve(value))
        else if (over) finish(() => reject(new Error(`${command[0]} ended without ${what}:\n${lines.join('\n')}`)))
      }
      const late = (): void =>
        finish(() => reject(new Error(`no ${what} within ${LINE_PATIENCE_MS} ms:\n${lines.join('\n')}`)))
      const timer = setTimeout(late, LINE_PATIENCE_MS)
      waiting.add(look)
      look()
    })
  const line = (match: string | RegExp): Promise<string> => {
    const fits = (text: string): boolean => (typeof match === 'string' ? text.startsWith(match) : match.test(text))
    return find(`line ${match}`, (all) => all.find(fits))
  }
  return { child, lines, ended, find, line, end }
}
