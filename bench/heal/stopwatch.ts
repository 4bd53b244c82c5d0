/**
 * When the kernel announced what, in one namespace, on the clock of `ip -ts monitor`: a witness that is not vtepd.
 * Must not: know what is being healed.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { runProgram } from '../../lib/host/exec.ts'
import type { Scope } from '../../test/support/netns.ts'

export interface Announcement {
  /** Milliseconds since the epoch, to the microsecond. */
  readonly atMs: number
  /** As `ip monitor` prints it, without the time. */
  readonly text: string
}

export interface Stopwatch {
  readonly heard: readonly Announcement[]
  /** Resolves when everything that the kernel announced before this call is in `heard`. */
  caughtUp(): Promise<void>
}

const RECEIVE_BUFFER_BYTES = 256 << 20
const MARK = '127.0.0.78/32'

export async function createStopwatch(scope: Scope, netns: string): Promise<Stopwatch> {
  const words = [
    '-n',
    netns,
    '-rcvbuf',
    `${RECEIVE_BUFFER_BYTES}`,
    '-ts',
    'monitor',
    'link',
    'address',
    'route',
    'neigh',
  ]
  const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  scope.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const heard: Announcement[] = []
  const waiting = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    const found = /^\[([^\]]+)\.(\d{6})\] ?(.*)$/.exec(line)
    // Continuation lines have no time.
    if (found === null) return
    const [, seconds = '', micros = '', text = ''] = found
    heard.push({ atMs: Date.parse(`${seconds}Z`) + Number(micros) / 1000, text })
    for (const wake of [...waiting]) wake()
  })
  const marks = (): number => heard.filter(({ text }) => text.includes(MARK) && text.includes('Deleted')).length
  /** An address comes and goes: announcements arrive in the order in which they were made. */
  const mark = async (patienceMs: number): Promise<void> => {
    const before = marks()
    for (const verb of ['add', 'del']) await runProgram('ip', ['-n', netns, 'address', verb, MARK, 'dev', 'lo'])
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        clearTimeout(timer)
        waiting.delete(look)
        resolve()
      }
      const look = (): void => {
        if (marks() > before) finish()
      }
      const timer = setTimeout(finish, patienceMs)
      waiting.add(look)
      look()
    })
  }
  while (marks() === 0) await mark(100)
  return { heard, caughtUp: () => mark(30_000) }
}

/** Announcements of the stopwatch itself. */
export function isMark({ text }: Announcement): boolean {
  return text.includes('127.0.0.78')
}
