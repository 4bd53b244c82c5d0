/**
 * A real Kubernetes whose overlay vtepd makes, in each combination of family, CNI plugin and packet filter: pods and services work
 * across nodes, also after uplinks were rebuilt; what leaves is masqueraded, what comes keeps its address; of pods nothing stays.
 */
import { after, before, describe, test } from 'node:test'
import { startVtepd, untilReady, writeAgentFiles } from './support/agents.ts'
import {
  clientKeepsItsAddress,
  everyPodReachesEveryPod,
  nothingOfPodsStays,
  podsAreMasqueraded,
  rebuildWhileAsked,
  serviceAnswers,
} from './support/checks.ts'
import { type Cluster, startCluster } from './support/cluster.ts'
import { skipCluster } from './support/needs.ts'
import type { ProxyMode } from './support/node.ts'
import { FAMILIES, netConf, type Stack } from './support/plan.ts'
import { createService, deletePods, type Pod } from './support/pods.ts'

interface Combination {
  readonly cni: 'bridge' | 'flannel'
  readonly stack: Stack
  readonly filter: ProxyMode
}

/** The first three are the short run, for CI. flannel's plugin knows IPv4 only, in the version that there is. */
const COMBINATIONS: readonly Combination[] = [
  { cni: 'bridge', stack: 'dual', filter: 'nftables' },
  { cni: 'bridge', stack: 'ipv4', filter: 'iptables' },
  { cni: 'flannel', stack: 'ipv4', filter: 'iptables' },
  { cni: 'flannel', stack: 'ipv4', filter: 'nftables' },
  { cni: 'bridge', stack: 'ipv4', filter: 'nftables' },
  { cni: 'bridge', stack: 'ipv6', filter: 'nftables' },
  { cni: 'bridge', stack: 'ipv6', filter: 'iptables' },
  { cni: 'bridge', stack: 'dual', filter: 'iptables' },
]
const SHORT = 3
const NODES = 3
const PODS_PER_NODE = 2

for (const [index, combination] of COMBINATIONS.entries()) {
  const { cni, stack, filter } = combination
  const title = `${stack}, CNI plugin ${cni}, ${filter}`
  describe(title, { skip: skipCluster(title, index < SHORT) }, () => {
    let cluster: Cluster
    let pods: Pod[]
    before(async () => {
      cluster = await startCluster({ families: FAMILIES[stack], proxyMode: filter, nodes: NODES })
      await startAgents(cluster, combination)
      pods = await cluster.startPods(PODS_PER_NODE)
    })
    after(() => cluster?.close())

    test('every pod reaches every pod, from its own address', () => everyPodReachesEveryPod(cluster, pods))
    test('a service answers by ClusterIP and NodePort, across nodes, also after every uplink was rebuilt', async () => {
      const service = await createService(cluster.plane, 'echo', cluster.families, { externalTrafficPolicy: 'Cluster' })
      await serviceAnswers(cluster, pods, service)
      await rebuildWhileAsked(cluster, pods, service)
    })
    test('an outside host sees the node, not the pod', () => podsAreMasqueraded(cluster, pods))
    test('with externalTrafficPolicy Local a pod sees the outside client', async () => {
      const [pod] = pods
      if (pod === undefined) return
      const options = { externalTrafficPolicy: 'Local', on: pod.node } as const
      const service = await createService(cluster.plane, 'local', cluster.families, options)
      await clientKeepsItsAddress(cluster, pod, service)
    })
    test('of deleted pods nothing stays', async () => {
      await deletePods(cluster.plane)
      for (const node of cluster.nodes) await nothingOfPodsStays(node)
    })
  })
}

async function startAgents(cluster: Cluster, { cni, filter }: Combination): Promise<void> {
  const conf = netConf(cluster.families, filter === 'nftables')
  const started = cluster.nodes.map((node) => {
    const files = writeAgentFiles(node, cluster.plane, conf)
    const flags = ['--ip-masq', `--firewall=${filter}`, `--cni=${cni}`, `--cni-conf-dir=${node.cniFolder}`]
    return { node, agent: cluster.keep(startVtepd(node, files, flags)) }
  })
  for (const { node, agent } of started) await untilReady(node, agent)
}
