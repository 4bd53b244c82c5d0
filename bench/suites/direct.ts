/**
 * `direct`: DirectRouting with N peers that are all on-link, while the host's own network is busy: twenty events a second of
 * neighbours, routes or links that concern nobody, for ten seconds. What a real `vtepd run` costs meanwhile.
 */
import { compileLimit } from '../contenders/programs.ts'
import { compete, type Timing } from '../frame/rounds.ts'
import { type BenchFamily, familiesOf } from '../frame/sample.ts'
import type { Suite } from '../frame/suite.ts'
import { type BusyNode, loadDuring, SMALLEST_MEASURED, withBusyNode } from '../world/busy-node.ts'
import { createDisturber, type Disturber } from '../world/disturber.ts'
import { HOST_EVENTS, type HostEvents } from '../world/host-events.ts'
import { countDirect } from '../world/right.ts'

const LASTS_MS = 10_000
const SHORT_MS = 300
const EVERY_MS = 50
const MOST_ROUNDS = 3

/** What neighbours of the host may cost at most with up to PROMISED_PEERS in one family. */
const MOST_PERCENT = 2
const PROMISED_PEERS = 10_000

export const direct: Suite = {
  name: 'direct',
  about: 'DirectRouting with N peers on-link and 20 events a second of the host: CPU',
  sizes: [PROMISED_PEERS],
  families: ['ipv4', 'ipv6'],
  async run(context) {
    const disturber = createDisturber(await compileLimit(context.folder, 'disturb'), context.folder)
    for (const family of context.families)
      for (const size of context.sizes) {
        const samples = await compete({
          suite: 'direct',
          family,
          size,
          limit: undefined,
          rounds: Math.min(MOST_ROUNDS, context.rounds(size)),
          contenders: [
            { name: 'vtepd run', growth: 'linear', run: () => runAll(context.folder, family, size, disturber) },
          ],
          known: () => undefined,
          onProgress: context.progress,
          onSkip: () => undefined,
        })
        // What was done took as long as it was meant to.
        context.report(samples.map((sample) => ({ ...sample, medianMs: null, samples: [] })))
        for (const { case: name, measures } of samples)
          if (name === 'neighbours' && size <= PROMISED_PEERS && (measures?.cpuPercent ?? 0) > MOST_PERCENT)
            context.note(`${family}, ${name}: more than ${MOST_PERCENT} %`)
      }
  },
}

/** All on one agent: nothing here is a quarrel, of which it would remember anything. */
async function runAll(
  folder: string,
  family: BenchFamily,
  size: number,
  disturber: Disturber,
): Promise<Record<string, Timing>> {
  const options = { families: familiesOf(family), size, folder, backend: { DirectRouting: true } }
  return await withBusyNode(options, async (node) => {
    for (const each of node.ground.families) await insistOnDirect(node, each)
    const timings: Record<string, Timing> = {}
    for (const events of HOST_EVENTS) timings[events.name] = await measure(node, events, disturber, size)
    return timings
  })
}

async function insistOnDirect({ ground, leases }: BusyNode, family: 'ipv4' | 'ipv6'): Promise<void> {
  const count = await countDirect(ground.rtnl, family)
  if (count !== leases.size) throw new Error(`${count} of ${leases.size} peers have a direct route`)
}

async function measure(node: BusyNode, events: HostEvents, disturber: Disturber, size: number): Promise<Timing> {
  const ms = size < SMALLEST_MEASURED ? SHORT_MS : LASTS_MS
  const { load, result: made } = await loadDuring(node.agent, () => events.make(node, disturber, ms, EVERY_MS))
  return { ms, measures: { ...load, events: made } }
}
