/**
 * One piece of work of the suite `rtnl` by a Node program of its own, as anybody would write it:
 *   child WAY read TABLE NETNS IFINDEX      TABLE of that link; twice, and the second time counts
 *   child WAY write FILE NETNS              the packed entries of FILE, or the lines of it that iproute2 takes
 * Prints nanoseconds, nanoseconds of CPU time, how many values there were (or entries refused), and the most kB that were
 * resident. Must not: choose or compare anything.
 */
import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { ENTRY_BYTES } from '../../lib/addon/abi.ts'
import {
  createEntryWriter,
  type Entry,
  type EntryTable,
  type Ifindex,
  openRtnl,
  parseIfindex,
  type Rtnl,
  unpackEntries,
} from '../../lib/rtnl/index.ts'

interface Place {
  readonly netns: string
  readonly ifindex: Ifindex
}

type Table = 'routes' | 'links' | 'neighbours' | 'fdb'
type Read = (rtnl: Rtnl, place: Place) => Promise<{ readonly length: number }>

const dumpRoutes = async (rtnl: Rtnl) => (await rtnl.dumpRoutes('ipv4')).value
const dumpNeighbours = async (rtnl: Rtnl, { ifindex }: Place) => (await rtnl.dumpNeighbours('ipv4', ifindex)).value
const dumpFdb = async (rtnl: Rtnl, { ifindex }: Place) => (await rtnl.dumpFdb(ifindex)).value

/** A line for each way of reading a table; the suite's list of contenders names them. */
const READS: Readonly<Record<string, Partial<Record<Table, Read>>>> = {
  packed: { routes: dumpRoutes, neighbours: dumpNeighbours, fdb: dumpFdb },
  values: {
    routes: async (rtnl) => unpackEntries(await dumpRoutes(rtnl)),
    links: async (rtnl) => (await rtnl.dumpLinks()).value,
    neighbours: async (rtnl, place) => unpackEntries(await dumpNeighbours(rtnl, place)),
    fdb: async (rtnl, place) => unpackEntries(await dumpFdb(rtnl, place)),
  },
  whole: {
    routes: async (rtnl) => (await rtnl.listRoutes({ family: 'ipv4', table: 254 })).value,
    links: async (rtnl) => (await rtnl.listLinks()).value,
    neighbours: async (rtnl, { ifindex }) => (await rtnl.listNeighbours({ family: 'ipv4', ifindex })).value,
    fdb: async (rtnl, { ifindex }) => (await rtnl.listFdb({ ifindex })).value,
  },
  iproute2: {
    routes: (_, { netns }) => askJson('ip', netns, ['-4', 'route', 'show']),
    links: (_, { netns }) => askJson('ip', netns, ['-details', 'link', 'show']),
    neighbours: (_, { netns }) => askJson('ip', netns, ['-4', 'neighbour', 'show']),
    fdb: (_, { netns }) => askJson('bridge', netns, ['fdb', 'show']),
  },
}

async function askJson(program: string, netns: string, words: readonly string[]): Promise<unknown[]> {
  const child = spawn(program, ['-netns', path.basename(netns), '-json', ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<unknown>((resolve, reject) => child.once('close', resolve).once('error', reject))
  const printed = await text(child.stdout)
  if ((await ended) !== 0) throw new Error(`${program} failed`)
  return JSON.parse(printed) as unknown[]
}

/** What is ready before the time counts, and what is then done: it resolves with how many entries were refused. */
function prepareWrite(way: string, file: string, netns: string): () => Promise<number> {
  if (way === 'iproute2') {
    const program = path.basename(file).startsWith('bridge') ? 'bridge' : 'ip'
    const run = promisify(execFile)
    return async () => {
      await run(program, ['-netns', path.basename(netns), '-batch', file])
      return 0
    }
  }
  const bytes = new Uint8Array(readFileSync(file))
  const batch = { bytes, length: bytes.length / ENTRY_BYTES }
  const values = way === 'values' ? unpackEntries(batch) : undefined
  const rtnl = openRtnl({ netns })
  return async () => {
    const { failures, unknown } = await rtnl.applyEntries(values === undefined ? batch : replacing(values))
    return failures.length + unknown
  }
}

function replacing(values: readonly Entry[]): EntryTable {
  const writer = createEntryWriter(values.length)
  for (const value of values) writer.push('replace', value)
  return writer.finish()
}

async function measure(work: () => Promise<number>): Promise<void> {
  const used = process.cpuUsage()
  const started = process.hrtime.bigint()
  const count = await work()
  const ns = process.hrtime.bigint() - started
  const { user, system } = process.cpuUsage(used)
  const peakKb = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  process.stdout.write(`${ns} ${(user + system) * 1000} ${count} ${peakKb}\n`)
}

const [way = '', verb = '', what = '', netns = '', ifindex = '1'] = process.argv.slice(2)
if (verb === 'write') await measure(prepareWrite(way, what, netns))
else {
  const read = READS[way]?.[what as Table]
  if (read === undefined) throw new Error(`${way} does not read ${what}`)
  const rtnl = openRtnl({ netns })
  const work = async (): Promise<number> => (await read(rtnl, { netns, ifindex: parseIfindex(Number(ifindex)) })).length
  await work()
  await measure(work)
}
