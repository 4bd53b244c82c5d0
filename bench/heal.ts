/**
 * How long a damaged overlay stays damaged: from the announcement of the enabling event to the last repair, both on the
 * clock of `ip -ts monitor`, with a real agent; what the agent's own log says of the same stands beside (`agentMs`), and
 * alone above 1,000 peers, whose announcements are more than `ip monitor` can take at once.
 *
 *   npm run bench -- heal [--rounds 15] [--family ipv4,ipv6] [--sizes 100,1000,10000] [--case TEXT] [--json]
 *
 * After every round all tables are read by `ip` and `bridge`; a round that does not end right ends the benchmark.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { FlagSpec } from '../lib/cli/flag-spec.ts'
import { FAMILIES } from '../lib/net/ip.ts'
import { createScope } from '../test/chaos/scope.ts'
import { deviceName, type Family } from '../test/kernel/healing/support/cluster.ts'
import { createHealthyHost, type Host } from '../test/kernel/healing/support/host.ts'
import type { LogLine } from '../test/support/agent-process.ts'
import { choicesOf, countOf, countsOf, readArguments } from './frame/arguments.ts'
import type { Sample } from './frame/sample.ts'
import { median } from './frame/statistics.ts'
import { renderJsonLine, renderTable } from './frame/table.ts'
import { CASES, type HealCase } from './heal/cases.ts'
import { createStopwatch, isMark, type Stopwatch } from './heal/stopwatch.ts'
import { LARGEST_CLUSTER } from './world/cluster.ts'

const FLAGS = [
  { name: 'rounds', kind: 'int', default: 15, group: 'What is measured', help: 'of each case, 1 to 500' },
  { name: 'family', kind: 'string', default: 'ipv4,ipv6', group: 'What is measured', help: 'ipv4, ipv6 or both' },
  { name: 'sizes', kind: 'string', default: '100,1000,10000', group: 'What is measured', help: 'numbers of peers' },
  { name: 'case', kind: 'string', default: '', group: 'What is measured', help: 'only cases with this in their name' },
  { name: 'json', kind: 'bool', default: false, group: 'What becomes of it', help: 'one sample a line' },
] as const satisfies readonly FlagSpec[]

const ABOUT = { name: 'npm run bench -- heal', summary: 'How long a damaged overlay stays damaged, with a real agent.' }

const request = readArguments(FLAGS, ABOUT, (values) => ({
  rounds: countOf('rounds', values.rounds, 500),
  families: choicesOf('family', values.family, FAMILIES),
  sizes: countsOf('sizes', values.sizes, LARGEST_CLUSTER),
  named: values.case,
  json: values.json,
}))
const { rounds } = request

/** What is damaged in the same way within two seconds counts as a quarrel, and is repaired more slowly on purpose. */
const FORGOTTEN_MS = 2100

/** Peers whose announcements `ip monitor` can take at once (net.core.rmem_max); above, the agent's log is the only witness. */
const MOST_HEARD = 1000

const samples: Sample[] = []
for (const pinned of [false, true])
  for (const size of request.sizes)
    for (const family of request.families) {
      const cases = CASES.filter((each) => (each.pinned === true) === pinned && each.sizes.includes(size))
      const wanted = cases.filter(({ name }) => name.includes(request.named))
      const sysctl = !pinned && size === 1000 && 'accept_ra changed'.includes(request.named)
      if (wanted.length > 0 || sysctl) await runOn({ family, size, pinned, cases: wanted, sysctl })
    }
if (!request.json) process.stdout.write(`${renderTable(samples)}\n`)

interface Series {
  readonly family: Family
  readonly size: number
  readonly pinned: boolean
  readonly cases: readonly HealCase[]
  readonly sysctl: boolean
}

