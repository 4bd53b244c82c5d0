/** Memory, open files and processor time of a running agent, from /proc. */
import { readdirSync } from 'node:fs'
import { readProcessUsage } from '../../lib/lab/process-usage.ts'

export interface VitalSigns {
  readonly rssKb: number
  readonly openFiles: number
  readonly cpuMs: number
}

/** Throws where there is no such process. */
export function readVitalSigns(pid: number): VitalSigns {
  const usage = readProcessUsage(pid)
  if (usage === undefined) throw new Error(`the agent, process ${pid}, is gone`)
  return { rssKb: usage.rssBytes / 1024, openFiles: readdirSync(`/proc/${pid}/fd`).length, cpuMs: usage.cpuMs }
}

export function describeProcess(pid: number): string {
  const { rssKb, openFiles, cpuMs } = readVitalSigns(pid)
  return `${(rssKb / 1024).toFixed(1)} MiB resident, ${openFiles} open files, ${(cpuMs / 1000).toFixed(1)} s of processor`
}
