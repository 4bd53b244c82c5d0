/**
 * docs/migrating.md, walked through: a cluster of flannel becomes one of vtepd, node by node, and goes back, while pods of different
 * nodes ask each other every 2 ms and hold connections. Nobody notices: no packet is lost, and nothing else is written.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type AgentFiles, runVtepd, startFlanneld, startVtepd, untilReady, writeAgentFiles } from './support/agents.ts'
import { everyPodReachesEveryPod, podsAreMasqueraded } from './support/checks.ts'
import { type Cluster, startCluster } from './support/cluster.ts'
import { type Announcements, type Claim, claimOf, listen, overlayRoutes } from './support/look.ts'
import { withoutCluster } from './support/needs.ts'
import type { ClusterNode, ProxyMode } from './support/node.ts'
import { FAMILIES, netConf, OUTSIDE, underlayAddress } from './support/plan.ts'
import { createPod, type Pod, podOf } from './support/pods.ts'
import { inPod, type Stream, startStream } from './support/probes.ts'
import { lastWords, type Service, until } from './support/shell.ts'

const NODES = 3
const PING_MS = 2
/** As flannel's init container installs it. */
const CONFLIST = `{
  "name": "cbr0",
  "cniVersion": "0.3.1",
  "plugins": [
    { "type": "flannel", "delegate": { "hairpinMode": true, "isDefaultGateway": true } },
    { "type": "portmap", "capabilities": { "portMappings": true } }
  ]
}
`

interface Host {
  readonly node: ClusterNode
  readonly files: AgentFiles
  readonly heard: Announcements
  /** Routes to the other nodes as flannel makes them. */
  readonly routes: readonly string[]
  readonly claim: Claim
  agent: Service
}

for (const filter of ['iptables', 'nftables'] as const)
  describe(`flannel, vtepd, flannel, by ${filter}`, { skip: withoutCluster() }, () => {
    let cluster: Cluster
    let pods: Pod[]
    let hosts: Host[]
    let streams: Map<string, Stream>
    before(async () => {
      cluster = await startCluster({ families: FAMILIES.ipv4, proxyMode: filter, nodes: NODES })
      hosts = await startFlannels(cluster, filter)
      pods = await cluster.startPods(1)
      streams = startStreams(cluster, pods)
    })
    after(async () => {
      for (const { heard } of hosts ?? []) await heard.close()
      await cluster?.close()
    })

    test('flannel gives way to vtepd, node by node', async () => {
      for (const host of hosts) {
        await host.agent.stop('SIGTERM')
        host.agent = cluster.keep(startVtepd(host.node, host.files, vtepdFlags(host.node, filter)))
        await untilReady(host.node, host.agent)
        await everyPodReachesEveryPod(cluster, pods)
        await changedOnly(hosts, host, (route) => [`${route} proto 118 onlink`, `Deleted ${route} onlink`])
        assert.deepEqual(
          await overlayRoutes(host.node),
          host.routes.map((route) => route.replace(' onlink', ' proto 118 onlink')),
        )
      }
    })
    test('a pod that starts meanwhile is like the others', async () => {
      const [first] = hosts
      assert.ok(first !== undefined)
      await createPod(cluster.plane, 'late', first.node)
      const late = await podOf(cluster.plane, 'late', first.node)
      await everyPodReachesEveryPod(cluster, [...pods, late])
      await podsAreMasqueraded(cluster, [...pods, late])
    })
    test('vtepd gives way to flannel, node by node', async () => {
      for (const host of hosts) {
        await host.agent.stop('SIGTERM')
        await runVtepd(host.node, 'release', `--net-config-path=${host.files.netConf}`)
        host.agent = await startFlannel(cluster, host)
        await everyPodReachesEveryPod(cluster, pods)
        await changedOnly(hosts, host, (route) => [`${route} onlink`, `Deleted ${route} proto 118 onlink`])
        assert.deepEqual(await overlayRoutes(host.node), host.routes)
      }
      // flanneld empties its chains and fills them when it starts; what begins in between leaves as it is.
      await until('the rules of flannel', 30, async () => {
        await podsAreMasqueraded(cluster, pods)
        return true
      })
    })
    test('annotations, MAC address and subnet.env are what they were, and nobody else wrote', async () => {
      for (const { node, claim } of hosts) assert.deepEqual(await claimOf(cluster, node), claim, node.name)
    })
    test('no packet was lost, no connection broke', async () => {
      for (const [name, stream] of streams) {
        const { sent, received, longestGapMs, ...bad } = await stream.stop()
        process.stdout.write(`${name}: ${sent} questions, longest gap ${longestGapMs} ms\n`)
        assert.deepEqual({ received, ...bad }, { received: sent, lost: 0, error: '' }, name)
      }
    })
  })

