/** The nodes of a cluster whose agent is the real flanneld, with all that it is later compared with. Must not: judge, nor change the agent. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { type AgentFiles, runVtepd, startFlanneld, untilReady, writeAgentFiles } from './agents.ts'
import type { Cluster } from './cluster.ts'
import { type Announcements, type Claim, claimOf, isOurs, listen, overlayRoutes } from './look.ts'
import type { ClusterNode, ProxyMode } from './node.ts'
import { netConf, type Stack } from './plan.ts'
import { lastWords, type Service, until } from './shell.ts'

export interface Migration {
  readonly stack: Stack
  /** flannel's plugin as its own init container installs it; bridge where it lacks a family. */
  readonly cni: 'flannel' | 'bridge'
  readonly filter: ProxyMode
}

export interface Host {
  readonly node: ClusterNode
  readonly files: AgentFiles
  readonly heard: Announcements
  /** To the other nodes, as flannel makes them. */
  readonly routes: readonly string[]
  readonly claim: Claim
  agent: Service
}

/** Of both agents. */
export const FLANNELD_FLAGS = ['--ip-masq', '--iface=mgmt0']
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

/** Resolves when all nodes have flannel's routes to each other. */
export async function startHosts(cluster: Cluster, migration: Migration): Promise<Host[]> {
  const conf = netConf(cluster.families, migration.filter === 'nftables')
  const started = await Promise.all(
    cluster.nodes.map(async (node) => {
      const files = writeAgentFiles(node, cluster.plane, conf)
      await untilRegistered(cluster, node)
      return { node, files, agent: await startFlannel(cluster, { node, files }) }
    }),
  )
  const hosts: Host[] = []
  for (const one of started) {
    await installCni(one.node, migration.cni)
    // The kernel tells once more of an IPv6 address when it has found nobody else with it.
    const tentative = (): Promise<string> => one.node.machine.run('ip', '-6', '-br', 'address', 'show', 'tentative')
    await until('no address is tentative', 10, async () => (await tentative()) === '')
    const routes = await overlayRoutes(one.node)
    hosts.push({ ...one, routes, heard: await listen(one.node), claim: await claimOf(cluster, one.node) })
  }
  return hosts
}

/** Resolves when it has its routes to all others, be it that they were there, and says that it runs. */
export async function startFlannel(cluster: Cluster, { node, files }: Pick<Host, 'node' | 'files'>): Promise<Service> {
  const agent = cluster.keep(startFlanneld(node, files, cluster.programs.flanneld, FLANNELD_FLAGS))
  await untilReady(node, agent, 'healthz')
  const wanted = (cluster.nodes.length - 1) * cluster.families.length
  const runs = async (): Promise<boolean> => {
    const routes = await overlayRoutes(node)
    return routes.filter((route) => !isOurs(route)).length === wanted && agent.log().includes('Running backend.')
  }
  await until(`flannel runs on ${node.name}`, 60, runs, () => lastWords(agent.log()))
  return agent
}

/** flanneld ends where it finds no Node, or one without a podCIDR; its supervisor would start it again. */
async function untilRegistered({ plane }: Cluster, { name }: ClusterNode): Promise<void> {
  await until(`the Node ${name} has its podCIDR`, 60, async () => {
    const { spec } = await plane.ask<{ spec: { podCIDR?: string } }>('GET', `/api/v1/nodes/${name}`)
    return spec.podCIDR !== undefined
  })
}

async function installCni(node: ClusterNode, cni: Migration['cni']): Promise<void> {
  const folders = [`--cni-conf-dir=${node.cniFolder}`, `--bin-dir=${node.cniPlugins}`]
  if (cni === 'bridge') await runVtepd(node, 'cni', 'install', '--cni=bridge', ...folders)
  else writeFileSync(path.join(node.cniFolder, '10-flannel.conflist'), CONFLIST)
}
