/** CPU time and memory of a process, from /proc. Must not: guess for a process that is gone. */
import { readFileSync } from 'node:fs'

export interface ProcessUsage {
  /** User and system time since its start, milliseconds. */
  readonly cpuMs: number
  /** Resident memory, bytes. */
  readonly rssBytes: number
}

/** Linux reports times to user space in 1/100 s on every architecture that Node.js runs on (USER_HZ). */
const MS_PER_TICK = 10

/** undefined: there is no such process. */
export function readProcessUsage(pid: number): ProcessUsage | undefined {
  try {
    return parseProcessUsage(readFileSync(`/proc/${pid}/stat`, 'utf8'), readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return undefined
  }
}

/** From the text of /proc/PID/stat (fields 14 and 15 of proc(5)) and /proc/PID/status. */
export function parseProcessUsage(stat: string, status: string): ProcessUsage {
  // The command's name, field 2, may hold blanks and parentheses: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const rssKib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  return {
    cpuMs: (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * MS_PER_TICK,
    rssBytes: Number(rssKib ?? 0) * 1024,
  }
}
