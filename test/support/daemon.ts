/**
 * A daemon of the system in the network namespace of a test, behind mounts and processes of its own. Owns its end. Must not: know
 * which one it is.
 */
import { spawn } from 'node:child_process'
import type { Netns, Scope } from './netns.ts'

export interface Daemon {
  readonly running: boolean
}

/** `script` is a shell's, with `args` as `$0`, `$1`, …, and ends with exec. `onEnd`: once it has ended with the test. */
export function startDaemon(
  t: Scope,
  netns: Netns,
  script: string,
  args: readonly string[],
  onEnd: () => void = () => undefined,
): Daemon {
  const wall = ['unshare', '-m', '-p', '-f', '--kill-child', '--mount-proc', 'sh', '-e', '-c', script]
  const child = spawn('ip', ['netns', 'exec', netns.name, ...wall, ...args], { stdio: 'ignore' })
  let running = true
  const ended = new Promise<void>((resolve) =>
    child.on('close', () => {
      running = false
      resolve()
    }),
  )
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
    onEnd()
  })
  return {
    get running() {
      return running
    },
  }
}
