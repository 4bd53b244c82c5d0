/** Programs of this folder as processes of their own, so that their memory and CPU are theirs alone. Must not: know what they do. */
import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { v8Flags } from '../../lib/cli/v8-flags.ts'
import type { Scope } from '../../test/support/netns.ts'

/** A bound, not a measure. */
const PATIENCE_MS = 180_000

export interface Child {
  /** The next line that it prints; rejects when it ends or is too late. */
  line(): Promise<string>
  /** Writes an empty line and waits for the one that it prints then. */
  ask(): Promise<string>
  stop(): Promise<void>
}

/** The program is started as `vtepd` starts itself: a small young generation, a late optimizer. */
export function startChild(scope: Scope, name: string, words: readonly string[]): Child {
  const flags = ['--max-semi-space-size=1', ...v8Flags(process.versions.v8), '--expose-gc', '--import', 'tsx']
  const child = spawn(process.execPath, [...flags, path.join(import.meta.dirname, `${name}.ts`), ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines: string[] = []
  const waiting: (() => void)[] = []
  let over = false
  const wake = (): void => {
    for (const look of waiting.splice(0)) look()
  }
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    wake()
  })
  const ended = new Promise<void>((resolve) =>
    child.once('close', () => {
      over = true
      wake()
      resolve()
    }),
  )
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  scope.after(stop)
  const line = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${name} did not answer in time`)), PATIENCE_MS)
      const look = (): void => {
        const found = lines.shift()
        if (found === undefined && !over) {
          waiting.push(look)
          return
        }
        clearTimeout(timer)
        if (found === undefined) reject(new Error(`${name} ended`))
        else resolve(found)
      }
      look()
    })
  return {
    line,
    ask() {
      child.stdin.write('\n')
      return line()
    },
    stop,
  }
}
