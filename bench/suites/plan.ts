/**
 * `plan`: how long it takes to build the desired tables of N peers and to plan the difference to the kernel's: no kernel
 * needed. The limit, `scan`, reads every word of the desired and the actual tables once and adds them up; `map` is the
 * obvious way, a Map keyed by a string an entry (a case of its own, so that its garbage is not collected in our time).
 */
import { performance } from 'node:perf_hooks'
import {
  ENTRY_BYTES,
  OFFSET_DST,
  OFFSET_PRIORITY,
  OFFSET_PROTOCOL,
  OFFSET_TYPE,
  RTPROT_BOOT,
} from '../../lib/addon/abi.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import type { Family } from '../../lib/net/ip.ts'
import type { DesiredTables } from '../../lib/overlay/desired.ts'
import { type ActualTables, planPeers } from '../../lib/overlay/plan.ts'
import type { EntryTable } from '../../lib/rtnl/entries.ts'
import { type Contender, compete } from '../frame/rounds.ts'
import { familiesOf } from '../frame/sample.ts'
import { SIZES, type Suite } from '../frame/suite.ts'
import { desiredOf, NO_TABLES } from '../world/batches.ts'
import { CIDRS, clusterOf } from '../world/cluster.ts'

const IFINDEX = parseIfindex(7)
const LIMIT = 'scan'
/** Milliseconds are few here, so more rounds cost nothing. */
const ROUNDS = 15

export const plan: Suite = {
  name: 'plan',
  about: 'desired tables of N peers, and their difference to the kernel’s; in memory',
  sizes: SIZES,
  families: ['ipv4', 'ipv6'],
  async run(context) {
    for (const family of new Set(context.families.flatMap(familiesOf)))
      for (const size of context.sizes)
        for (const [name, contenders] of Object.entries(casesOf(family, size)))
          context.report(
            await compete({
              suite: 'plan',
              family,
              size,
              limit: LIMIT,
              rounds: Math.max(ROUNDS, context.rounds(size)),
              contenders: Object.entries(contenders).map(([contender, work]) => inProcess(name, contender, work)),
              known: () => undefined,
              onProgress: () => context.progress(`plan ${family} ${size}: ${name}`),
              onSkip: () => undefined,
            }),
          )
  },
}

/** Runs once before it counts. */
function inProcess(name: string, contender: string, work: () => unknown): Contender {
  work()
  return {
    name: contender,
    growth: 'linear',
    async run() {
      const started = performance.now()
      work()
      return { [name]: { ms: performance.now() - started } }
    },
  }
}

function casesOf(family: Family, size: number): Readonly<Record<string, Readonly<Record<string, () => unknown>>>> {
  const leases = clusterOf([family], size)
  const network = CIDRS[family]
  const desired = desiredOf(leases, family, IFINDEX)
  const same = shuffled(desired)
  const plan = (actual: ActualTables) => () => planPeers({ network, ifindex: IFINDEX, desired, actual, complete: true })
  return {
    equal: { [LIMIT]: () => scan(desired, same), vtepd: plan(same) },
    'equal, by map': { [LIMIT]: () => scan(desired, same), map: () => planByMap(desired, same) },
    'one altered': { [LIMIT]: () => scan(desired, same), vtepd: plan(oneAltered(same)) },
    'all missing': { [LIMIT]: () => scan(desired, NO_TABLES), vtepd: plan(NO_TABLES) },
    "flannel's": { [LIMIT]: () => scan(desired, same), vtepd: plan(asFlannel(same)) },
    'desired tables': { [LIMIT]: () => scan(desired, NO_TABLES), vtepd: () => desiredOf(leases, family, IFINDEX) },
  }
}

/** A dump comes in the kernel's order, not in ours; the same one in each run. */
function shuffled(desired: DesiredTables): ActualTables {
  const one = ({ bytes, length }: EntryTable): EntryTable => {
    const rows = Array.from({ length }, (_, i) => bytes.subarray(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES))
    let seed = 2433
    for (let i = rows.length - 1; i > 0; i -= 1) {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
      const j = seed % (i + 1)
      const [a, b] = [rows[i], rows[j]]
      if (a !== undefined && b !== undefined) [rows[i], rows[j]] = [b, a]
    }
    return { bytes: new Uint8Array(Buffer.concat(rows)), length }
  }
  return { neighbours: one(desired.neighbours), fdb: one(desired.fdb), routes: one(desired.routes) }
}

function oneAltered(tables: ActualTables): ActualTables {
  const bytes = tables.neighbours.bytes.slice()
  bytes[OFFSET_TYPE] = 0x20
  return { ...tables, neighbours: { ...tables.neighbours, bytes } }
}

/** Routes as flannel makes them: protocol boot, IPv4 without a metric. */
function asFlannel(tables: ActualTables): ActualTables {
  const bytes = tables.routes.bytes.slice()
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    bytes[at + OFFSET_PROTOCOL] = RTPROT_BOOT
    if (bytes[at + OFFSET_DST] === 10) bytes.fill(0, at + OFFSET_PRIORITY, at + OFFSET_PRIORITY + 4)
  }
  return { ...tables, routes: { ...tables.routes, bytes } }
}

function scan(...tables: readonly ActualTables[]): number {
  let sum = 0
  for (const { neighbours, fdb, routes } of tables) {
    for (const { bytes } of [neighbours, fdb, routes]) {
      const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
      for (let i = 0; i < words.length; i += 1) sum = (sum + (words[i] ?? 0)) | 0
    }
  }
  return sum
}

function planByMap(desired: DesiredTables, actual: ActualTables): number {
  let different = 0
  for (const name of ['neighbours', 'fdb', 'routes'] as const) {
    const wanted = byKey(desired[name])
    for (const [key, value] of byKey(actual[name])) {
      if (wanted.get(key) !== value) different += 1
      wanted.delete(key)
    }
    different += wanted.size
  }
  return different
}

function byKey({ bytes, length }: EntryTable): Map<string, string> {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const entries = new Map<string, string>()
  for (let i = 0; i < length; i += 1) {
    const at = i * ENTRY_BYTES
    entries.set(text.toString('latin1', at + 1, at + 24), text.toString('latin1', at + 24, at + ENTRY_BYTES))
  }
  return entries
}
