/**
 * Somebody else who writes to a namespace's tables without end: a C program with packed entries (limit/disturb.c), or
 * commands of iproute2 in a loop. Must not: know what the entries mean, or look at what becomes of them.
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { ENTRY_BYTES } from '../../lib/addon/abi.ts'
import type { EntryTable } from '../../lib/rtnl/entries.ts'
import type { Netns } from '../../test/support/netns.ts'
import { runTimed } from '../contenders/programs.ts'

export interface Disturber {
  /**
   * Writes `entries` again and again for `ms` milliseconds: without a pause, or with `everyMs` one after the other in that
   * rhythm. Resolves with how many the kernel has accepted.
   */
  write(netns: Netns, entries: EntryTable, ms: number, everyMs?: number): Promise<number>
  /** Runs a shell command line again and again for `ms`, each time as soon as the one before has ended; resolves with how often. */
  command(netns: Netns, line: string, ms: number): Promise<number>
}

/** `program`: limit/disturb.c compiled; `folder` takes the entries. */
export function createDisturber(program: string, folder: string): Disturber {
  return {
    async write(netns, { bytes, length }, ms, everyMs = 0) {
      const file = path.join(folder, 'disturb.entries')
      writeFileSync(file, bytes.subarray(0, length * ENTRY_BYTES))
      const { count } = await runTimed(program, [netns.path, file, String(ms), String(everyMs * 1000)])
      return count
    },
    command: (netns, line, ms) =>
      new Promise((resolve, reject) => {
        const loop = `end=$(($(date +%s%3N) + ${ms})); n=0
          while [ $(date +%s%3N) -lt $end ]; do ${line}; n=$((n+1)); done >/dev/null 2>&1; echo $n >&3`
        const child = spawn('nsenter', [`--net=${netns.path}`, 'sh', '-c', loop], {
          stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
        })
        let said = ''
        child.stdio[3]?.on('data', (data: Buffer) => {
          said += data.toString()
        })
        child.on('error', reject)
        child.on('close', (status) =>
          status === 0 ? resolve(Number(said)) : reject(new Error(`'${line}' in a loop ended with ${status}`)),
        )
      }),
  }
}
