/**
 * The process that is watched: does acts at random, some at once, threads that come and go among them, and after each round comes
 * to rest and says what it holds. Started, compiled, by run-soak.ts with --expose-gc:
 *   program JSON      of SoakRequest
 * Prints a line of JSON a round.
 */
import { openSync, readdirSync, readFileSync } from 'node:fs'
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { loadAddon } from '../../lib/addon/addon.ts'
import { type Ifindex, openRtnl } from '../../lib/rtnl/index.ts'
import { createRandom, type Random } from '../kernel/healing/support/random.ts'
import { ACTS, type Ground, startEverything } from './acts.ts'
import type { Sample } from './growth.ts'

export interface SoakRequest {
  readonly netns: string
  /** In all, and of a round. */
  readonly ms: number
  readonly roundMs: number
  readonly seed: number
  /** What is left open on purpose, to show that it is found. */
  readonly leak: 'nothing' | 'descriptors' | 'memory'
}

export interface Round extends Sample {
  /** So far. */
  readonly acts: number
  readonly threadsEnded: number
}

type Ending = 'end' | 'terminate' | 'exit' | 'throw'

interface Thread {
  readonly netns: string
  readonly ifindex: Ifindex
  readonly seed: number
  readonly ending: Ending
}

const LANES = 3
const ENDINGS: readonly Ending[] = ['end', 'terminate', 'exit', 'throw']
/** An act in so many is a thread that comes and goes: it takes as long as a hundred others. */
const THREAD_SHARE = 40
const LEAK_SHARE = 20
const LEAKED_BYTES = 1 << 20
/** Calm looks in a row that make a rest, and the most that are waited for. */
const CALM = 4
const MOST_LOOKS = 100
const LOOK_MS = 5
const MB = 1e6
const kept: Uint8Array[] = []

if (isMainThread) await soak(JSON.parse(process.argv[2] ?? '') as SoakRequest)
else await live(workerData as Thread)

async function soak({ netns, ms, roundMs, seed, leak }: SoakRequest): Promise<void> {
  const random = createRandom(seed)
  const ifindex = await makeLink(netns)
  const counted = { acts: 0, threadsEnded: 0 }
  const grounds = Array.from({ length: LANES }, (_, lane) => ({
    netns,
    ifindex,
    lane: lane + 1,
    random: createRandom(random.integer(2 ** 31)),
  }))
  const started = performance.now()
  while (performance.now() - started < ms) {
    const until = performance.now() + roundMs
    await Promise.all(
      grounds.map(async (ground) => {
        while (performance.now() < until) {
          if (leak !== 'nothing' && counted.acts % LEAK_SHARE === 0) leakOne(leak)
          if (ground.random.integer(THREAD_SHARE) === 0) {
            await cutThread(ground)
            counted.threadsEnded += 1
          } else await ground.random.pick(ACTS)(ground)
          counted.acts += 1
        }
      }),
    )
    const round: Round = { ...(await atRest()), ...counted }
    process.stdout.write(`${JSON.stringify(round)}\n`)
  }
}

async function makeLink(netns: string): Promise<Ifindex> {
  const rtnl = openRtnl({ netns })
  await rtnl.createBridge({ ifname: 'soak' })
  const link = (await rtnl.dumpLinks()).value.find(({ ifname }) => ifname === 'soak')
  await rtnl.close()
  if (link === undefined) throw new Error('the link of the soak is not there')
  return link.ifindex
}

function leakOne(leak: 'descriptors' | 'memory'): void {
  if (leak === 'descriptors') openSync('/dev/null', 'r')
  else kept.push(new Uint8Array(LEAKED_BYTES).fill(1))
}

async function cutThread({ netns, ifindex, random }: Ground): Promise<void> {
  const ending = random.pick(ENDINGS)
  const thread: Thread = { netns, ifindex, seed: random.integer(2 ** 31), ending }
  const worker = new Worker(new URL(import.meta.url), { workerData: thread })
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  let failure: Error | undefined
  worker.once('error', (error: Error) => {
    if (error.message !== 'as planned') failure = error
  })
  worker.once('message', () => {
    if (ending === 'terminate') void worker.terminate()
  })
  await ended
  if (failure !== undefined) throw failure
}

async function live({ netns, ifindex, seed, ending }: Thread): Promise<void> {
  const random: Random = createRandom(seed)
  const { monitor, ears } = startEverything({ netns, ifindex, lane: 100 + random.integer(100), random })
  if (random.integer(2) === 0) await turn()
  parentPort?.postMessage('ready')
  if (ending === 'exit') process.exit(0)
  if (ending === 'throw') throw new Error('as planned')
  // With both open it stays until it is terminated.
  if (ending === 'terminate') return
  monitor.close()
  ears.close()
}

/** What was forgotten is collected, and malloc gives back what it does not use. */
async function atRest(): Promise<Sample> {
  let last = ''
  for (let calm = 0, looks = 0; calm < CALM && looks < MOST_LOOKS; looks += 1) {
    globalThis.gc?.()
    await wait(LOOK_MS)
    const seen = `${count('fd')} ${count('task')}`
    calm = seen === last ? calm + 1 : 0
    last = seen
  }
  loadAddon().returnUnused()
  const anonymousKb = Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  const { heapUsed, external } = process.memoryUsage()
  const native = anonymousKb * 1024 - getHeapStatistics().total_physical_size
  return {
    descriptors: count('fd'),
    threads: count('task'),
    heapMB: (heapUsed + external) / MB,
    nativeMB: native / MB,
  }
}

function count(what: 'fd' | 'task'): number {
  return readdirSync(`/proc/self/${what}`).length
}
