/**
 * A case of `leases`: what one more agent costs the API server for each heartbeat, in each encoding; from the difference
 * between no watch and K of them, read by a process that does nothing else.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { monotonicMs } from '../../lib/host/clock.ts'
import { median } from '../frame/statistics.ts'
import { atRate, type LeaseWorld, reportTo } from './cases.ts'
import { startChild } from './child.ts'
import { beat } from './server.ts'

/** A heartbeat's write costs a hundred times what telling one watch of it does: fewer would drown in that. */
const WATCHES = 60
const PER_SECOND = 100
const SECONDS = 10

interface Cost {
  readonly cpuMs: number
  readonly beats: number
  readonly bytes: number
}

export async function measureFanOut(world: LeaseWorld): Promise<void> {
  let before = await cost(world, 0, 'protobuf')
  const alone = [before]
  for (const how of ['protobuf', 'metadata', 'json']) {
    const { cpuMs, beats, bytes } = await cost(world, WATCHES, how)
    const after = await cost(world, 0, 'protobuf')
    alone.push(after)
    const events = beats * WATCHES
    const share = cpuMs - (beats * (before.cpuMs + after.cpuMs)) / (before.beats + after.beats)
    before = after
    reportTo(world, {
      case: 'one watch more',
      contender: how,
      samples: [],
      measures: { serverUsPerEvent: (share * 1000) / events, bytesPerEvent: bytes / events },
    })
  }
  reportTo(world, {
    case: 'one heartbeat written',
    contender: 'no watch',
    samples: [],
    measures: { serverUs: median(alone.map(({ cpuMs, beats }) => (cpuMs * 1000) / beats)) },
  })
}

async function cost({ context, scope, server, size }: LeaseWorld, watches: number, how: string): Promise<Cost> {
  context.progress(`leases ${size}: heartbeats with ${watches} watches, ${how}`)
  const child = startChild(scope, 'watchers-child', [server.kubeconfigFile(), String(watches), how])
  await child.line()
  await wait(2000)
  const before = { cpu: server.cpuMs(), bytes: Number(await child.ask()), at: monotonicMs() }
  const beats = await atRate(PER_SECOND, SECONDS, (i) => beat(server, 2 + (i % (size - 1))))
  await wait(500)
  const cpuMs = server.cpuMs() - before.cpu
  const bytes = Number(await child.ask()) - before.bytes
  await child.stop()
  return { cpuMs, beats, bytes }
}
