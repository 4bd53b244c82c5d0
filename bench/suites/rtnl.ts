/**
 * `rtnl`: what the module costs its users beside bare C, pyroute2, and iproute2's JSON read by Node: reading tables into values,
 * writing batches onto an empty table, and the most memory that each held meanwhile. N routes, a tenth of it neighbours and FDB
 * entries, a hundredth of it links.
 */
import { KIND_FDB, KIND_NEIGHBOUR, KIND_ROUTE, OFFSET_KIND } from '../../lib/addon/abi.ts'
import { createEntryWriter, type EntryTable, entryBytes } from '../../lib/rtnl/entries.ts'
import { LIMIT } from '../contenders/c-loops.ts'
import type { Counted } from '../contenders/programs.ts'
import { type Contender, compete, type Timing } from '../frame/rounds.ts'
import type { Suite, SuiteContext } from '../frame/suite.ts'
import { type Contenders, findContenders, type Place, type Table } from '../rtnl/contenders.ts'
import { createLinks } from '../rtnl/links.ts'
import { batchesOf, joined, withOp } from '../world/batches.ts'
import { clusterOf } from '../world/cluster.ts'
import { createGround, type Ground } from '../world/ground.ts'

type Written = Exclude<Table, 'links'>

const KINDS: Readonly<Record<Written, number>> = { routes: KIND_ROUTE, neighbours: KIND_NEIGHBOUR, fdb: KIND_FDB }
/** One of so many routes. */
const SHARES: Readonly<Record<Table, number>> = { routes: 1, neighbours: 10, fdb: 10, links: 100 }

export const rtnl: Suite = {
  name: 'rtnl',
  about: 'the module beside C, pyroute2 and iproute2: N routes, N/10 neighbours, N/100 links; memory',
  sizes: [100_000],
  families: ['ipv4'],
  async run(context) {
    if (!context.families.includes('ipv4')) return
    const contenders = await findContenders(context)
    for (const size of context.sizes) {
      const ground = await createGround(context.scope, ['ipv4'])
      for (const table of ['routes', 'neighbours', 'fdb'] as const) {
        const entries = await entriesOf(ground, table, shareOf(size, table))
        await measureWriting(context, contenders, ground, table, entries)
        await measureReading(context, contenders, placeOf(ground), table, entries.length)
      }
      const { netns, count } = await createLinks(context.scope, shareOf(size, 'links'))
      await measureReading(context, contenders, { netns, device: placeOf(ground).device }, 'links', count)
    }
  },
}

function shareOf(size: number, table: Table): number {
  return Math.max(2, Math.round(size / SHARES[table]))
}

function placeOf(ground: Ground): Place {
  return { netns: ground.netns.path, device: ground.device('ipv4') }
}

/** `table`'s entries of so many peers, on a new device. */
async function entriesOf(ground: Ground, table: Written, peers: number): Promise<EntryTable> {
  await ground.reset()
  const { cold } = batchesOf(clusterOf(['ipv4'], peers), 'ipv4', ground.device('ipv4').ifindex)
  const all = joined(cold)
  const writer = createEntryWriter(peers)
  for (let i = 0; i < all.length; i += 1)
    if (entryBytes(all, i)[OFFSET_KIND] === KINDS[table]) writer.copy('replace', all, i)
  return writer.finish()
}

async function measureWriting(
  context: SuiteContext,
  { writers }: Contenders,
  ground: Ground,
  table: Written,
  entries: EntryTable,
): Promise<void> {
  const rivals = writers.map(({ name, prepare }) => ({
    name,
    run: async () => {
      await ground.rtnl.applyEntries(withOp(entries, 'delete'))
      const counted = await prepare(entries, placeOf(ground))()
      const there = await ground.count()
      if (counted.count > 0 || there !== entries.length)
        throw new Error(`${name} left ${there} of ${entries.length} ${table}, ${counted.count} were refused`)
      return { [`write ${table}`]: timingOf(counted) }
    },
  }))
  await meet(context, `write ${table}`, entries.length, rivals)
}

/** The namespace has few entries beyond those that were made for it. */
async function measureReading(
  context: SuiteContext,
  { readers }: Contenders,
  place: Place,
  table: Table,
  size: number,
): Promise<void> {
  const rivals = readers
    .filter(({ tables }) => tables.includes(table))
    .map(({ name, read }) => ({
      name,
      run: async () => {
        const counted = await read(table, place)
        if (counted.count < size) throw new Error(`${name} has read ${counted.count} of ${size} ${table}`)
        return { [`read ${table}`]: timingOf(counted) }
      },
    }))
  await meet(context, `read ${table}`, size, rivals)
}

function timingOf({ timing, peakMB }: Counted): Timing {
  return { ms: timing.ms, ...(peakMB === undefined ? {} : { measures: { peakMB } }) }
}

async function meet(
  context: SuiteContext,
  what: string,
  size: number,
  rivals: readonly Omit<Contender, 'growth'>[],
): Promise<void> {
  const samples = await compete({
    suite: 'rtnl',
    family: 'ipv4',
    size,
    limit: LIMIT,
    rounds: context.rounds(size),
    contenders: rivals.map((rival) => ({ ...rival, growth: 'linear' })),
    known: () => undefined,
    onProgress: (text) => context.progress(`${what}, ${text}`),
    onSkip: () => undefined,
  })
  context.report(samples)
}
