/**
 * What the kernel announces by the ten thousand without concerning any peer: routes of another link, and something beside
 * them that is drawn. Must not: touch our device, its parent or what is compared of others.
 */
import { runProgram } from '../../lib/host/exec.ts'
import type { Family } from '../kernel/healing/support/cluster.ts'
import type { Host } from '../kernel/healing/support/host.ts'
import type { Random } from '../kernel/healing/support/random.ts'

export interface Noise {
  readonly name: string
  /** Before the agent is woken. */
  whileFrozen(host: Host): Promise<void>
  /** Begins when it is woken; resolves at its end. */
  afterwards(host: Host): Promise<void>
  /** Takes away what is left. */
  end(host: Host): Promise<void>
}

const ROUTES = 60_000
const NEIGHBOURS = 5000
const LINKS = 50
const ADDRESSES = 1000
const LINK = 'noise0'
/** A bound: tens of thousands of commands on a machine that others use as well. */
const PATIENCE_MS = 60_000

type Lines = readonly string[]
const many = (count: number, line: (i: number) => string): Lines => Array.from({ length: count }, (_, i) => line(i))
const hex = (i: number): string => i.toString(16)
const lladdrOf = (i: number): string => `0e:ff:01:00:${hex(i >> 8)}:${hex(i & 255)}`

/** An address by its number. */
const HOSTS: Readonly<Record<Family, (i: number) => string>> = {
  ipv4: (i) => `198.${18 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`,
  ipv6: (i) => `2001:db8:300::${hex(i >> 16)}:${hex(i & 0xffff)}`,
}
const route = (verb: string, family: Family) => (i: number) => `route ${verb} ${HOSTS[family](i)} dev ${LINK} metric 9`

/** `ip` commands by what they make. Neighbours and addresses have numbers beyond those of the routes. */
const BESIDE: Readonly<Record<string, (family: Family) => Lines>> = {
  'nothing else': () => [],
  '5,000 neighbours': (family) =>
    many(NEIGHBOURS, (i) => `neigh add ${HOSTS[family](100_000 + i)} lladdr ${lladdrOf(i)} dev ${LINK} nud permanent`),
  '50 links that come and go': () =>
    many(2 * LINKS, (i) => (i % 2 === 0 ? `link add noise-${i} type bridge` : `link del noise-${i - 1}`)),
  '1,000 addresses': (family) => many(ADDRESSES, (i) => `address add ${HOSTS[family](100_000 + i)} dev ${LINK}`),
}

const GOING_ON: Readonly<Record<string, (family: Family) => Lines>> = {
  'quiet afterwards': () => [],
  'the routes go one by one': (family) => many(ROUTES, route('del', family)),
  'the routes are replaced': (family) => many(ROUTES, route('replace', family)),
}

/** Routes of `family`, and neighbours or addresses of it: what its monitor hears. */
export function drawNoise(random: Random, family: Family): Noise {
  const [beside, madeBeside] = random.pick(Object.entries(BESIDE))
  const [goingOn, madeLater] = random.pick(Object.entries(GOING_ON))
  return {
    name: `${beside}, ${goingOn}`,
    whileFrozen: (host) =>
      runBatch(host, [
        `link add ${LINK} type bridge`,
        `link set ${LINK} up`,
        ...many(ROUTES, route('add', family)),
        ...madeBeside(family),
      ]),
    afterwards: (host) => runBatch(host, madeLater(family)),
    end: (host) => runBatch(host, [`link del ${LINK}`]),
  }
}

async function runBatch({ netns }: Host, lines: Lines): Promise<void> {
  const options = { input: `${lines.join('\n')}\n`, timeoutMs: PATIENCE_MS }
  const result = await runProgram('ip', ['-n', netns.name, '-batch', '-'], options)
  if (result.outcome !== 'exited' || result.status !== 0) throw new Error(`ip -batch: ${JSON.stringify(result)}`)
}
