/**
 * An agent that stood still while the kernel had far more to say than its monitor can hold: SIGSTOP, 60,000 routes and other
 * noise, SIGCONT, and at a random moment of the next 50 ms its device is deleted. N times under one agent; each time the
 * device and the entries of all peers must be there again within a second.
 * Must not: look into the agent but for its log, which has to say that the queue overflowed.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { hostAt, parseCidr } from '../../lib/net/cidr.ts'
import { unpackEntries } from '../../lib/rtnl/entries.ts'
import { openRtnl } from '../../lib/rtnl/native.ts'
import type { Rtnl } from '../../lib/rtnl/port.ts'
import { claimOf, deviceName, type Family, peerNumbers } from '../kernel/healing/support/cluster.ts'
import { createHealthyHost, type Host } from '../kernel/healing/support/host.ts'
import { createRandom } from '../kernel/healing/support/random.ts'
import { drawNoise, type Noise } from './noise.ts'
import { createScope } from './scope.ts'

export interface StoppedOptions {
  readonly repeats: number
  readonly seed: number
  readonly pinned: boolean
  readonly families: readonly Family[]
  readonly say: (line: string) => void
}

export interface StoppedResult {
  /** From the end of the device until everything is there, of each repeat. */
  readonly healedMs: readonly number[]
  /** Repeats that took longer than MOST_MS, in words. */
  readonly late: readonly string[]
}

const PEERS = 100
export const MOST_MS = 1000
const PATIENCE_MS = 90_000
const LOOK_EVERY_MS = 2
const LATEST_DELETION_MS = 50

/** Rejects when a repeat is never healed, or the monitor's queue did not overflow. */
export async function runStopped({ repeats, seed, pinned, families, say }: StoppedOptions): Promise<StoppedResult> {
  const scope = createScope()
  const random = createRandom(seed)
  const healedMs: number[] = []
  const late: string[] = []
  try {
    const host = await createHealthyHost(scope, { families, pinned, peers: PEERS, parent: 'bridge' })
    const rtnl = openRtnl({ netns: host.netns.path })
    scope.after(() => rtnl.close())
    for (let done = 1; done <= repeats; done += 1) {
      const family = random.pick(families)
      const noise = drawNoise(random, family)
      const afterMs = random.integer(LATEST_DELETION_MS + 1)
      const from = host.agent.lines.length
      const ms = await stopAndDelete(host, rtnl, family, noise, afterMs)
      healedMs.push(ms)
      const what = `${done}: ${family}, ${noise.name}, deleted after ${afterMs} ms: ${ms.toFixed(0)} ms`
      const told = host.agent.lines.slice(from)
      if (!told.some((line) => line.event === 'monitor.overrun' && line.family === family))
        throw new Error(`${what}: the monitor's queue did not overflow`)
      if (ms > MOST_MS) late.push(`${what}\n${logOf(host, from)}`)
      await noise.end(host)
      await host.ready()
      if (done % 10 === 0 || ms > MOST_MS) say(`${what}; ${late.length} late`)
    }
    return { healedMs, late }
  } finally {
    await scope.end()
  }
}

/** Resolves with the milliseconds from the end of the device until it is whole. */
async function stopAndDelete(host: Host, rtnl: Rtnl, family: Family, noise: Noise, afterMs: number): Promise<number> {
  const ifname = deviceName(family)
  const doomed = (await rtnl.dumpLinks()).value.find((link) => link.ifname === ifname)
  if (doomed === undefined) throw new Error(`${ifname} is not there`)
  await host.whileFrozen(() => noise.whileFrozen(host))
  const after = noise.afterwards(host)
  await delay(afterMs)
  await rtnl.deleteLink(doomed.ifindex)
  const began = performance.now()
  let lacks: string | undefined
  do {
    await delay(LOOK_EVERY_MS)
    lacks = await whatLacks(rtnl, family, doomed.ifindex)
    if (performance.now() - began > PATIENCE_MS)
      throw new Error(`${ifname}: ${lacks} after ${PATIENCE_MS} ms\n${logOf(host, 0)}`)
  } while (lacks !== undefined)
  const ms = performance.now() - began
  await after
  return ms
}

/** Routes are asked for one by one: a dump has 60,000 more. Whether all of it is right, Host.ready() tells. */
async function whatLacks(rtnl: Rtnl, family: Family, doomed: number): Promise<string | undefined> {
  const link = (await rtnl.dumpLinks()).value.find(({ ifname }) => ifname === deviceName(family))
  if (link === undefined || link.ifindex === doomed) return 'no device'
  if (!link.up) return 'the device is down'
  const addresses = (await rtnl.dumpAddresses(family)).value.filter(({ ifindex }) => ifindex === link.ifindex)
  if (!addresses.some(({ scope }) => scope === 0)) return 'the device has no address'
  const neighbours = unpackEntries((await rtnl.dumpNeighbours(family, link.ifindex)).value)
  const permanent = neighbours.filter((entry) => entry.kind === 'neighbour' && entry.state === NUD_PERMANENT)
  const fdb = (await rtnl.dumpFdb(link.ifindex)).value
  if (permanent.length < PEERS || fdb.length < PEERS) return `${permanent.length} neighbours, ${fdb.length} FDB entries`
  for (const node of peerNumbers({ own: 1, peers: PEERS })) {
    const { overlay, subnet } = claimOf(family, node)
    const way = await rtnl.resolveRoute(hostAt(parseCidr(subnet), 9)).catch(() => undefined)
    if (way?.oif !== link.ifindex || way.gateway !== overlay) return `no route to ${subnet}`
  }
  return undefined
}

const NUD_PERMANENT = 0x80

function logOf({ agent }: Host, from: number): string {
  const told = agent.lines.slice(from).map(({ event, msg, monotonicMs }) => `  ${monotonicMs} ${event} ${msg}`)
  return told.slice(-60).join('\n')
}
