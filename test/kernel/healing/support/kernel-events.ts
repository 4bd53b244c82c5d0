/**
 * What a kernel announces in one namespace, as `ip monitor` prints it: somebody else's ears, so that writes can be counted
 * without asking vtepd. Must not: interpret beyond the line.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { runProgram } from '../../../../lib/host/exec.ts'

export interface KernelEvents {
  /** One line an announcement of a link, address, route, neighbour or FDB entry; `Deleted …` for what went. */
  readonly lines: readonly string[]
  /** Resolves when there are more lines than `seen`, or after `atMostMs`. */
  more(seen: number, atMostMs: number): Promise<void>
  close(): Promise<void>
}

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
  const waiting = new Set<() => void>()
  createInterface({ input: child.stdout }).on('line', (line) => {
    // An announcement may go on in lines that are indented.
    if (!/^\S/.test(line)) return
    lines.push(line)
    for (const wake of [...waiting]) wake()
  })
  const more = (seen: number, atMostMs: number): Promise<void> =>
    new Promise((resolve) => {
      const finish = (): void => {
        clearTimeout(timer)
        waiting.delete(wake)
        resolve()
      }
      const wake = (): void => {
        if (lines.length > seen) finish()
      }
      const timer = setTimeout(finish, atMostMs)
      waiting.add(wake)
      wake()
    })
  await untilHeard(netns, lines, more)
  return {
    lines,
    more,
    async close() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Changes something harmless until an announcement of it arrives. */
async function untilHeard(netns: string, lines: string[], more: KernelEvents['more']): Promise<void> {
  for (let round = 0; lines.length === 0; round += 1) {
    if (round > 100) throw new Error('ip monitor hears nothing')
    for (const verb of ['add', 'del'])
      await runProgram('ip', ['-n', netns, 'address', verb, '127.0.0.77/32', 'dev', 'lo'])
    await more(0, 50)
  }
}
