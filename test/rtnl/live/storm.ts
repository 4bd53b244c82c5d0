/**
 * Somebody who adds, replaces, appends and deletes routes as fast as the kernel takes them, and takes links down, while the process
 * that watches is stopped and goes on: how every round ends, told by that process. Same seed, same storm.
 */
import assert from 'node:assert/strict'
import path from 'node:path'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import {
  createEntryWriter,
  type EntryOp,
  type EntryTable,
  openRtnl,
  packEntries,
  parseCidr,
  type Rtnl,
} from '../../../lib/rtnl/index.ts'
import { type LinedProcess, startLined } from '../../support/lined-process.ts'
import { createNetns, type Scope } from '../../support/netns.ts'
import { routeEntry } from '../support.ts'
import type { Report } from './watcher.ts'

const PROGRAM = path.join(import.meta.dirname, 'watcher.ts')
/** Batches of one round. */
const BATCHES = 16

export interface StormOptions {
  readonly family: 'ipv4' | 'ipv6'
  readonly routes: number
  readonly rounds: number
  /** SO_RCVBUF of the watcher, bytes; 0: its default. */
  readonly receiveBufferBytes?: number
  readonly seed: number
  readonly onRound?: (round: number, report: Report) => void
}

interface Stage {
  readonly rtnl: Rtnl
  readonly links: readonly [Ifindex, Ifindex]
  /** Every route twice: by the first link, and by the second. */
  readonly tables: readonly [EntryTable, EntryTable]
  readonly options: StormOptions
  readonly random: (below: number) => number
}

/** Rejects when the table of some round is not what a fresh dump says. */
export async function storm(t: Scope, options: StormOptions): Promise<Report[]> {
  const netns = await createNetns(t, 'live')
  const rtnl = openRtnl({ netns: netns.path })
  t.after(() => rtnl.close())
  const links = [await createLink(rtnl, 'a0'), await createLink(rtnl, 'b0')] as const
  const tables = [routesOver(links[0], options), routesOver(links[1], options)] as const
  const stage: Stage = { rtnl, links, tables, options, random: randomOf(options.seed) }
  await rtnl.applyEntries(retold('create', tables[0], (i) => i))
  const command = [process.execPath, '--import', 'tsx', PROGRAM, options.family, `${options.receiveBufferBytes ?? 0}`]
  const watcher = startLined(t, netns, command)
  await watcher.line('ready')
  const reports: Report[] = []
  for (let round = 0; round < options.rounds; round += 1) {
    const report = await playRound(stage, watcher, round)
    reports.push(report)
    options.onRound?.(round, report)
    assert.deepEqual(report.differences, [], `round ${round} of ${options.family}, seed ${options.seed}`)
  }
  return reports
}

async function playRound(stage: Stage, watcher: LinedProcess, round: number): Promise<Report> {
  const { random } = stage
  const stop = random(BATCHES)
  const goOn = stop + 1 + random(BATCHES - stop)
  const flap = random(3) === 0 ? random(BATCHES) : -1
  for (let batch = 0; batch < BATCHES; batch += 1) {
    if (batch === stop) watcher.child.kill('SIGSTOP')
    if (batch === goOn) watcher.child.kill('SIGCONT')
    if (batch === flap) await flapLink(stage)
    await playBatch(stage)
  }
  watcher.child.kill('SIGCONT')
  watcher.child.stdin?.write('check\n')
  const line = await watcher.find(`report of round ${round}`, (lines) => lines[round + 1])
  return JSON.parse(line) as Report
}

/** A run of neighbouring routes: refusals (there already, gone already) are part of it. */
async function playBatch({ rtnl, tables, random, options }: Stage): Promise<void> {
  const first = random(options.routes)
  const count = Math.ceil(options.routes / 12)
  const table = tables[random(2)] as EntryTable
  const at = (i: number): number => (first + i) % options.routes
  const step = 1 + random(3)
  const op = (['delete', 'create', 'replace', 'replace'] as const)[random(4)] as EntryOp
  const { unknown } = await rtnl.applyEntries(retold(op, table, at, count, step))
  assert.equal(unknown, 0)
  for (let i = 0; i < 5; i += 1) await appendOne(rtnl, options, at(random(count)))
}

/** A second route under the same key: a blackhole, which needs no link. */
async function appendOne(rtnl: Rtnl, { family }: StormOptions, number: number): Promise<void> {
  const dst = parseCidr(networkOf(family, number))
  await rtnl.appendRoute({ dst, type: 'blackhole', metric: 7 }).catch(() => undefined)
}

/** Its IPv4 routes are gone without a word. */
async function flapLink({ rtnl, links }: Stage): Promise<void> {
  await rtnl.changeLink(links[1], { up: false })
  await rtnl.changeLink(links[1], { up: true })
}

async function createLink(rtnl: Rtnl, ifname: string): Promise<Ifindex> {
  const { ifindex } = await rtnl.createVeth({ ifname, peer: { ifname: `${ifname}peer` } })
  const peer = await rtnl.getLink(`${ifname}peer`)
  assert.ok(peer)
  for (const one of [ifindex, peer.ifindex]) await rtnl.changeLink(one, { up: true })
  return ifindex
}

function networkOf(family: StormOptions['family'], number: number): string {
  const [high, middle, low] = [number >> 16, (number >> 8) & 0xff, number & 0xff]
  return family === 'ipv4'
    ? `10.${high}.${middle}.${low}/32`
    : `fd42::${high.toString(16)}:${(number & 0xffff).toString(16)}/128`
}

function routesOver(oif: Ifindex, { family, routes }: StormOptions): EntryTable {
  return packEntries(
    Array.from({ length: routes }, (_, i) =>
      routeEntry({ dst: parseCidr(networkOf(family, i)), metric: 7, oif, scope: family === 'ipv4' ? 253 : 0 }),
    ),
  )
}

function retold(op: EntryOp, table: EntryTable, at: (i: number) => number, count = table.length, step = 1): EntryTable {
  const writer = createEntryWriter(Math.ceil(count / step))
  for (let i = 0; i < count; i += step) writer.copy(op, table, at(i))
  return writer.finish()
}

/** Numerical Recipes' linear congruence: the high bits alone. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
