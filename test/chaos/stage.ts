/**
 * Three nodes with a pod each on one underlay, a real agent on every node, and probes between all pods: the lab's fabric
 * and prober, with the addresses and the eyes of the healing tests. Must not: damage anything.
 */
import { monotonicMs } from '../../lib/host/clock.ts'
import type { LabPlan, NodePlan } from '../../lib/lab/address-plan.ts'
import { createFabric } from '../../lib/lab/fabric.ts'
import { outageOf } from '../../lib/lab/gaps.ts'
import { matrixPairs, netnsOf } from '../../lib/lab/probe-pairs.ts'
import { type Prober, startProber } from '../../lib/lab/prober-client.ts'
import { becomesTrue } from '../../lib/lab/waiting.ts'
import { firstHost, parseCidr } from '../../lib/net/cidr.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { openRtnl } from '../../lib/rtnl/native.ts'
import { claimOf, type Family, NETWORKS, UNDERLAY_LENGTH } from '../kernel/healing/support/cluster.ts'
import { createHost, type Host } from '../kernel/healing/support/host.ts'
import { netnsNamed, type Scope } from '../support/netns.ts'

const NODES = 3
/** So many probes of every pair in a row, sent after the last damage: the traffic flows again. */
const IN_A_ROW = 50
const PATIENCE_MS = 20_000

export interface StageOptions {
  readonly families: readonly Family[]
  readonly pinned: boolean
  /** Of each node; more than exist: the others are in the leases only. */
  readonly peers: number
}

export interface Stage {
  readonly plan: LabPlan
  /** It has a socket in every pod and node; it probes the pods until it is asked for something else. */
  readonly prober: Prober
  readonly hosts: readonly Host[]
  /** Waits until every pod reaches every pod; rejects with the pairs that do not. */
  flows(): Promise<void>
  /** Probes sent, and lost or late, since the last call; the probes start anew. */
  tally(): Promise<{ readonly sent: number; readonly lost: number; readonly longestMs: number }>
}

export async function createStage(scope: Scope, { families, pinned, peers }: StageOptions): Promise<Stage> {
  const plan = createPlan(families)
  const fabric = await createFabric(plan, openRtnl, () => undefined)
  scope.after(() => fabric.close())
  const hosts: Host[] = []
  for (const [index, node] of plan.nodes.entries()) {
    const host = await createHost(scope, {
      families,
      pinned,
      peers,
      own: index + 1,
      netns: netnsNamed(node.name),
      parent: 'bridge',
      parentLladdr: node.lladdr,
    })
    host.start()
    hosts.push(host)
  }
  for (const host of hosts) await host.ready()
  const prober = startProber()
  const pairs = matrixPairs(plan)
  await prober.ask({ op: 'open', netns: [...netnsOf(pairs), ...plan.nodes.map(({ name }) => name)], families })
  await prober.ask({ op: 'start', pairs })
  return {
    plan,
    prober,
    hosts,
    async flows() {
      const sinceMs = monotonicMs()
      const answering = async (): Promise<boolean> => (await prober.ask({ op: 'inARow', sinceMs })) >= IN_A_ROW
      if (!(await becomesTrue(answering, PATIENCE_MS)))
        throw new Error(`after ${PATIENCE_MS} ms some pods do not reach each other`)
    },
    async tally() {
      const results = await prober.ask({ op: 'stop' })
      await prober.ask({ op: 'start', pairs })
      const outages = results.map(({ runs }) => outageOf(runs))
      return {
        sent: results.reduce((sum, { sent }) => sum + sent, 0),
        lost: outages.reduce((sum, { lost }) => sum + lost, 0),
        longestMs: Math.max(0, ...outages.map((outage) => outage.longestMs)),
      }
    },
  }
}

/** The bridge's own addresses; nobody talks to them. */
const LAB: Readonly<Record<Family, string>> = { ipv4: '172.31.255.254', ipv6: 'fd00:1::ffff' }

function createPlan(families: readonly Family[]): LabPlan {
  return {
    backend: 'vxlan',
    families,
    labAddresses: families.map((family) => parseIp(LAB[family])),
    apiAddress: parseIp(LAB.ipv4),
    underlayPrefixLengths: UNDERLAY_LENGTH,
    networks: families.map((family) => parseCidr(NETWORKS[family])),
    overlayMtu: 1430,
    nodes: Array.from({ length: NODES }, (_, index) => planNode(index + 1, families)),
    floating: [],
    unbuilt: [planNode(NODES + 1, families), planNode(NODES + 2, families)],
  }
}

function planNode(number: number, families: readonly Family[]): NodePlan {
  const name = `node${number}`
  const claims = families.map((family) => claimOf(family, number))
  const subnets = claims.map(({ subnet }) => parseCidr(subnet))
  const pods = claims.map(({ overlay }) =>
    parseIp(overlay.endsWith('.0') ? overlay.replace(/0$/, '10') : `${overlay}10`),
  )
  return {
    name,
    underlayIfname: name,
    lladdr: parseLladdr(`0a:76:00:00:00:0${number}`),
    underlay: claims.map(({ underlay }) => parseIp(underlay)),
    subnets,
    gateways: subnets.map(firstHost),
    pods: [{ name: `${name}-pod1`, node: name, hostIfname: 'pod1', addresses: pods }],
  }
}
