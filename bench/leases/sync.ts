/** Cases of `leases`: reading all Nodes once, beside reading the same stream and throwing it away; and what each costs the server. */
import { median, mediansOf } from '../frame/statistics.ts'
import { type LeaseWorld, reportTo } from './cases.ts'
import { startChild } from './child.ts'

export const THROWN_AWAY = 'protobuf, thrown away'
const CONTENDERS = [
  [THROWN_AWAY, 'protobuf'],
  ['vtepd', 'vtepd'],
  ['JSON, thrown away', 'json'],
  ['metadata, thrown away', 'metadata'],
] as const

interface Reading {
  readonly ms: number
  readonly [measure: string]: number
}

export async function measureSync(world: LeaseWorld): Promise<void> {
  const { context, server, scope } = world
  const file = server.kubeconfigFile()
  const results = new Map<string, Reading[]>()
  const read = async (how: string): Promise<Reading> => {
    const before = server.cpuMs()
    const child = startChild(scope, 'reader-child', [file, how])
    const { ms, ...measures } = JSON.parse(await child.line()) as Reading
    return { ms, ...measures, serverCpuMs: server.cpuMs() - before }
  }
  await read('protobuf')
  for (let round = 0; round < context.rounds(world.size); round += 1)
    for (const [contender, how] of CONTENDERS) {
      context.progress(`leases ${world.size}: everything read by ${contender}, round ${round + 1}`)
      results.set(contender, [...(results.get(contender) ?? []), await read(how)])
    }
  const limitMs = median((results.get(THROWN_AWAY) ?? []).map(({ ms }) => ms))
  for (const [contender, readings] of results) {
    const { ms: _, ...measures } = mediansOf(readings) ?? {}
    reportTo(world, { case: 'synced', contender, samples: readings.map(({ ms }) => ms), limitMs, measures })
  }
}
