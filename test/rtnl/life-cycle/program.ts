/**
 * A life cut short: goes the first steps of an Rtnl's life and then ends in one of several ways. Started, compiled, by
 * life-cycle.test.ts in a process of its own; whatever is left open at the end is the point.
 *   program STEPS return|exit|throw
 *   program STEPS worker-end|worker-terminate|worker-exit    (the same life inside a worker thread)
 * STEPS may be several numbers, `0,1,2`, for the endings that leave the process alive.
 */
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Monitor, openRtnl, packEntries, parseIp, parseLladdr, type Rtnl } from '../../../lib/rtnl/index.ts'
import { batchOf } from '../support.ts'

const NEIGHBOURS = 2000

interface Life {
  rtnl?: Rtnl
  monitor?: Monitor
}

type Step = (life: Life) => unknown

const opened = (life: Life): Rtnl => life.rtnl ?? fail('not opened')

const STEPS: readonly Step[] = [
  (life) => {
    life.rtnl = openRtnl({ receiveBufferBytes: 65_536 })
  },
  (life) => opened(life).dumpLinks(),
  (life) => {
    const options = { groups: ['link', 'neighbour'], families: ['ipv4'], ignoreOwn: false } as const
    life.monitor = opened(life).monitor({ ...options, onNotifications: busy })
  },
  (life) => void opened(life).applyEntries(neighbours('create')).catch(ignore),
  (life) => {
    for (let i = 0; i < 20; i += 1) opened(life).dumpLinks().catch(ignore)
    opened(life).applyEntries(neighbours('delete')).catch(ignore)
  },
  (life) => life.monitor?.close(),
  (life) => void opened(life).close(),
  (life) => opened(life).close(),
]

// Keeps the monitor's queue full, so that its thread is blocked in a delivery when the end comes.
function busy(): void {
  const until = process.hrtime.bigint() + 200_000n
  while (process.hrtime.bigint() < until);
}

function neighbours(op: 'create' | 'delete') {
  const ifindex = 1 as never
  const lladdr = parseLladdr('0e:2a:00:00:00:01')
  const entries = Array.from({ length: NEIGHBOURS }, (_, i) => ({
    kind: 'neighbour' as const,
    ifindex,
    ip: parseIp(`10.9.${i >> 8}.${i & 0xff}`),
    lladdr,
    state: 0x80,
    flags: 0,
    protocol: 118,
  }))
  return packEntries(entries).length === NEIGHBOURS ? batchOf(op, entries) : fail('packing')
}

function ignore(): void {}

function fail(why: string): never {
  throw new Error(why)
}

async function live(steps: number): Promise<Life> {
  const life: Life = {}
  if (steps > STEPS.length) fail(`there are ${STEPS.length} steps`)
  for (const step of STEPS.slice(0, steps)) await step(life)
  return life
}

async function inMain(steps: number, ending: string): Promise<void> {
  if (ending.startsWith('worker-')) return inWorker(steps, ending)
  const life = await live(steps)
  if (ending === 'exit') process.exit(0)
  if (ending === 'throw') throw new Error('as planned')
  // An open monitor keeps the process alive, as it should; an Rtnl without work does not.
  life.monitor?.close()
}

async function inWorker(steps: number, ending: string): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { steps, ending } })
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  if (ending === 'worker-terminate') await worker.terminate()
  await ended
}

async function asWorker(steps: number, ending: string): Promise<void> {
  const life = await live(steps)
  parentPort?.postMessage('ready')
  if (ending === 'worker-exit') process.exit(0)
  if (ending === 'worker-end') life.monitor?.close()
}

if (isMainThread)
  for (const steps of process.argv[2]?.split(',') ?? []) await inMain(Number(steps), process.argv[3] ?? 'return')
else await asWorker(workerData.steps, workerData.ending)
