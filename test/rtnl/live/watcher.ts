/**
 * The program that watches the routes of its network namespace, in a process of its own so that it can be stopped. Each line of
 * its standard input asks whether the table, once settled, is what a fresh dump says.
 * `node watcher.ts ipv4|ipv6 [receive buffer, bytes]`
 */
import { createInterface } from 'node:readline'
import { openRtnl } from '../../../lib/rtnl/index.ts'
import type { Route } from '../../../lib/rtnl/routes/route.ts'

/** What a line of standard input is answered with. */
export interface Report {
  readonly size: number
  /** Milliseconds until the table was settled. */
  readonly settledMs: number
  /** CPU of the process meanwhile, and how long one plain dump as values took afterwards: what a busy machine makes of both. */
  readonly settledCpuMs: number
  readonly dumpMs: number
  /** Lines that only the table, or only the dump has; the first ten. */
  readonly differences: readonly string[]
  /** Changes told until now. */
  readonly changes: number
  /** Heap of V8, bytes. */
  readonly heapBytes: number
}

const family = process.argv[2] === 'ipv6' ? 'ipv6' : 'ipv4'
const receiveBufferBytes = Number(process.argv[3] ?? 0)
let changes = 0

await using rtnl = openRtnl()
await using routes = await rtnl.watchTable('routes', {
  family,
  ...(receiveBufferBytes === 0 ? {} : { receiveBufferBytes }),
  onChange: (list) => {
    changes += list.length
  },
})
await routes.settled()
process.stdout.write('ready\n')
for await (const _ of createInterface({ input: process.stdin })) {
  const start = performance.now()
  const cpu = process.cpuUsage()
  await routes.settled()
  const settledMs = Math.round(performance.now() - start)
  const { user, system } = process.cpuUsage(cpu)
  const dumpStart = performance.now()
  const dumped = await rtnl.listRoutes({ family })
  const report: Report = {
    size: routes.size,
    settledMs,
    settledCpuMs: Math.round((user + system) / 1000),
    dumpMs: Math.round(performance.now() - dumpStart),
    differences: differences([...routes], dumped.value),
    changes,
    heapBytes: process.memoryUsage().heapUsed,
  }
  process.stdout.write(`${JSON.stringify(report)}\n`)
}

function differences(table: readonly Route[], dump: readonly Route[]): string[] {
  const [ours, theirs] = [new Set(table.map(lineOf)), new Set(dump.map(lineOf))]
  const only = [...ours].filter((line) => !theirs.has(line)).map((line) => `only in the table: ${line}`)
  const missing = [...theirs].filter((line) => !ours.has(line)).map((line) => `only in the dump: ${line}`)
  return [
    ...only,
    ...missing,
    ...(table.length === dump.length ? [] : [`${table.length} routes, not ${dump.length}`]),
  ].slice(0, 10)
}

function lineOf({ cache, expires, ...rest }: Route): string {
  return JSON.stringify(rest)
}
