/**
 * A life cut short: goes the first steps of an Rtnl's life and then ends in one of several ways. Started, compiled, by
 * life-cycle.test.ts in a process of its own; whatever is left open at the end is the point.
 *   program NETNS STEPS return|exit|throw
 *   program NETNS STEPS worker-end|worker-terminate|worker-exit    (the same life inside a worker thread)
 * STEPS may be several numbers, `0,1,2`, for the endings that leave the process alive.
 */
import { isMainThread, parentPort, threadId, Worker, workerData } from 'node:worker_threads'
import {
  type Ifindex,
  type Monitor,
  type Notification,
  openRtnl,
  parseIp,
  parseLladdr,
  type Rtnl,
} from '../../../lib/rtnl/index.ts'
import { openNftMonitor } from '../../../lib/rtnl/native-nft-monitor.ts'
import type { NftMonitor } from '../../../lib/rtnl/nft-monitor.ts'
import { batchOf } from '../support.ts'

const NEIGHBOURS = 8000
const MARK_MTU = 1400
const NETNS: string = isMainThread ? (process.argv[2] ?? '') : workerData.netns

interface Life {
  rtnl?: Rtnl
  ifindex?: Ifindex
  monitor?: Monitor
  ears?: NftMonitor
  created?: Promise<unknown>
  /** Whether the first overrun came before the mark that follows the batch. */
  overflow?: Promise<boolean>
}

type Step = (life: Life) => unknown

const opened = (life: Life): Rtnl => life.rtnl ?? fail('not opened')

const STEPS: readonly Step[] = [
  (life) => {
    life.rtnl = openRtnl({ netns: NETNS, receiveBufferBytes: 65_536 })
  },
  async (life) => {
    const ifname = `b${process.pid}-${threadId}`
    await opened(life).createBridge({ ifname })
    const { value } = await opened(life).dumpLinks()
    life.ifindex = value.find((link) => link.ifname === ifname)?.ifindex ?? fail('no bridge')
  },
  (life) => {
    life.overflow = new Promise((resolve) => {
      life.monitor = opened(life).monitor({
        groups: ['link', 'neighbour'],
        families: ['ipv4'],
        ignoreOwn: false,
        receiveBufferBytes: 16_384,
        onNotifications(list) {
          for (const news of list) if (news.type === 'overrun' || isMark(life, news)) resolve(news.type === 'overrun')
          busy()
        },
      })
    })
  },
  (life) => {
    life.ears = openNftMonitor({
      netns: NETNS,
      watched: [{ family: 'ipv4', table: 'flannel-ipv4' }],
      onNews: () => undefined,
    })
  },
  (life) => {
    life.created = opened(life).applyEntries(neighbours(life, 'create')).catch(ignore)
  },
  async (life) => {
    await life.created
    await opened(life).changeLink(life.ifindex ?? fail('no bridge'), { mtu: MARK_MTU })
    if (!(await life.overflow)) fail('the queue of the monitor was never full')
  },
  (life) => {
    for (let i = 0; i < 20; i += 1) opened(life).dumpLinks().catch(ignore)
    for (let i = 0; i < 5; i += 1) opened(life).announceAddress(announcement(life)).catch(ignore)
    opened(life).applyEntries(neighbours(life, 'delete')).catch(ignore)
  },
  (life) => life.monitor?.close(),
  (life) => life.ears?.close(),
  (life) => void opened(life).close(),
  (life) => opened(life).close(),
]

function isMark({ ifindex }: Life, news: Notification): boolean {
  return news.type === 'link' && news.link.ifindex === ifindex && news.link.mtu === MARK_MTU
}

// Keeps the monitor's queue full, so that its thread is blocked in a delivery when the end comes: the kernel writes some
// 2,000 neighbours in this time, and one delivery holds 300.
function busy(): void {
  const until = process.hrtime.bigint() + 5_000_000n
  while (process.hrtime.bigint() < until);
}

function neighbours({ ifindex = fail('no bridge') }: Life, op: 'create' | 'delete') {
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
  return batchOf(op, entries)
}

function announcement({ ifindex = fail('no bridge') }: Life) {
  const lladdr = parseLladdr('0e:2a:00:00:00:01')
  return { ifindex, ip: parseIp('10.9.0.1'), lladdr, router: false, override: true }
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
  life.ears?.close()
}

async function inWorker(steps: number, ending: string): Promise<void> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { netns: NETNS, steps, ending } })
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  if (ending === 'worker-terminate') await worker.terminate()
  await ended
}

async function asWorker(steps: number, ending: string): Promise<void> {
  const life = await live(steps)
  parentPort?.postMessage('ready')
  if (ending === 'worker-exit') process.exit(0)
  if (ending !== 'worker-end') return
  life.monitor?.close()
  life.ears?.close()
}

if (isMainThread)
  for (const steps of process.argv[3]?.split(',') ?? []) await inMain(Number(steps), process.argv[4] ?? 'return')
else await asWorker(workerData.steps, workerData.ending)
