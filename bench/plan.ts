/**
 * How long it takes to build the desired tables of N peers and to plan the difference to the kernel's: no kernel needed.
 *
 *   npm run bench -- plan [--sizes 1000,10000,100000] [--families ipv4,ipv6] [--samples 15] [--json]
 *
 * Contenders beside ours, on the same bytes in the same run: `scan`, the limit: reads every word of the desired and the
 * actual tables once and adds them up; `map`: the obvious way, a Map keyed by a string an entry (a case of its own, so
 * that its garbage is not collected in our time).
 */
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import type { Lease } from '../lib/leases/lease.ts'
import { type Cidr, cidrOf, parseCidr } from '../lib/net/cidr.ts'
import { parseIfindex } from '../lib/net/ifindex.ts'
import { type Family, ipFromBytes } from '../lib/net/ip.ts'
import { lladdrFromBytes } from '../lib/net/lladdr.ts'
import { type DesiredTables, desiredTables } from '../lib/overlay/desired.ts'
import { peersOf } from '../lib/overlay/peers.ts'
import { type ActualTables, planPeers } from '../lib/overlay/plan.ts'
import { ENTRY_BYTES, OFFSET_DST, OFFSET_PRIORITY, OFFSET_PROTOCOL, OFFSET_TYPE, RTPROT_BOOT } from '../lib/rtnl/abi.ts'
import type { EntryTable } from '../lib/rtnl/entries.ts'

const NETWORKS: Readonly<Record<Family, Cidr>> = { ipv4: parseCidr('10.0.0.0/8'), ipv6: parseCidr('fd42::/40') }
const IFINDEX = parseIfindex(7)
const NOTHING: EntryTable = { bytes: new Uint8Array(0), length: 0 }
const NO_TABLES: ActualTables = { neighbours: NOTHING, fdb: NOTHING, routes: NOTHING }

interface Sample {
  readonly suite: 'plan'
  readonly case: string
  readonly family: Family
  readonly size: number
  readonly contender: string
  readonly medianMs: number
  /** Against the `scan` contender of the same case, family and size. */
  readonly ratioToLimit: number
  readonly samples: readonly number[]
}

const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000' },
    families: { type: 'string', default: 'ipv4,ipv6' },
    samples: { type: 'string', default: '15' },
    json: { type: 'boolean', default: false },
  },
})

const sizes = values.sizes.split(',').map(Number)
const families = values.families.split(',').filter((family) => family === 'ipv4' || family === 'ipv6')
const rounds = Number(values.samples)
const valid = (count: number, most: number): boolean => Number.isInteger(count) && count >= 1 && count <= most
if (families.length === 0 || !valid(rounds, 1000) || !sizes.every((size) => valid(size, 100_000))) {
  process.stderr.write('bench plan: --sizes takes 1 to 100000 each, --families ipv4 or ipv6, --samples 1 to 1000\n')
  process.exit(2)
}
for (const size of sizes) for (const family of families) report(measureAll(family, size))

function measureAll(family: Family, size: number): Sample[] {
  const view = clusterOf(family, size)
  const network = NETWORKS[family]
  const { peers } = peersOf(view, family)
  const desired = desiredTables({ family, network, ifindex: IFINDEX, peers })
  const same = shuffled(desired)
  const plan = (actual: ActualTables) => () => planPeers({ network, ifindex: IFINDEX, desired, actual, complete: true })
  const cases: Readonly<Record<string, Readonly<Record<string, () => unknown>>>> = {
    equal: { scan: () => scan(desired, same), vtepd: plan(same) },
    'equal, by map': { scan: () => scan(desired, same), map: () => planByMap(desired, same) },
    'one altered': { scan: () => scan(desired, same), vtepd: plan(oneAltered(same)) },
    'all missing': { scan: () => scan(desired, NO_TABLES), vtepd: plan(NO_TABLES) },
    "flannel's": { scan: () => scan(desired, same), vtepd: plan(asFlannel(same)) },
    'desired tables': {
      scan: () => scan(desired, NO_TABLES),
      vtepd: () => desiredTables({ family, network, ifindex: IFINDEX, peers: peersOf(view, family).peers }),
    },
  }
  return Object.entries(cases).flatMap(([name, contenders]) => measureCase(name, family, size, contenders))
}

/** The contenders of a case take turns, so that a slow moment of the machine hits all of them. */
function measureCase(
  name: string,
  family: Family,
  size: number,
  contenders: Readonly<Record<string, () => unknown>>,
): Sample[] {
  process.stderr.write(`plan: ${name}, ${family}, ${size} peers …\n`)
  const times = new Map<string, number[]>(Object.keys(contenders).map((contender) => [contender, []]))
  for (let round = -2; round < rounds; round += 1) {
    for (const [contender, run] of Object.entries(contenders)) {
      const started = performance.now()
      run()
      if (round >= 0) times.get(contender)?.push(performance.now() - started)
    }
  }
  const limit = median(times.get('scan') ?? [])
  return [...times].map(([contender, samples]) => {
    const medianMs = median(samples)
    return { suite: 'plan', case: name, family, size, contender, medianMs, ratioToLimit: medianMs / limit, samples }
  })
}

function report(samples: readonly Sample[]): void {
  for (const sample of samples) {
    const { medianMs, ratioToLimit, size, family } = sample
    const columns = [
      sample.case.padEnd(15),
      family,
      String(size).padStart(7),
      sample.contender.padEnd(6),
      `${medianMs.toFixed(2).padStart(9)} ms`,
      `${ratioToLimit.toFixed(1).padStart(6)} x limit`,
      `${((medianMs * 1000) / size).toFixed(3).padStart(7)} us/peer`,
    ]
    process.stdout.write(values.json ? `${JSON.stringify(sample)}\n` : `${columns.join('  ')}\n`)
  }
}

function clusterOf(family: Family, size: number): ReadonlyMap<string, Lease> {
  const leases = new Map<string, Lease>()
  for (let i = 1; i <= size; i += 1) {
    const [high, middle, low] = [(i >> 16) & 0xff, (i >> 8) & 0xff, i & 0xff]
    const node = `node-${i}`
    const lladdr = lladdrFromBytes(Uint8Array.of(0x0e, 0x2a, 0, high, middle, low))
    const ipv4Lease = () => ({
      // /25s, so that 100,000 of them fit into a /8.
      subnet: cidrOf(ipFromBytes(Uint8Array.of(10, (i >> 9) & 0xff, (i >> 1) & 0xff, (i & 1) << 7)), 25),
      underlay: ipFromBytes(Uint8Array.of(172, 16 + high, middle, low)),
      lladdr,
    })
    const ipv6Lease = () => ({
      subnet: parseCidr(`fd42:0:${high.toString(16)}:${(i & 0xffff).toString(16)}::/64`),
      underlay: ipFromBytes(Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, high, middle, low)),
      lladdr,
    })
    const ipv4 = family === 'ipv4' ? ipv4Lease() : undefined
    const ipv6 = family === 'ipv6' ? ipv6Lease() : undefined
    leases.set(node, { node, seniority: String(i).padStart(8, '0'), ipv4, ipv6 })
  }
  return leases
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

function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}