/** One host and agent for all cases of a series. */
async function runOn({ family, size, pinned, cases, sysctl }: Series): Promise<void> {
  const scope = createScope()
  try {
    const host = await createHealthyHost(scope, { families: [family], pinned, peers: size, parent: 'bridge' })
    // Every listener makes each announcement dearer: the stopwatch is the only one from here on.
    await host.events.close()
    const stopwatch = size > MOST_HEARD ? undefined : await createStopwatch(scope, host.netns.name)
    for (const one of cases) {
      process.stderr.write(`heal: ${one.name}, ${family}, ${size} peers …\n`)
      const times: Times[] = []
      for (let round = 0; round < (size > 1000 ? Math.min(5, rounds) : rounds); round += 1) {
        if (one.quarrel) await delay(FORGOTTEN_MS)
        times.push(await heal(host, stopwatch, one, family, round))
      }
      report(one.name, family, size, times)
    }
    if (sysctl) report('accept_ra changed', family, size, await healSysctl(host, family))
  } finally {
    await scope.end()
  }
}

interface Times {
  readonly ms: number
  readonly agentMs: number
}

async function heal(
  host: Host,
  stopwatch: Stopwatch | undefined,
  one: HealCase,
  family: Family,
  round: number,
): Promise<Times> {
  const [seen, said] = [stopwatch?.heard.length ?? 0, host.agent.lines.length]
  await one.damage(host, family, round)
  await host.agent.until('peers.applied', () => true, said)
  await host.ready()
  const agentMs = agentTime(host.agent.lines.slice(said), one)
  if (stopwatch === undefined) return { ms: agentMs, agentMs }
  await stopwatch.caughtUp()
  const heard = stopwatch.heard.slice(seen).filter((each) => !isMark(each) && !/ fe80:| ff0/.test(` ${each.text}`))
  const begins = heard.map(({ text }) => one.begins(text, family, round))
  const first = heard[one.quarrel ? begins.lastIndexOf(true) : begins.indexOf(true)]
  const last = heard.findLast(({ text }) => text.includes(`dev ${deviceName(family)} `))
  if (first === undefined || last === undefined)
    throw new Error(`${one.name}: the kernel announced no ${first === undefined ? 'damage' : 'repair'}`)
  return { ms: last.atMs - first.atMs, agentMs }
}

/** From the receipt of the announcement that made healing possible to the last repair. */
function agentTime(lines: readonly LogLine[], { pinned }: HealCase): number {
  const repairs = lines.filter(({ event }) => event === 'peers.applied')
  const states = lines.filter(({ event, to }) => event === 'device.state' && (pinned !== true || to === 'creating'))
  const starts = states.map(({ monotonicMs }) => monotonicMs)
  const rounds = repairs.map(({ monotonicMs, ms }) => monotonicMs - Number(ms))
  const first = pinned === true ? Math.max(...starts) : Math.min(...starts, ...rounds)
  return Math.max(...repairs.map(({ monotonicMs }) => monotonicMs)) - first
}

/** Announced nowhere: from the write to the agent's word that it is undone. */
async function healSysctl(host: Host, family: Family): Promise<Times[]> {
  const times: Times[] = []
  process.stderr.write(`heal: accept_ra changed, ${family} …\n`)
  for (let round = 0; round < Math.min(5, rounds); round += 1) {
    const said = host.agent.lines.length
    await host.netns.exec('sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${deviceName(family)}/accept_ra`)
    const written = Number(process.hrtime.bigint()) / 1e6
    const { monotonicMs } = await host.agent.until('device.effect', (line) => line.effect === 'accept-ra-off', said)
    await host.ready()
    times.push({ ms: monotonicMs - written, agentMs: monotonicMs - written })
  }
  return times
}

function report(name: string, family: Family, size: number, times: readonly Times[]): void {
  const sample: Sample = {
    suite: 'heal',
    case: name,
    family,
    size,
    contender: 'vtepd',
    medianMs: median(times.map(({ ms }) => ms)),
    ratioToLimit: null,
    samples: times.map(({ ms }) => ms),
    measures: { agentMs: median(times.map(({ agentMs }) => agentMs)), worstMs: Math.max(...times.map(({ ms }) => ms)) },
  }
  samples.push(sample)
  if (request.json) process.stdout.write(`${renderJsonLine(sample)}\n`)
}
