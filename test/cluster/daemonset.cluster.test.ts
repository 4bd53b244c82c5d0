/**
 * docs/install.md, walked through: vtepd as a DaemonSet from the chart, its image from a file, on nodes that have neither Node nor
 * CNI plugins. It is installed, rolled to another version while pods ask each other every 2 ms, and taken off without a trace.
 */
import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { agentLog, buildImages, type Chart, importImage, openChart } from './support/chart.ts'
import { everyPodReachesEveryPod, podsAreMasqueraded } from './support/checks.ts'
import { type Cluster, startCluster } from './support/cluster.ts'
import { type Announcements, listen } from './support/look.ts'
import { skipCluster } from './support/needs.ts'
import type { ProxyMode } from './support/node.ts'
import { FAMILIES, POD_NETWORKS, type Stack } from './support/plan.ts'
import { deletePods, type Pod } from './support/pods.ts'
import type { Stream } from './support/probes.ts'
import { until } from './support/shell.ts'
import { nothingWasLost, startPodStreams } from './support/streams.ts'
import { tracesOf } from './support/traces.ts'

interface Combination {
  readonly stack: Stack
  readonly filter: ProxyMode
  /** flannel: nodes have flannel's own plugin already. */
  readonly cni: 'bridge' | 'flannel'
  /** The init container with the right has forwarding to switch on. */
  readonly hostSysctls: boolean
  /** With two mirrors. */
  readonly claims: boolean
}

const COMBINATIONS: readonly Combination[] = [
  { stack: 'dual', filter: 'nftables', cni: 'bridge', hostSysctls: false, claims: true },
  { stack: 'ipv4', filter: 'iptables', cni: 'flannel', hostSysctls: true, claims: false },
]
const NODES = 3
const OLD = '0.0.1'
const NEW = '0.0.2'
/** Of linux/capability.h. */
const NET_ADMIN_AND_NET_RAW = (1n << 12n) | (1n << 13n)

const CLAIMS = '/apis/vtepd.dev/v1/overlayclaims'
interface OverlayClaim {
  readonly spec: { readonly writer: string }
  readonly status?: object
}

/** Made once, for all combinations that are not left out. */
let images: Promise<readonly string[]> | undefined
const folder = mkdtempSync(path.join(tmpdir(), 'daemonset-'))
after(() => rmSync(folder, { recursive: true, force: true }))

for (const [index, { stack, filter, cni, hostSysctls, claims }] of COMBINATIONS.entries()) {
  const title = `DaemonSet from the chart: ${stack}, ${filter}, CNI plugin ${cni}`
  describe(title, { skip: skipCluster(title, index === 0) }, () => {
    let cluster: Cluster
    let chart: Chart
    let pods: Pod[]
    let streams: Map<string, Stream>
    let heard: Announcements[] = []
    before(async () => {
      images ??= buildImages(folder, [OLD, NEW])
      const files = await images
      cluster = await startCluster({ families: FAMILIES[stack], proxyMode: filter, nodes: NODES, daemonSets: true })
      for (const file of files) await importImage(cluster.nodes, file)
      if (cni === 'flannel')
        for (const { cniPlugins } of cluster.nodes)
          copyFileSync(cluster.programs.flannelCni, path.join(cniPlugins, 'flannel'))
      chart = openChart(cluster, folder)
    })
    after(async () => {
      for (const one of heard) await one.close()
      await cluster?.close()
    })

    test('helm install brings the overlay up, and pods start', async () => {
      if (hostSysctls)
        for (const { machine } of cluster.nodes) await machine.run('sysctl', '-qw', 'net.ipv4.ip_forward=0')
      const said = await chart.install({
        'image.tag': OLD,
        'image.pullPolicy': 'Never',
        'cni.kind': cni,
        hostSysctls,
        claims,
        podCidr: cluster.families.includes('ipv4') ? POD_NETWORKS.ipv4 : '',
        podCidrv6: cluster.families.includes('ipv6') ? POD_NETWORKS.ipv6 : '',
      })
      process.stdout.write(said)
      await chart.rolledOut()
      if (hostSysctls)
        for (const { machine } of cluster.nodes)
          assert.equal(await machine.run('sysctl', '-n', 'net.ipv4.ip_forward'), '1\n', machine.name)
      pods = await cluster.startPods(1)
      await everyPodReachesEveryPod(cluster, pods)
      await podsAreMasqueraded(cluster, pods)
    })
    test('an agent has two capabilities, a root that is read-only, and no complaint', async () => {
      for (const { metadata, spec } of await chart.pods()) {
        const node = cluster.nodes.find(({ name }) => name === spec.nodeName)
        assert.ok(node !== undefined)
        const pid = await node.kubelet.processOf(metadata.uid)
        const [, effective = ''] = /^CapEff:\s+(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
        assert.equal(BigInt(`0x${effective}`), NET_ADMIN_AND_NET_RAW)
        assert.match(readFileSync(`/proc/${pid}/mounts`, 'utf8'), /^overlay \/ overlay ro,/m)
        assert.doesNotMatch(await agentLog(node), /stderr F E\d{4} /)
      }
    })
    test('with claims each agent writes its own, and a mirror says what was assigned', { skip: !claims }, async () => {
      const claimed = async (): Promise<boolean> => {
        const { items } = await cluster.plane.ask<{ items: readonly OverlayClaim[] }>('GET', CLAIMS)
        return (
          items.length === NODES && items.every(({ spec, status }) => spec.writer === 'Node' && status !== undefined)
        )
      }
      await until('every node has its claim', 60, claimed)
    })
    test('a new version takes over node by node, and nothing is written to any kernel', async () => {
      heard = await Promise.all(cluster.nodes.map(listen))
      streams = startPodStreams(cluster, pods)
      process.stdout.write(await chart.upgrade({ 'image.tag': NEW }))
      await chart.rolledOut()
      await everyPodReachesEveryPod(cluster, pods)
      for (const { spec, status } of await chart.pods()) {
        assert.match(spec.containers[0]?.image ?? '', new RegExp(`:${NEW}$`))
        assert.equal(status.containerStatuses?.[0]?.restartCount, 0)
      }
      for (const one of heard) assert.deepEqual(await one.fresh(), [])
    })
    test('no packet was lost, no connection broke', () => nothingWasLost(pods, streams))
    test('with cleanup nothing of it stays on any node, and helm uninstall leaves nothing in the cluster', async () => {
      // Else finding nothing afterwards would say nothing.
      const kinds = (await tracesOf(cluster)).map((trace) => trace.replace(/:.*/, ''))
      assert.ok(new Set(kinds).size > cluster.nodes.length && kinds.length > 10 * cluster.nodes.length, kinds.join())
      await deletePods(cluster.plane)
      process.stdout.write(await chart.upgrade({ cleanup: true }))
      await chart.rolledOut()
      process.stdout.write(await agentLog(cluster.nodes[0] as (typeof cluster.nodes)[number]))
      process.stdout.write(await chart.uninstall())
      assert.deepEqual(await tracesOf(cluster), [])
    })
  })
}
