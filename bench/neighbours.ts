/**
 * How long 10,000 permanent neighbours take from TypeScript, against a C program that does nothing else.
 *
 *   npm run bench -- neighbours [--count 10000] [--runs 5] [--json]
 *
 * Each run has a fresh namespace and a fresh VXLAN device; the two contenders take turns. `call` is from applyEntries to
 * its result, `packed` also packs the entries from values. The medians' ratio `call / limit` is the figure that counts;
 * the exit status is 1 where it is above 1.3.
 */
import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { promisify } from 'node:util'
import type { FlagSpec } from '../lib/cli/flag-spec.ts'
import {
  createEntryWriter,
  type EntryTable,
  type Ifindex,
  NUD_PERMANENT,
  openRtnl,
  parseIp,
  parseLladdr,
  RTPROT_VTEPD,
  type Rtnl,
} from '../lib/rtnl/index.ts'
import { countOf, readArguments } from './frame/arguments.ts'
import { LARGEST_CLUSTER } from './world/cluster.ts'

const run = promisify(execFile)
const ROOT = path.resolve(import.meta.dirname, '..')
const MOST = 1.3
const CHUNK = 256

const FLAGS = [
  { name: 'count', kind: 'int', default: 10_000, group: 'What is measured', help: 'neighbours' },
  { name: 'runs', kind: 'int', default: 5, group: 'What is measured', help: 'of each contender' },
  { name: 'json', kind: 'bool', default: false, group: 'What becomes of it', help: 'one object on one line' },
] as const satisfies readonly FlagSpec[]

const ABOUT = {
  name: 'npm run bench -- neighbours',
  summary: 'How long permanent neighbours take from TypeScript, against a C program that does nothing else.',
}

const { count, runs, json } = readArguments(FLAGS, ABOUT, (values) => ({
  count: countOf('count', values.count, LARGEST_CLUSTER),
  runs: countOf('runs', values.runs, 1000),
  json: values.json,
}))

/** Milliseconds of one run each. */
interface Sample {
  readonly limit: number
  readonly call: number
  readonly packed: number
}

async function compileLimit(): Promise<string> {
  const folder = path.join(ROOT, 'build-native')
  mkdirSync(folder, { recursive: true })
  const program = path.join(folder, 'bench-neighbours')
  await run(process.env.CC ?? 'cc', ['-O2', '-Wall', '-o', program, path.join(ROOT, 'bench/limit/neighbours.c')])
  return program
}

/** A namespace with an unpinned VXLAN device that is up; gone when `use` ends. */
async function withDevice<T>(use: (name: string, rtnl: Rtnl, ifindex: Ifindex) => Promise<T>): Promise<T> {
  const name = `bench-${process.pid}`
  await run('ip', ['netns', 'add', name])
  const rtnl = openRtnl({ netns: `/run/netns/${name}`, chunkEntries: CHUNK })
  try {
    await rtnl.createVxlan({
      ifname: 'flannel.1',
      vni: 1,
      local: parseIp('192.0.2.1'),
      parent: undefined,
      lladdr: parseLladdr('0e:2a:00:00:00:01'),
      mtu: 1450,
      port: 8472,
      learning: false,
      gbp: false,
    })
    const link = (await rtnl.dumpLinks()).value.find(({ ifname }) => ifname === 'flannel.1')
    if (link === undefined) throw new Error('the device that was made is not there')
    await rtnl.changeLink(link.ifindex, { up: true })
    const result = await use(name, rtnl, link.ifindex)
    // Takes the neighbours with it, now: left to the namespace's end they would go while the next contender runs, from
    // the one neighbour table that all namespaces share.
    await rtnl.deleteLink(link.ifindex)
    return result
  } finally {
    await rtnl.close()
    await run('ip', ['netns', 'delete', name])
  }
}

function pack(ifindex: Ifindex): EntryTable {
  const writer = createEntryWriter(count)
  for (let i = 0; i < count; i += 1) {
    const bytes = [64 + (i >> 16), (i >> 8) & 0xff, i & 0xff]
    writer.push('replace', {
      kind: 'neighbour',
      ifindex,
      ip: parseIp(`10.${bytes.join('.')}`),
      lladdr: parseLladdr(`0e:00:0a:${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`),
      state: NUD_PERMANENT,
      flags: 0,
      protocol: RTPROT_VTEPD,
    })
  }
  return writer.finish()
}

function runLimit(program: string): Promise<Pick<Sample, 'limit'>> {
  return withDevice(async (name, rtnl, ifindex) => {
    const words = ['netns', 'exec', name, program, String(ifindex), String(count), String(CHUNK)]
    const { stdout } = await run('ip', words)
    await insist(rtnl, ifindex)
    return { limit: Number(stdout) / 1e6 }
  })
}

function runOurs(): Promise<Pick<Sample, 'call' | 'packed'>> {
  return withDevice(async (_name, rtnl, ifindex) => {
    const start = performance.now()
    const batch = pack(ifindex)
    const called = performance.now()
    const { failures, unknown } = await rtnl.applyEntries(batch)
    const end = performance.now()
    if (failures.length + unknown > 0) throw new Error(`${failures.length} failed, ${unknown} unknown`)
    await insist(rtnl, ifindex)
    return { call: end - called, packed: end - start }
  })
}

async function takeSample(program: string, oursFirst: boolean): Promise<Sample> {
  if (oursFirst) return { ...(await runOurs()), ...(await runLimit(program)) }
  return { ...(await runLimit(program)), ...(await runOurs()) }
}

/** Both contenders have to leave the same table behind. */
async function insist(rtnl: Rtnl, ifindex: Ifindex): Promise<void> {
  const { length } = (await rtnl.dumpNeighbours('ipv4', ifindex)).value
  if (length !== count) throw new Error(`${length} neighbours are there, not ${count}`)
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const at = (i: number): number => sorted[i] ?? Number.NaN
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2
}

const program = await compileLimit()
// Not counted: the first run loads and compiles.
await takeSample(program, true)
const samples: Sample[] = []
for (let i = 0; i < runs; i += 1) samples.push(await takeSample(program, i % 2 === 1))

const medians = {
  limit: median(samples.map(({ limit }) => limit)),
  call: median(samples.map(({ call }) => call)),
  packed: median(samples.map(({ packed }) => packed)),
}
const ratio = medians.call / medians.limit
if (json) {
  process.stdout.write(`${JSON.stringify({ suite: 'neighbours', count, runs, samples, medians, ratio, most: MOST })}\n`)
} else {
  const row = (name: string, ms: number): string =>
    `${name.padEnd(34)}${ms.toFixed(2).padStart(9)} ms${((ms * 1000) / count).toFixed(2).padStart(8)} µs/entry${(ms / medians.limit).toFixed(2).padStart(7)}×\n`
  process.stdout.write(`${count} neighbours, median of ${runs} runs\n`)
  process.stdout.write(row('C loop (the limit)', medians.limit))
  process.stdout.write(row('applyEntries, call to result', medians.call))
  process.stdout.write(row('applyEntries, packing included', medians.packed))
}
if (ratio > MOST) {
  process.stderr.write(`bench: ${ratio.toFixed(2)} times the limit is more than ${MOST}\n`)
  process.exitCode = 1
}
