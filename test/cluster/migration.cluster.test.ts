/**
 * docs/migrating.md, walked through: a cluster of flannel becomes one of vtepd, node by node, and goes back, while pods of different
 * nodes ask each other every 2 ms and hold connections. Nobody notices: no packet is lost, and nothing else is written.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { runVtepd, startVtepd, untilReady } from './support/agents.ts'
import { everyPodReachesEveryPod, podsAreMasqueraded } from './support/checks.ts'
import { type Cluster, startCluster } from './support/cluster.ts'
import { FLANNELD_FLAGS, type Host, type Migration, startFlannel, startHosts } from './support/flannel-cluster.ts'
import { claimOf, ours, overlayRoutes } from './support/look.ts'
import { skipCluster } from './support/needs.ts'
import { FAMILIES } from './support/plan.ts'
import { createPod, type Pod, podOf } from './support/pods.ts'
import type { Stream } from './support/probes.ts'
import { until } from './support/shell.ts'
import { nothingWasLost, startPodStreams } from './support/streams.ts'

/** The CNI plugin of flannel that there is knows IPv4 only. */
const MIGRATIONS: readonly Migration[] = [
  { stack: 'ipv4', cni: 'flannel', filter: 'iptables' },
  { stack: 'ipv4', cni: 'flannel', filter: 'nftables' },
  { stack: 'dual', cni: 'bridge', filter: 'nftables' },
]
const NODES = 3

for (const migration of MIGRATIONS) {
  const { stack, cni, filter } = migration
  const title = `flannel, vtepd, flannel: ${stack}, CNI plugin ${cni}, ${filter}`
  describe(title, { skip: skipCluster(title) }, () => {
    let cluster: Cluster
    let pods: Pod[]
    let hosts: Host[]
    let streams: Map<string, Stream>
    before(async () => {
      cluster = await startCluster({ families: FAMILIES[stack], proxyMode: filter, nodes: NODES })
      hosts = await startHosts(cluster, migration)
      pods = await cluster.startPods(1)
      // Addresses are resolved and found to be nobody else's first.
      await everyPodReachesEveryPod(cluster, pods)
      await podsAreMasqueraded(cluster, pods)
      streams = startPodStreams(cluster, pods)
    })
    after(async () => {
      for (const { heard } of hosts ?? []) await heard.close()
      await cluster?.close()
    })

    test('flannel gives way to vtepd, node by node', async () => {
      for (const host of hosts) {
        await host.agent.stop('SIGTERM')
        const flags = [`--firewall=${filter}`, `--cni=${cni}`, `--cni-conf-dir=${host.node.cniFolder}`]
        host.agent = cluster.keep(startVtepd(host.node, host.files, [...FLANNELD_FLAGS, ...flags]))
        await untilReady(host.node, host.agent)
        await everyPodReachesEveryPod(cluster, pods)
        // In IPv6 both have one metric, so one takes the place of the other.
        await changedOnly(hosts, host, (route) => [ours(route), ...(isIpv6(route) ? [] : [`Deleted ${route}`])])
        assert.deepEqual(await overlayRoutes(host.node), host.routes.map(ours))
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
        await changedOnly(hosts, host, (route) => [route, ...(isIpv6(route) ? [] : [`Deleted ${ours(route)}`])])
        assert.deepEqual(await overlayRoutes(host.node), host.routes)
      }
      // flanneld empties its chains and fills them when it starts; what begins in between leaves as it is.
      await until('the rules of flannel', 30, async () => {
        await podsAreMasqueraded(cluster, pods)
        return true
      })
    })
    test('annotations, MAC addresses and subnet.env are what they were, and nobody else wrote', async () => {
      for (const { node, claim } of hosts) assert.deepEqual(await claimOf(cluster, node), claim, node.name)
    })
    test('no packet was lost, no connection broke', () => nothingWasLost(pods, streams))
  })
}

const isIpv6 = (route: string): boolean => route.includes(':')

/**
 * The kernel of `host` announced for each route what `expected` says, in any order, and the other kernels nothing; but that a flanneld
 * writes its routes, which are there, once more is its own affair.
 */
async function changedOnly(
  hosts: readonly Host[],
  host: Host,
  expected: (route: string) => readonly string[],
): Promise<void> {
  for (const { node, heard, routes } of hosts) {
    const isHost = node === host.node
    const lines = [...new Set(await heard.fresh())].filter((line) => isHost || !routes.includes(line))
    const all = isHost ? routes.flatMap(expected) : []
    assert.deepEqual(lines.sort(), all.sort(), `${node.name}, while ${host.node.name} changes hands`)
  }
}
