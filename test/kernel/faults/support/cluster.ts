/**
 * Two nodes of a cluster as an operator has them: an API server, an underlay, a pod behind cni0 on each, a real agent that follows the
 * API server, and the command line beside it. Must not: seed a fault, nor judge an answer.
 */
import { execFile } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { type ApiServer, startApiServer } from '../../../../lib/lab/api-server/api-server.ts'
import {
  type AgentFolder,
  type AgentProcess,
  createAgentFolder,
  ENTRY,
  startAgentProcess,
} from '../../../support/agent-process.ts'
import { createNetns, type Netns, type Scope } from '../../../support/netns.ts'
import { startTalker, type Talker } from '../../../support/talker.ts'

const run = promisify(execFile)

export interface Said {
  readonly status: number
  /** Both streams, as a person sees them. */
  readonly text: string
}

export interface FaultNode {
  readonly name: string
  readonly number: number
  readonly netns: Netns
  readonly underlay: string
  readonly subnet: string
  readonly pod: Talker
  readonly folder: AgentFolder
  readonly kubeconfig: string
  readonly agent: AgentProcess
  /** Starts an agent and waits until it carries packets; `flags` beside the usual ones. */
  start(...flags: readonly string[]): Promise<void>
  /** Ends it as a service manager does. */
  stop(): Promise<void>
  /** Ends the one that runs and starts another one. */
  restart(...flags: readonly string[]): Promise<void>
  /** `vtepd WORDS` on this node. */
  ask(...words: readonly string[]): Promise<Said>
  /** Lines as a person types them, in one shell; rejects with the first that fails. */
  shell(...lines: readonly string[]): Promise<string>
  /** cni0 and the pod behind it, as a CNI plugin makes them. */
  connectPod(): Promise<void>
}

export interface FaultCluster {
  readonly server: ApiServer
  readonly node1: FaultNode
  readonly node2: FaultNode
  /** The bridge that is the underlay, and its own address, which is the API server's. */
  readonly bridge: string
  readonly prefix: string
  /** A second link of node1 on the same underlay: up0, without an address. It goes when node1 deletes it. */
  addUplink(): Promise<void>
  /** The largest packet that the bridge's port towards a node takes, bytes; larger ones are passed over without a word. */
  setPortMtu(node: FaultNode, mtu: number): Promise<void>
  /** Both pods reach each other. */
  talk(withinMs?: number): Promise<boolean>
}

let clusters = 0

/** Nobody's but these tests', in the namespace that all tests share. */
const UNDERLAYS = '172.29'

export async function createFaultCluster(test: Scope): Promise<FaultCluster> {
  const t = lastFirst(test)
  clusters += 1
  const bridge = `faults${clusters}`
  const prefix = `${UNDERLAYS}.${clusters}`
  await ip(`link add ${bridge} type bridge`)
  t.after(() => ip(`link del ${bridge}`))
  await ip(`address add ${prefix}.1/24 dev ${bridge}`)
  await ip(`link set ${bridge} up`)
  const server = await startApiServer({ host: `${prefix}.1` })
  t.after(() => server.close())
  const parts = { t, server, bridge, prefix }
  const [node1, node2] = [await createNode(parts, 1), await createNode(parts, 2)]
  await Promise.all([node1.start(), node2.start()])
  return {
    server,
    node1,
    node2,
    bridge,
    prefix,
    async addUplink() {
      await ip(`link add ${bridge}-up type veth peer name up0 netns ${node1.netns.name}`)
      await ip(`link set ${bridge}-up master ${bridge} up`)
      await node1.shell('ip link set up0 up')
    },
    async setPortMtu({ number }, mtu) {
      const off = 'cd /proc/sys/net/bridge 2>/dev/null && for one in bridge-nf-call-*; do echo 0 >$one; done; true'
      await run('sh', ['-c', off])
      await ip(`link set ${bridge}-${number} mtu ${mtu}`)
    },
    async talk(withinMs) {
      const both = [node1.pod.reaches(node2.pod, withinMs), node2.pod.reaches(node1.pod, withinMs)]
      return (await Promise.all(both)).every(Boolean)
    },
  }
}

/** As a kubelet and the node IPAM controller leave it. */
export function nodeObject(name: string, number: number, underlay: string) {
  const cidr = `10.42.${number}.0/24`
  return {
    metadata: { name },
    spec: { podCIDR: cidr, podCIDRs: [cidr] },
    status: { addresses: [{ type: 'InternalIP', address: underlay }] },
  }
}

