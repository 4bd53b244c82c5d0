/** One program that runs until it is stopped, its output in a file. Must not: know what the program is. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'

export interface Program {
  /** Not started, or ended by itself. */
  readonly ended: boolean
  start(flags: readonly string[]): void
  /** Kills it; resolves when it is gone. */
  stop(): Promise<void>
  /** Stands still while `work` is done. */
  whilePaused(work: () => void): Promise<void>
  /** Resident memory in bytes; 0 when it does not run. */
  rss(): number
  /** The end of what it wrote. */
  lastWords(): string
}

const LAST_WORDS = 2000

/** It does not outlive this process, unless that is killed outside of a PID namespace of its own. */
export function createProgram(file: string, logFile: string): Program {
  let child: ChildProcess | undefined
  const killNow = (): void => void child?.kill('SIGKILL')
  return {
    get ended() {
      return child === undefined || child.exitCode !== null || child.signalCode !== null
    },
    start(flags) {
      const log = openSync(logFile, 'a')
      child = spawn(file, flags, { stdio: ['ignore', log, log] })
      closeSync(log)
      // Missing or not executable: it counts as ended, and whoever waits for it says so.
      child.on('error', () => undefined)
      process.once('exit', killNow)
    },
    async stop() {
      const running = child
      child = undefined
      process.off('exit', killNow)
      if (running?.pid === undefined || running.exitCode !== null || running.signalCode !== null) return
      const ended = new Promise((resolve) => running.once('exit', resolve))
      // A clean end of kube-apiserver waits for its watches, a minute; etcd's files survive being killed.
      running.kill('SIGKILL')
      await ended
    },
    async whilePaused(work) {
      child?.kill('SIGSTOP')
      try {
        while (stateOf(child?.pid) !== 'T') await new Promise((resolve) => setTimeout(resolve, 1))
        work()
      } finally {
        child?.kill('SIGCONT')
      }
    },
    rss() {
      if (child?.pid === undefined) return 0
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
    },
    lastWords() {
      try {
        return readFileSync(logFile, 'utf8').slice(-LAST_WORDS)
      } catch {
        return ''
      }
    },
  }
}

/** The letter of /proc/PID/stat behind the name: T is stopped. Throws when there is no such process. */
function stateOf(pid: number | undefined): string | undefined {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return text.slice(text.lastIndexOf(')') + 2).split(' ', 1)[0]
}