const FLANNELD_FLAGS = ['--ip-masq', '--iface=mgmt0']
const vtepdFlags = (node: ClusterNode, filter: ProxyMode): readonly string[] => [
  ...FLANNELD_FLAGS,
  `--firewall=${filter}`,
  '--cni=flannel',
  `--cni-conf-dir=${node.cniFolder}`,
]

/** Resolves when all are ready and have each other's routes. */
async function startFlannels(cluster: Cluster, filter: ProxyMode): Promise<Host[]> {
  const conf = netConf(cluster.families, filter === 'nftables')
  const started = cluster.nodes.map((node) => {
    writeFileSync(path.join(node.cniFolder, '10-flannel.conflist'), CONFLIST)
    const files = writeAgentFiles(node, cluster.plane, conf)
    return { node, files, starting: startFlannel(cluster, { node, files }) }
  })
  const hosts: Host[] = []
  for (const { starting, ...one } of started) {
    const agent = await starting
    const { node } = one
    const routes = await overlayRoutes(node)
    hosts.push({ ...one, agent, routes, heard: await listen(node), claim: await claimOf(cluster, node) })
  }
  return hosts
}

/** Resolves when it has its routes to all others, be it that they were there, and says that it runs. */
async function startFlannel(cluster: Cluster, { node, files }: Pick<Host, 'node' | 'files'>): Promise<Service> {
  const agent = cluster.keep(startFlanneld(node, files, cluster.programs.flanneld, FLANNELD_FLAGS))
  await untilReady(node, agent, 'healthz')
  const runs = async (): Promise<boolean> => {
    const routes = await overlayRoutes(node)
    const own = routes.filter((route) => !route.includes('proto 118'))
    return own.length === NODES - 1 && agent.log().includes('Running backend.')
  }
  await until(`flannel runs on ${node.name}`, 60, runs, () => lastWords(agent.log()))
  return agent
}

/** Round the nodes, and out of the cluster through masquerading. */
function startStreams(cluster: Cluster, pods: readonly Pod[]): Map<string, Stream> {
  const streams = new Map<string, Stream>()
  for (const [index, pod] of pods.entries()) {
    const other = pods[(index + 1) % pods.length]
    for (const protocol of ['udp', 'tcp'] as const) {
      const start = (name: string, address: string): void => {
        const stream = startStream(cluster.image.program, inPod(pod), protocol, address, PING_MS)
        streams.set(`${pod.name} to ${name}, ${protocol}`, cluster.keep(stream))
      }
      if (other?.addresses[0] !== undefined) start(other.name, other.addresses[0])
      start('outside', underlayAddress('ipv4', OUTSIDE))
    }
  }
  return streams
}

/** The kernel of `host` announced for each route what `expected` says, in any order, and the other kernels nothing. */
async function changedOnly(
  hosts: readonly Host[],
  host: Host,
  expected: (route: string) => readonly string[],
): Promise<void> {
  for (const { node, heard, routes } of hosts) {
    const bare = routes.map((route) => route.replace(' onlink', ' dev flannel.1'))
    const all = node === host.node ? bare.flatMap(expected) : []
    assert.deepEqual(
      (await heard.fresh()).sort(),
      [...all].sort(),
      `${node.name}, while ${host.node.name} changes hands`,
    )
  }
}
