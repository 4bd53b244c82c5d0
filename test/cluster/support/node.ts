/** A node of test/cluster: its machine, kubelet with containerd, kube-proxy, and whichever agent makes its overlay. Must not: choose the agent. */
import { copyFileSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import type { ClusterPrograms } from '../../kube/cluster-programs.ts'
import { createControlGroup } from './control-group.ts'
import type { ControlPlane } from './control-plane.ts'
import type { PodImage } from './image.ts'
import { type Kubelet, startKubelet } from './kubelet.ts'
import { createMachine, type Machine } from './machine.ts'
import { FIRST_NODE, POD_NETWORKS, underlayAddress } from './plan.ts'
import type { Underlay } from './underlay.ts'

export type ProxyMode = 'nftables' | 'iptables'

export interface ClusterNode {
  readonly name: string
  /** On the underlay, in the order of the families. */
  readonly addresses: readonly string[]
  readonly machine: Machine
  readonly kubelet: Kubelet
  /** Where CNI configuration is looked for. */
  readonly cniFolder: string
  /** Where its plugins are. */
  readonly cniPlugins: string
  /** mgmt0 goes, and comes back. */
  rebuildUplink(): Promise<void>
  close(): Promise<void>
}

export interface NodeOptions {
  readonly folder: string
  readonly programs: ClusterPrograms
  readonly image: PodImage
  readonly underlay: Underlay
  readonly plane: ControlPlane
  readonly proxyMode: ProxyMode
  /** Whether it has CNI plugins from the start. */
  readonly withPlugins: boolean
  /** Of the test, below which each node has its own. */
  readonly cgroup: string
}

/** Of containernetworking-plugins. */
export const CNI_PLUGINS = '/usr/lib/cni'

/** The same folders on every node, as its own mounts show them. */
export const CNI_INSIDE = { conf: '/var/cni/net.d', bin: '/var/cni/bin' }

export function nodeName(index: number): string {
  return `node-${index + 1}`
}

/** Resolves when its programs run; the Node is not ready before it has a network. */
export async function startNode(options: NodeOptions, index: number): Promise<ClusterNode> {
  const { underlay, plane, programs } = options
  const name = nodeName(index)
  const host = FIRST_NODE + index
  const folder = path.join(options.folder, name)
  const cni = { conf: path.join(folder, CNI_INSIDE.conf), bin: path.join(folder, CNI_INSIDE.bin) }
  for (const one of [cni.conf, cni.bin]) mkdirSync(one, { recursive: true })
  if (options.withPlugins) installPlugins(cni.bin, programs.flannelCni)
  const machine = await createMachine(folder, name, await underlay.addHost(name, host))
  await machine.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  const addresses = underlay.families.map((family) => underlayAddress(family, host))
  const kubeconfig = path.join(folder, 'kubelet.kubeconfig')
  plane.writeKubeconfig(`system:node:${name}`, kubeconfig)
  const { kubernetes } = programs
  const { image } = options
  const cgroup = `${options.cgroup}/${name}`
  createControlGroup(cgroup)
  const kubelet = await startKubelet(machine, { kubernetes, kubeconfig, nodeIps: addresses, image, cni, cgroup })
  const proxy = startProxy(machine, options)
  return {
    name,
    addresses,
    machine,
    kubelet,
    cniFolder: cni.conf,
    cniPlugins: cni.bin,
    rebuildUplink: () => underlay.rebuild(name, host),
    async close() {
      await proxy.stop()
      await kubelet.close()
      await machine.close()
    },
  }
}

/** Debian's, and flannel's, which Debian has not. */
function installPlugins(folder: string, flannel: string): void {
  for (const plugin of readdirSync(CNI_PLUGINS)) symlinkSync(path.join(CNI_PLUGINS, plugin), path.join(folder, plugin))
  copyFileSync(flannel, path.join(folder, 'flannel'))
}

/** Without the sysctls of conntrack that belong to the whole machine. */
function startProxy(machine: Machine, { plane, programs, proxyMode, underlay }: NodeOptions) {
  const kubeconfig = path.join(machine.folder, 'kube-proxy.kubeconfig')
  plane.writeKubeconfig('system:kube-proxy', kubeconfig)
  return machine.start('kube-proxy', [
    programs.kubernetes,
    'kube-proxy',
    `--kubeconfig=${kubeconfig}`,
    `--hostname-override=${machine.name}`,
    `--proxy-mode=${proxyMode}`,
    `--cluster-cidr=${underlay.families.map((family) => POD_NETWORKS[family]).join(',')}`,
    ...['--conntrack-max-per-core=0', '--conntrack-tcp-timeout-established=0', '--conntrack-tcp-timeout-close-wait=0'],
  ])
}
