/**
 * `quarrel`: another program deletes or replaces entries of a device with N peers without a pause for ten seconds: what the
 * agent costs and says meanwhile, and from the end of it how long until everything is right. The agent is a real
 * `vtepd run`, new for each case: what one loop has taught it does not count in the next.
 */
import { compileLimit } from '../contenders/programs.ts'
import { compete, type Timing } from '../frame/rounds.ts'
import { BENCH_FAMILIES, familiesOf } from '../frame/sample.ts'
import type { Suite, SuiteContext } from '../frame/suite.ts'
import { loadDuring, SMALLEST_MEASURED, withBusyNode } from '../world/busy-node.ts'
import { createDisturber, type Disturber } from '../world/disturber.ts'
import { QUARRELS, type Quarrel } from '../world/quarrels.ts'

const LOOP_MS = 10_000
const SHORT_LOOP_MS = 300
/** A case takes a quarter of a minute. */
const MOST_ROUNDS = 3

/** What one quarrel may cost at most with up to PROMISED_PEERS in one family. */
const MOST_PERCENT = 5
const MOST_LINES = 2
const MOST_MS = 1000
const PROMISED_PEERS = 2000

export const quarrel: Suite = {
  name: 'quarrel',
  about: 'another program undoes entries of N peers for ten seconds: CPU, log lines, ms until right',
  sizes: [PROMISED_PEERS],
  families: BENCH_FAMILIES,
  async run(context) {
    const disturber = createDisturber(await compileLimit(context.folder, 'disturb'), context.folder)
    for (const family of context.families)
      for (const size of context.sizes) {
        const one = async (quarrel: Quarrel): Promise<Timing> => {
          context.progress(`quarrel ${family} ${size}: ${quarrel.name}`)
          const options = { families: familiesOf(family), size, folder: context.folder }
          return await withBusyNode(options, (node) => measure(node, quarrel, disturber, size))
        }
        const samples = await compete({
          suite: 'quarrel',
          family,
          size,
          limit: undefined,
          rounds: Math.min(MOST_ROUNDS, context.rounds(size)),
          contenders: [{ name: 'vtepd run', growth: 'linear', run: () => eachOf(QUARRELS, one) }],
          known: () => undefined,
          onProgress: context.progress,
          onSkip: () => undefined,
        })
        context.report(samples)
        if (family !== 'dual' && size <= PROMISED_PEERS && size >= SMALLEST_MEASURED) compare(context, samples)
      }
  },
}

async function eachOf(
  quarrels: readonly Quarrel[],
  run: (quarrel: Quarrel) => Promise<Timing>,
): Promise<Record<string, Timing>> {
  const timings: Record<string, Timing> = {}
  for (const quarrel of quarrels) timings[quarrel.name] = await run(quarrel)
  return timings
}

async function measure(
  node: Parameters<Quarrel['run']>[0],
  quarrel: Quarrel,
  disturber: Disturber,
  size: number,
): Promise<Timing> {
  const loopMs = size < SMALLEST_MEASURED ? SHORT_LOOP_MS : LOOP_MS
  const { load, result: undone } = await loadDuring(node.agent, () => quarrel.run(node, disturber, loopMs))
  const ended = performance.now()
  await node.untilRight()
  return { ms: performance.now() - ended, measures: { ...load, undone } }
}

/** Says which medians are beyond what is promised. */
function compare({ note }: SuiteContext, samples: Awaited<ReturnType<typeof compete>>): void {
  for (const { case: name, family, medianMs, measures } of samples) {
    const { cpuPercent = 0, lines = 0, notReady = 0 } = measures ?? {}
    if (cpuPercent > MOST_PERCENT || lines > MOST_LINES || notReady > 0 || (medianMs ?? 0) > MOST_MS)
      note(
        `${family}, ${name}: more than ${MOST_PERCENT} %, ${MOST_LINES} lines, ${MOST_MS} ms or one loss of readiness`,
      )
  }
}
