/**
 * What a contender holds a minute after it has programmed all of its peers, which it learned from an API server, and the most
 * that it held until then. Must not: choose contenders or sizes.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { netConfOf, startBenchAgent } from '../world/agent-process.ts'
import { nodeName } from '../world/cluster.ts'
import type { FabricNode } from '../world/fabric.ts'
import { UNDERLAY_IFNAME } from '../world/ground.ts'
import type { Contender } from './contenders.ts'

const REST_MS = 60_000
/** flanneld 0.28.4 hangs where there are more than some 5,000 Nodes: then it is measured as it is. */
const PATIENCE_MS = 60_000
const LOOK_MS = 500
const MB = 1_000_000

interface Place {
  readonly node: FabricNode
  /** For its files. */
  readonly folder: string
  readonly kubeconfig: string
  readonly peers: number
}

interface Running {
  readonly pid: number
  /** Resolves when the kernel has everybody's entries. */
  readonly programmed: Promise<unknown>
  stop(): Promise<void>
}

/** Megabytes of 1,000,000 bytes; leaves the node without overlay. */
export async function measureAtRest(contender: Contender, place: Place): Promise<Readonly<Record<string, number>>> {
  const running = contender.kind === 'vtepd' ? startVtepd(contender, place) : startFlanneld(contender, place)
  try {
    await running.programmed
    await wait(REST_MS)
    const measures = { ...footprintOf(running.pid), entries: await place.node.count() }
    await running.stop()
    // A flanneld that hangs has not made one.
    await place.node.netns.exec('ip', 'link', 'delete', 'flannel.1').catch(() => undefined)
    return measures
  } finally {
    await running.stop()
  }
}

function startVtepd({ command }: Contender, { node, folder, kubeconfig }: Place): Running {
  const agent = startBenchAgent({
    scope: { after: () => undefined },
    netns: node.netns.path,
    families: ['ipv4'],
    nodeName: nodeName(node.index),
    folder,
    source: `--kubeconfig-file=${kubeconfig}`,
    command,
  })
  const programmed = agent.until(({ event }) => event === 'agent.ready')
  return { pid: agent.pid, programmed, stop: agent.stop }
}

function startFlanneld({ command }: Contender, { node, folder, kubeconfig, peers }: Place): Running {
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'net-conf.json'), JSON.stringify(netConfOf(['ipv4'])))
  const words = [
    ...['--kube-subnet-mgr', `--kubeconfig-file=${kubeconfig}`, `--iface=${UNDERLAY_IFNAME}`],
    ...[`--net-config-path=${folder}/net-conf.json`, `--subnet-file=${folder}/subnet.env`],
    ...['--ip-masq=false', '--iptables-forward-rules=false'],
  ]
  const child = spawn('nsenter', [`--net=${node.netns.path}`, '--', ...command, ...words], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_NAME: nodeName(node.index) },
    stdio: 'ignore',
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return {
    pid: child.pid ?? 0,
    programmed: untilProgrammed(node, peers),
    async stop() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** A neighbour and an FDB entry a peer: the routes that FabricNode counts are ours alone. */
async function untilProgrammed(node: FabricNode, peers: number): Promise<void> {
  for (let waited = 0; waited < PATIENCE_MS && (await node.count()) < 2 * peers; waited += LOOK_MS) await wait(LOOK_MS)
}

function footprintOf(pid: number): Readonly<Record<string, number>> {
  const [status, rollup] = ['status', 'smaps_rollup'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8'))
  const megabytes = (text = '', key = ''): number =>
    (Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) * 1024) / MB
  return {
    peakRssMB: megabytes(status, 'VmHWM'),
    rssMB: megabytes(rollup, 'Rss'),
    anonymousMB: megabytes(rollup, 'Anonymous'),
  }
}
