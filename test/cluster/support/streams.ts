/** Questions that go on while an agent changes: who asks whom, and the judgement that nobody noticed. Must not: change anything. */
import assert from 'node:assert/strict'
import type { Cluster } from './cluster.ts'
import { OUTSIDE, underlayAddress } from './plan.ts'
import type { Pod } from './pods.ts'
import { datagramsWithoutRoom, inNetns, inPod, type Stream, startStream } from './probes.ts'
import { OUTSIDE_HOST } from './underlay.ts'

const PING_MS = 2

/** Round the nodes, and out of the cluster through masquerading, in each family. */
export function startPodStreams(cluster: Cluster, pods: readonly Pod[]): Map<string, Stream> {
  const streams = new Map<string, Stream>()
  for (const [index, pod] of pods.entries()) {
    const next = pods[(index + 1) % pods.length]
    for (const [at, family] of cluster.families.entries())
      for (const address of [next?.addresses[at] ?? '', underlayAddress(family, OUTSIDE)])
        for (const protocol of ['udp', 'tcp'] as const) {
          const stream = startStream(cluster.image.program, inPod(pod), protocol, address, PING_MS)
          streams.set(`${pod.name} to ${address}, ${protocol}`, cluster.keep(stream))
        }
  }
  return streams
}

/** Ends the streams: each question was answered, but for datagrams that a program was too busy to take; no connection broke. */
export async function nothingWasLost(pods: readonly Pod[], streams: ReadonlyMap<string, Stream>): Promise<void> {
  const tallies = await Promise.all([...streams].map(async ([name, stream]) => ({ name, ...(await stream.stop()) })))
  for (const { name, sent, longestGapMs, afterGapMs } of tallies)
    process.stdout.write(`${name}: ${sent} questions, longest gap ${longestGapMs} ms, until ${afterGapMs}\n`)
  const bad = tallies.filter(
    ({ name, sent, received, lost, error }) => lost > 0 || error !== '' || (name.endsWith('tcp') && received !== sent),
  )
  assert.deepEqual(bad, [])
  const missing = tallies.reduce((sum, { sent, received }) => sum + sent - received, 0)
  const places = [...pods.map(inPod), inNetns(OUTSIDE_HOST)]
  const withoutRoom = await Promise.all(places.map(datagramsWithoutRoom))
  assert.equal(
    missing,
    withoutRoom.reduce((sum, count) => sum + count, 0),
    JSON.stringify(tallies),
  )
}
