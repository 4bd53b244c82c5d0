/**
 * What a kernel announces in one namespace, as `ip monitor` prints it: somebody else's ears, so that writes can be counted
 * without asking vtepd. Must not: interpret beyond the line.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { patience } from '../../../support/patience.ts'
import { runProgram } from '../../../support/run-program.ts'

export interface KernelEvents {
  /** One line an announcement of a link, address, route, neighbour or FDB entry; `Deleted …` for what went. */
  readonly lines: readonly string[]
  /** Resolves when there are more lines than `seen`, or after `atMostMs`. */
  more(seen: number, atMostMs: number): Promise<void>
  /**
   * Resolves when all that was announced before the call stands in `lines`, with their number: where something that is
   * to be counted begins. `ip monitor` may be many milliseconds behind the kernel.
   */
  caughtUp(): Promise<number>
  /** What was announced between caughtUp() and this call. */
  since(seen: number): Promise<string[]>
  close(): Promise<void>
}

/** A route of a table that nobody looks at: announced behind all that came before it, and left out of the lines. */
const MARK = /blackhole 198\.18\.(\d+)\.(\d+) table 7777/
const markRoute = (number: number): string => `blackhole 198.18.${number >> 8}.${number & 255} table 7777`
const MARK_PATIENCE_MS = patience(100)
const MOST_MARKS = 200
/** As much as the kernel gives (net.core.rmem_max): some hundred announcements at once; what is lost wakes nobody. */
const RECEIVE_BUFFER_BYTES = 32 << 20

/** Resolves once it hears. */
export async function watchKernel(netns: string): Promise<KernelEvents> {
  const child = spawn(
    'ip',
    ['-n', netns, '-rcvbuf', `${RECEIVE_BUFFER_BYTES}`, 'monitor', 'link', 'address', 'route', 'neigh'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const lines: string[] = []
  let marksMade = 0
  let lastHeard = 0
  const waiting = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    // An announcement may go on in lines that are indented.
    if (!/^\S/.test(line)) return
    const mark = MARK.exec(line)
    if (mark === null) lines.push(line)
    else lastHeard = Number(mark[1]) * 256 + Number(mark[2])
    for (const wake of [...waiting]) wake()
  })
  const until = (isSo: () => boolean, atMostMs: number): Promise<void> =>
    new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer)
        waiting.delete(wake)
        resolve()
      }
      const wake = (): void => {
        if (isSo()) finish()
      }
      const timer = setTimeout(finish, atMostMs)
      waiting.add(wake)
      wake()
    })
  const mark = async (): Promise<void> => {
    const first = marksMade + 1
    const isHeard = (): boolean => lastHeard >= first
    // More than one, as announcements may be lost.
    for (let round = 0; round < MOST_MARKS && !isHeard(); round += 1) {
      marksMade += 1
      const route = markRoute(marksMade).split(' ')
      for (const verb of ['add', 'del']) await runProgram('ip', ['-n', netns, 'route', verb, ...route])
      await until(isHeard, MARK_PATIENCE_MS)
    }
    if (!isHeard()) throw new Error('ip monitor hears nothing')
  }
  let last: Promise<void> = mark()
  await last
  const caughtUp = async (): Promise<number> => {
    last = last.then(mark)
    await last
    return lines.length
  }
  return {
    lines,
    more: (seen, atMostMs) => until(() => lines.length > seen, atMostMs),
    caughtUp,
    async since(seen) {
      await caughtUp()
      return lines.slice(seen)
    },
    async close() {
      child.kill('SIGKILL')
      await ended
    },
  }
}