/** With what an agent on it would have published. */
export function annotatedNode(
  name: string,
  number: number,
  { underlay, lladdr }: { readonly underlay: string; readonly lladdr: string },
) {
  const prefix = 'flannel.alpha.coreos.com'
  const object = nodeObject(name, number, underlay)
  const annotations = {
    [`${prefix}/kube-subnet-manager`]: 'true',
    [`${prefix}/backend-type`]: 'vxlan',
    [`${prefix}/backend-data`]: `{"VNI":1,"VtepMAC":"${lladdr}"}`,
    [`${prefix}/public-ip`]: underlay,
  }
  return { ...object, metadata: { ...object.metadata, annotations } }
}

interface Parts {
  readonly t: Scope
  readonly server: ApiServer
  readonly bridge: string
  readonly prefix: string
}

async function createNode({ t, server, bridge, prefix }: Parts, number: number): Promise<FaultNode> {
  const name = `node${number}`
  const [netns, pod] = [await createNetns(t, name), await createNetns(t, `pod${number}`)]
  const underlay = `${prefix}.1${number}`
  const subnet = `10.42.${number}.0/24`
  const shell = (...lines: readonly string[]): Promise<string> => netns.exec('sh', '-e', '-c', lines.join('\n'))
  const outer = `${bridge}-${number}`
  await ip(`link add ${outer} type veth peer name mgmt0 netns ${netns.name}`)
  await ip(`link set ${outer} master ${bridge} up`)
  await shell(
    'sysctl -qw net.ipv4.ip_forward=1',
    'ip link set mgmt0 up',
    `ip address add ${underlay}/24 dev mgmt0`,
    `ip route add default via ${prefix}.1`,
  )
  const connectPod = async (): Promise<void> => {
    await shell(
      'ip link add cni0 type bridge',
      `ip link add pod0 type veth peer name eth0 netns ${pod.name}`,
      'ip link set pod0 master cni0 up',
      'ip link set cni0 up',
      `ip address add 10.42.${number}.1/24 dev cni0`,
    )
    const lines = [
      `ip address add 10.42.${number}.10/24 dev eth0`,
      'ip link set eth0 up',
      `ip route add default via 10.42.${number}.1`,
    ]
    await pod.exec('sh', '-e', '-c', lines.join('\n'))
  }
  await connectPod()
  server.nodes.create(nodeObject(name, number, underlay))
  const folder = createAgentFolder({ Network: '10.42.0.0/16', Backend: { Type: 'vxlan' } })
  const kubeconfig = path.join(folder.path, 'kubeconfig')
  writeFileSync(kubeconfig, server.kubeconfig())
  const usual = [...folder.flags, `--kubeconfig-file=${kubeconfig}`, '--iface=mgmt0', '--firewall=none']
  let agent: AgentProcess | undefined
  const node: FaultNode = {
    name,
    number,
    netns,
    underlay,
    subnet,
    folder,
    kubeconfig,
    shell,
    connectPod,
    pod: await startTalker(t, pod, `10.42.${number}.10`, netns),
    get agent() {
      if (agent === undefined) throw new Error(`no agent was started on ${name}`)
      return agent
    },
    async start(...flags) {
      agent = startAgentProcess(t, netns, name, [...usual, ...flags])
      await agent.until('agent.ready')
    },
    async stop() {
      node.agent.kill('SIGTERM')
      await node.agent.ended
    },
    async restart(...flags) {
      await node.stop()
      await node.start(...flags)
    },
    ask: (...words) => askOn(netns, name, words),
  }
  t.after(() => rmSync(folder.path, { recursive: true, force: true }))
  return node
}

function askOn(netns: Netns, name: string, words: readonly string[]): Promise<Said> {
  const argv = ['netns', 'exec', netns.name, process.execPath, ENTRY, ...words]
  const env = { ...process.env, NODE_NAME: name, NO_COLOR: '1' }
  return new Promise((resolve) => {
    execFile('ip', argv, { env }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
      resolve({ status, text: stdout + stderr })
    })
  })
}

async function ip(line: string): Promise<void> {
  await run('ip', line.split(' '))
}

/** An agent ends before its folder and its namespace do. */
function lastFirst(scope: Scope): Scope {
  const finishers: (() => unknown)[] = []
  scope.after(async () => {
    for (const finish of finishers.reverse()) await finish()
  })
  return { after: (finish) => void finishers.push(finish) }
}
