/**
 * `window`: what an operator waits for: `vtepd status`, `diff`, `explain`, `peers` of a running agent with N peers, start of the process
 * included, beside a Node that does nothing; and how long the agent's event loop is held by the answer, by a scrape of /metrics too.
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Family } from '../../lib/net/ip.ts'
import { compete, type Timing } from '../frame/rounds.ts'
import { BENCH_FAMILIES, type BenchFamily, familiesOf, type Sample } from '../frame/sample.ts'
import type { Suite, SuiteContext } from '../frame/suite.ts'
import { type BenchAgent, ENTRY, NODE_FLAGS, startBenchAgent } from '../world/agent-process.ts'
import { clusterOf, OUR_NAME } from '../world/cluster.ts'
import { createGround, type Ground } from '../world/ground.ts'
import { leasesFileOf } from '../world/leases-file.ts'
import { LOOP_WATCH, longestHold } from '../world/watched-loop.ts'

/** Up to so many peers the suite fails beyond its marks. */
const MARKED = 10_000
/** Milliseconds, median, of these three. */
const MOST_MS = 200
const PROMPT: readonly string[] = ['status', 'diff', 'explain']
/** Milliseconds of the agent's event loop, whatever is asked. */
const MOST_HOLD_MS = 10

const IDLE = 'node -e 0'
const HEALTHZ_PORT = 18_081

export const window: Suite = {
  name: 'window',
  about: 'status, diff, explain, peers and /metrics of an agent with N peers, and how long its event loop is held',
  sizes: [100, 10_000],
  families: BENCH_FAMILIES,
  async run(context) {
    const samples: Sample[] = []
    for (const family of context.families)
      for (const size of context.sizes) {
        const found = await measure(context, family, size)
        context.report(found)
        samples.push(...found)
      }
    insist(samples)
  },
}

async function measure(context: SuiteContext, family: BenchFamily, size: number): Promise<readonly Sample[]> {
  const ground = await createGround(context.scope, familiesOf(family))
  const folder = path.join(context.folder, `${family}-${size}`)
  context.progress(`window ${family} ${size}: the agent starts`)
  const agent = await startAgent(context, ground, folder, size)
  const cases = casesOf(ground.families[0] ?? 'ipv4', folder, size)
  const samples = await compete({
    suite: 'window',
    family,
    size,
    limit: IDLE,
    rounds: context.rounds(size),
    contenders: [
      { name: 'vtepd', growth: 'linear', run: () => eachCase(cases, (words) => ask(ground, agent, words)) },
      { name: IDLE, growth: 'linear', run: () => eachCase(cases, () => ask(ground, undefined, ['-e', '0'])) },
    ],
    known: () => undefined,
    onProgress: context.progress,
    onSkip: () => undefined,
  })
  await agent.stop()
  return samples
}

async function startAgent({ scope }: SuiteContext, ground: Ground, folder: string, size: number): Promise<BenchAgent> {
  const leases = `${folder}.leases.json`
  writeFileSync(leases, leasesFileOf(ground.families, clusterOf(ground.families, size)))
  const agent = startBenchAgent({
    scope,
    netns: ground.netns.path,
    families: ground.families,
    nodeName: OUR_NAME,
    folder,
    source: `--leases=${leases}`,
    flags: ['--firewall=none', `--healthz-port=${HEALTHZ_PORT}`],
    command: [process.execPath, ...LOOP_WATCH, ...NODE_FLAGS, ENTRY],
  })
  await agent.until(({ event }) => event === 'agent.ready')
  return agent
}

/** By name: what Node is called with. */
function casesOf(family: Family, folder: string, size: number): Readonly<Record<string, readonly string[]>> {
  const last = [...clusterOf([family], size).values()].at(-1)?.[family]?.subnet ?? ''
  const pod = `${last.slice(0, last.indexOf('/'))}${family === 'ipv4' ? '' : '7'}`
  const scrape = `require('http').get('http://127.0.0.1:${HEALTHZ_PORT}/metrics', (r) => r.resume())`
  const vtepd = (...words: readonly string[]): readonly string[] => [
    ...NODE_FLAGS,
    ENTRY,
    ...words,
    `--run-dir=${folder}/run`,
  ]
  return {
    status: vtepd('status'),
    diff: vtepd('diff'),
    explain: vtepd('explain', pod),
    'one peer': vtepd('peers', pod),
    'all peers': vtepd('peers'),
    '/metrics': ['-e', scrape],
  }
}

async function eachCase(
  cases: Readonly<Record<string, readonly string[]>>,
  run: (words: readonly string[]) => Promise<Timing>,
): Promise<Record<string, Timing>> {
  const timings: Record<string, Timing> = {}
  for (const [name, words] of Object.entries(cases)) timings[name] = await run(words)
  return timings
}

/** `agent`: whose event loop is looked at meanwhile. */
async function ask(ground: Ground, agent: BenchAgent | undefined, words: readonly string[]): Promise<Timing> {
  if (agent !== undefined) await longestHold(agent)
  const argv = [`--net=${ground.netns.path}`, '--', process.execPath, ...words]
  const began = performance.now()
  await new Promise<void>((resolve, reject) => {
    execFile('nsenter', argv, { maxBuffer: 1 << 27 }, (error, _, stderr) =>
      error === null ? resolve() : reject(new Error(`${words.join(' ')} ended with ${error.code}: ${stderr}`)),
    )
  })
  const ms = performance.now() - began
  return agent === undefined ? { ms } : { ms, measures: { loopHeldMs: await longestHold(agent) } }
}

function insist(samples: readonly Sample[]): void {
  const wrong = samples
    .filter(({ contender, size }) => contender === 'vtepd' && size <= MARKED)
    .flatMap(({ case: name, family, size, medianMs, measures }) => [
      ...(PROMPT.includes(name) && (medianMs ?? 0) > MOST_MS
        ? [`${name}, ${size} peers, ${family}: ${medianMs?.toFixed(0)} ms, at most ${MOST_MS} are promised`]
        : []),
      ...((measures?.loopHeldMs ?? 0) > MOST_HOLD_MS
        ? [`${name}, ${size} peers, ${family}: the loop was held ${measures?.loopHeldMs?.toFixed(1)} ms`]
        : []),
    ])
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
}
