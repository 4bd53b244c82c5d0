/** Where and on what figures were taken: without it they say nothing. Must not: name the machine or its user. */
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release } from 'node:os'
import { runProgram } from '../../lib/host/exec.ts'

export interface Environment {
  /** ISO 8601, UTC. */
  readonly date: string
  readonly kernel: string
  readonly cpu: string
  readonly cores: number
  readonly memoryMiB: number
  readonly node: string
  /** Short hash; `+` behind it: the tree differs from it. `unknown` outside a clone. */
  readonly commit: string
  /** Of the last minute, at the start: what else the machine was doing. */
  readonly load: number
}

export async function describeEnvironment(root: string): Promise<Environment> {
  const processors = cpus()
  return {
    date: new Date().toISOString(),
    kernel: release(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryMiB: memoryMiB(),
    node: process.version,
    commit: await commitOf(root),
    load: loadavg()[0] ?? 0,
  }
}

export function renderEnvironment({ kernel, cpu, cores, memoryMiB, node, commit, load, date }: Environment): string {
  const machine = `Linux ${kernel}, ${cpu}, ${cores} cores, ${Math.round(memoryMiB / 1024)} GiB`
  return `${machine}; Node ${node}; commit ${commit}; load average ${load.toFixed(1)}; ${date.slice(0, 10)}`
}

function memoryMiB(): number {
  return Math.round(Number(/^MemTotal:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) / 1024)
}

async function commitOf(root: string): Promise<string> {
  const git = async (...args: string[]): Promise<string | undefined> => {
    const result = await runProgram('git', ['-c', `safe.directory=${root}`, '-C', root, ...args])
    return result.outcome === 'exited' && result.status === 0 ? result.stdout.trim() : undefined
  }
  const hash = await git('rev-parse', '--short', 'HEAD')
  if (hash === undefined) return 'unknown'
  return (await git('status', '--porcelain', '--', 'lib', 'native', 'bench')) === '' ? hash : `${hash}+`
}
