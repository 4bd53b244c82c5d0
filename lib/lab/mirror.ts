/** The lab's mirror: one real `vtepd mirror` beside the API server. Must not: start one again that ended by itself. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { LabError } from './lab-error.ts'
import { ownCommand } from './own-command.ts'

const LEADS = 'mirror.leads'
/** What a failure shows of its log. */
const KEPT_LINES = 15

/** Resolves when it leads, which it says of itself; it ends with the lab's PID namespace. `kubeconfig`: a file. Rejects with LabError. */
export function startLabMirror(kubeconfig: string, onLine: (line: string) => void): Promise<void> {
  const [program, ...args] = ownCommand(['mirror', '--kubeconfig-file', kubeconfig])
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const lines: string[] = []
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (lines.length < KEPT_LINES) lines.push(line)
      onLine(line)
      if (line.includes(LEADS)) resolve()
    })
    const fail = (how: string): void => {
      onLine(how)
      reject(new LabError(how, { log: lines }))
    }
    child.on('error', (error) => fail(`the mirror could not be started: ${error.message}`))
    child.on('close', (code, signal) => fail(`the mirror ended (${signal ?? `exit status ${code}`})`))
  })
}
