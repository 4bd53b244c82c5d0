/**
 * `change`: one Node among N says something else: from the moment in which its decoded event reaches the source's table
 * until the kernel has acknowledged the last of its entries, and what that took in netlink messages; `viewMs` is the part
 * that passes before the overlay is told. The limit sends the entries of one peer in C.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import type { LeaseView } from '../../lib/cluster/view.ts'
import { LIMIT } from '../contenders/c-loops.ts'
import { compileLimit, cpuMsSince, runTimed } from '../contenders/programs.ts'
import { compete, type Timing } from '../frame/rounds.ts'
import { BENCH_FAMILIES, familiesOf } from '../frame/sample.ts'
import { SIZES, type Suite } from '../frame/suite.ts'
import { batchesOf, joined } from '../world/batches.ts'
import { clusterOf, leaseOf, nodeName } from '../world/cluster.ts'
import { noTraffic, type Traffic } from '../world/counting-rtnl.ts'
import { createGround, type Ground } from '../world/ground.ts'
import { createNodeEvents } from '../world/node-events.ts'
import { type BenchOverlay, startOverlay } from '../world/overlay.ts'

/** Machines that stand behind a changed subnet: beyond every peer's own. */
const SPARE = 120_000

export const change: Suite = {
  name: 'change',
  about: 'one lease in N: renewed by another machine, gone, come back',
  sizes: SIZES,
  families: BENCH_FAMILIES,
  async run(context) {
    const program = await compileLimit(context.folder, 'entries')
    const file = path.join(context.folder, 'change.entries')
    for (const family of context.families) {
      const ground = await createGround(context.scope, familiesOf(family))
      for (const size of context.sizes) {
        await ground.reset()
        const changer = await createChanger(ground, size)
        context.report(
          await compete({
            suite: 'change',
            family,
            size,
            limit: LIMIT,
            rounds: context.rounds(size),
            contenders: [
              { name: 'vtepd', growth: 'linear', run: () => changer.round() },
              { name: LIMIT, growth: 'linear', run: () => limitOf(program, file, ground, size) },
            ],
            known: () => undefined,
            onProgress: context.progress,
            onSkip: () => undefined,
          }),
        )
        await changer.stop()
      }
    }
  },
}

interface Changer {
  round(): Promise<Record<string, Timing>>
  stop(): Promise<void>
}

async function createChanger(ground: Ground, size: number): Promise<Changer> {
  const { families } = ground
  let tell: (view: LeaseView) => void = () => undefined
  const events = createNodeEvents(families, (view) => tell(view))
  const overlay = startOverlay(ground, events.list(clusterOf(families, size).values()))
  tell = (view) => overlay.setView(view)
  await overlay.until(() => overlay.ready)
  await quiet(overlay)
  const index = Math.ceil(size / 2)
  const name = nodeName(index)
  let behind = SPARE
  return {
    async round() {
      behind += 1
      const renewed = await settle(overlay, families.length, () => events.put(leaseOf(families, index, behind)))
      const gone = await settle(overlay, families.length, () => events.remove(name))
      const back = await settle(overlay, families.length, () => events.put(leaseOf(families, index)))
      return { renewed, gone, back }
    },
    stop: () => overlay.stop(),
  }
}

/** Until every family has said that its entries are applied; what the rest of the round still does is counted too. */
async function settle(overlay: BenchOverlay, families: number, event: () => number): Promise<Timing> {
  const before = { ...overlay.traffic }
  let applied = 0
  let ms = 0
  const used = process.cpuUsage()
  const started = performance.now()
  const acknowledged = new Promise<void>((resolve) => {
    const listen = async (): Promise<void> => {
      await overlay.untilLogged('peers.applied')
      applied += 1
      if (applied < families) return await listen()
      ms = performance.now() - started
      resolve()
    }
    listen().catch(() => undefined)
  })
  const viewMs = event()
  await acknowledged
  const atAck = difference(overlay.traffic, before)
  await overlay.until(() => overlay.ready)
  await quiet(overlay)
  const inAll = difference(overlay.traffic, before)
  return {
    ms,
    measures: {
      viewMs,
      messages: atAck.requests + atAck.answers,
      messagesInAll: inAll.requests + inAll.answers,
      writes: inAll.writes,
      heard: inAll.heard,
      cpuMs: cpuMsSince(used),
    },
  }
}

/** Waits until its sockets carry nothing, and have carried nothing for a while. */
async function quiet({ traffic }: BenchOverlay): Promise<void> {
  for (let last = -1; last !== traffic.requests || traffic.underWay > 0; ) {
    last = traffic.requests
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function difference(now: Traffic, before: Traffic): Traffic {
  const result = noTraffic()
  for (const key of ['requests', 'answers', 'writes', 'heard'] as const) result[key] = now[key] - before[key]
  return result
}

/** The entries of one peer, written again, for each of the three cases. */
async function limitOf(program: string, file: string, ground: Ground, size: number): Promise<Record<string, Timing>> {
  const index = Math.ceil(size / 2)
  const one = new Map([[nodeName(index), leaseOf(ground.families, index)]])
  const batches = ground.families.map((family) => batchesOf(one, family, ground.device(family).ifindex))
  const { bytes } = joined(batches.flatMap((batch) => batch.cold))
  writeFileSync(file, bytes)
  const run = async (): Promise<Timing> => (await runTimed(program, ['batch', ground.netns.path, file])).timing
  return { renewed: await run(), gone: await run(), back: await run() }
}
