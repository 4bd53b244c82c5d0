/** What must hold in a cluster, whoever made its overlay. Owns the judgement. Must not: change anything but mgmt0. */
import assert from 'node:assert/strict'
import type { Cluster } from './cluster.ts'
import type { ClusterNode } from './node.ts'
import { OUTSIDE, underlayAddress } from './plan.ts'
import { type KubeService, PORT, type Pod } from './pods.ts'
import { type Answer, ask, type From, inNetns, inPod, type Protocol, type Target } from './probes.ts'
import { until } from './shell.ts'
import { OUTSIDE_HOST } from './underlay.ts'

const PROTOCOLS: readonly Protocol[] = ['udp', 'tcp']
/** How often each address of a service is asked at a time: kube-proxy takes a pod by chance. */
const ASKED = 12
/** Rules of kube-proxy come within its own time. */
const SERVICE_SECONDS = 30
/** From an uplink's rebuild until everybody hears everybody: IPv6 has its neighbour discovery to do again. */
const HEAL_SECONDS = 20

/** In every family, over UDP and TCP, and each sees the asker's own address. */
export async function everyPodReachesEveryPod(cluster: Cluster, pods: readonly Pod[]): Promise<void> {
  for (const pod of pods)
    for (const protocol of PROTOCOLS) {
      const others = pods.filter((other) => other !== pod)
      const targets = others.flatMap(({ addresses }) => addresses.map((address) => ({ address, port: PORT })))
      const answers = await ask(cluster.image.program, inPod(pod), protocol, targets)
      const expected = others.flatMap(({ name, addresses }) =>
        addresses.map((address, family) => ({ address, port: PORT, by: name, seen: pod.addresses[family] })),
      )
      assert.deepEqual(answers, expected, `${pod.name} over ${protocol}`)
    }
}

/** From every pod, by its ClusterIP, and by its NodePort on every node, and from outside by the latter: from pods of several nodes. */
export async function serviceAnswers(cluster: Cluster, pods: readonly Pod[], service: KubeService): Promise<void> {
  const ports = nodePorts(cluster.nodes, service)
  const inside = service.clusterIps.map((address) => ({ address, port: PORT }))
  const nodeOf = new Map(pods.map(({ name, node }) => [name, node.name]))
  const severalNodes = (answers: readonly Answer[]): boolean =>
    [...ports, ...inside].every(({ address, port }) => {
      const own = answers.filter((one) => one.address === address && one.port === port)
      return own.length === 0 || new Set(own.map(({ by = '' }) => nodeOf.get(by))).size > 1
    })
  for (const protocol of PROTOCOLS) {
    for (const pod of pods) {
      const targets = [...inside, ...ports].flatMap((target) => Array<Target>(ASKED).fill(target))
      const answers = await untilAllAnswer(cluster, inPod(pod), protocol, targets, pod.name, severalNodes)
      seesThePod(answers, pod, service)
    }
    const targets = ports.flatMap((target) => Array<Target>(ASKED).fill(target))
    await untilAllAnswer(cluster, inNetns(OUTSIDE_HOST), protocol, targets, 'from outside', severalNodes)
  }
}

/** By a ClusterIP no address is changed but that of a pod which reaches itself. */
function seesThePod(answers: readonly Answer[], pod: Pod, { clusterIps }: KubeService): void {
  for (const [family, address] of clusterIps.entries()) {
    const others = answers.filter((one) => one.address === address && one.by !== pod.name)
    assert.deepEqual([...new Set(others.map(({ seen }) => seen))], [pod.addresses[family]], `${pod.name}, ${address}`)
  }
}

/** The uplink of each node goes and comes back, while that node is asked: afterwards everything answers as before. */
export async function rebuildWhileAsked(cluster: Cluster, pods: readonly Pod[], service: KubeService): Promise<void> {
  for (const victim of cluster.nodes) {
    let over = false
    const targets = nodePorts([victim], service)
    const asking = (async () => {
      while (!over) await ask(cluster.image.program, inNetns(OUTSIDE_HOST), 'udp', targets, 200)
    })()
    try {
      await victim.rebuildUplink()
      await until('every pod reaches every pod again', HEAL_SECONDS, async () => {
        await everyPodReachesEveryPod(cluster, pods)
        return true
      })
    } finally {
      over = true
      await asking
    }
  }
  await serviceAnswers(cluster, pods, service)
}

/** With externalTrafficPolicy Local, where the client's own address is what it is for. */
export async function clientKeepsItsAddress(cluster: Cluster, pod: Pod, service: KubeService): Promise<void> {
  const targets = nodePorts([pod.node], service)
  const clients = cluster.families.map((family) => underlayAddress(family, OUTSIDE))
  for (const protocol of PROTOCOLS) {
    const answers = await untilAllAnswer(cluster, inNetns(OUTSIDE_HOST), protocol, targets, 'from outside')
    assert.deepEqual(
      answers.map(({ seen }) => seen),
      clients,
      protocol,
    )
  }
}

/** What leaves the cluster has the address of its node. */
export async function podsAreMasqueraded(cluster: Cluster, pods: readonly Pod[]): Promise<void> {
  const targets = cluster.families.map((family) => ({ address: underlayAddress(family, OUTSIDE), port: PORT }))
  for (const pod of pods)
    for (const protocol of PROTOCOLS) {
      const answers = await ask(cluster.image.program, inPod(pod), protocol, targets)
      assert.deepEqual(
        answers.map(({ seen, because }) => seen ?? because),
        pod.node.addresses,
        `${pod.name} over ${protocol}`,
      )
    }
}

/** Of deleted pods: no link on the bridge, no address that is still given away. */
export async function nothingOfPodsStays(node: ClusterNode): Promise<void> {
  assert.deepEqual(await node.machine.run('ip', '-br', 'link', 'show', 'type', 'veth', 'master', 'cni0'), '')
  const names = (await node.machine.run('find', '/var/lib/cni', '-type', 'f')).split('\n')
  // What host-local keeps of its own: whom it served last.
  const leases = names.filter((name) => name !== '' && !/\/(?:lock|last_reserved_ip\.\d)$/.test(name))
  assert.deepEqual(leases, [])
}

function nodePorts(nodes: readonly ClusterNode[], { nodePort }: KubeService): Target[] {
  return nodes.flatMap(({ addresses }) => addresses.map((address) => ({ address, port: nodePort })))
}

async function untilAllAnswer(
  cluster: Cluster,
  from: From,
  protocol: Protocol,
  targets: readonly Target[],
  who: string,
  isEnough: (answers: readonly Answer[]) => boolean = () => true,
): Promise<readonly Answer[]> {
  let answers: readonly Answer[] = []
  return until(
    `all answer over ${protocol}, ${who}`,
    SERVICE_SECONDS,
    async () => {
      answers = await ask(cluster.image.program, from, protocol, targets)
      return answers.every(({ by }) => by !== undefined) && isEnough(answers) && answers
    },
    () => JSON.stringify(answers.filter(({ by }) => by === undefined)),
  )
}
