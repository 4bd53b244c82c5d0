/** The lab's mirror: one real `vtepd mirror` beside the API server. Must not: start one again that ended by itself. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { ownCommand } from './own-command.ts'

/** It ends with the lab's PID namespace. `kubeconfig`: a file. */
export function startLabMirror(kubeconfig: string, onLine: (line: string) => void): void {
  const [program, ...args] = ownCommand(['mirror', '--kubeconfig-file', kubeconfig])
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  createInterface({ input: child.stderr }).on('line', onLine)
  child.on('error', (error) => onLine(`the mirror could not be started: ${error.message}`))
  child.on('close', (code, signal) => onLine(`the mirror ended (${signal ?? `exit status ${code}`})`))
}
