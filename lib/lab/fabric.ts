/**
 * The lab's network: a bridge `underlay` in the lab's own namespace, a namespace per node with mgmt0 on it and cni0
 * behind it, a namespace per pod. Owns every link, address and route in there that is not the agents'.
 * Must not: create flannel.1 or anything that an agent shall make; touch a namespace that is not the lab's.
 */
import { readdirSync } from 'node:fs'
import { RTN_UNICAST, RTPROT_BOOT } from '../addon/abi.ts'
import { runProgram } from '../host/exec.ts'
import { parseCidr, prefixLength } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { familyOf, type Ip } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import { createEntryWriter } from '../rtnl/entries.ts'
import type { Link, Rtnl, RtnlOptions } from '../rtnl/port.ts'
import { type LabPlan, type NodePlan, netnsPath, type PodPlan, UNDERLAY_MTU } from './address-plan.ts'
import { LabError } from './lab-error.ts'

export interface Fabric {
  readonly plan: LabPlan
  /** A door to the lab's own namespace, where the API server is. */
  readonly labRtnl: Rtnl
  /** A door to the node's namespace, open as long as the fabric. */
  nodeRtnl(node: string): Rtnl
  close(): Promise<void>
}

export type OpenRtnl = (options?: RtnlOptions) => Rtnl

/** In the lab's own namespace; every node hangs on it. */
export const UNDERLAY_BRIDGE = 'underlay'
/** The namespace of this process, as a path that the kernel can open. */
const OWN_NETNS = '/proc/self/ns/net'

/** Builds everything of `plan`; `onProgress` hears how many nodes stand. Rejects with LabError or the kernel's error. */
export async function createFabric(
  plan: LabPlan,
  openRtnl: OpenRtnl,
  onProgress: (nodes: number) => void,
): Promise<Fabric> {
  if (plan.families.includes('ipv6')) requireIpv6()
  await createNamespaces(plan)
  const root = openRtnl({ netns: OWN_NETNS })
  const nodes = new Map(plan.nodes.map((node) => [node.name, openRtnl({ netns: netnsPath(node.name) })]))
  const nodeRtnl = (name: string): Rtnl => {
    const rtnl = nodes.get(name)
    if (rtnl === undefined) throw new LabError(`there is no node ${name}`)
    return rtnl
  }
  await buildUnderlay(root, plan)
  let standing = 0
  await Promise.all(
    plan.nodes.map(async (node) => {
      await buildNode(nodeRtnl(node.name), node, plan)
      await Promise.all(node.pods.map((pod) => buildPod(openRtnl, pod, node, plan)))
      standing += 1
      onProgress(standing)
    }),
  )
  return {
    plan,
    labRtnl: root,
    nodeRtnl,
    async close() {
      await Promise.all([root, ...nodes.values()].map((rtnl) => rtnl.close()))
    },
  }
}

/** mgmt0 of a node, on its eth0: what a network manager tears down and makes anew. Returns its ifindex. */
export async function buildMgmt(rtnl: Rtnl, node: NodePlan, plan: LabPlan): Promise<Ifindex> {
  const ifindex = await buildMgmtLink(rtnl, node.lladdr)
  await addAddresses(rtnl, ifindex, node.underlay, (ip) => plan.underlayPrefixLengths[familyOf(ip)])
  return ifindex
}

/** The same without an address, up. */
export async function buildMgmtLink(rtnl: Rtnl, lladdr: Lladdr): Promise<Ifindex> {
  await rtnl.createBridge({ ifname: 'mgmt0', lladdr, mtu: UNDERLAY_MTU })
  const links = await linksOf(rtnl)
  const { ifindex } = linkNamed(links, 'mgmt0')
  await rtnl.changeLink(linkNamed(links, 'eth0').ifindex, { master: ifindex, up: true })
  await rtnl.changeLink(ifindex, { up: true })
  return ifindex
}

/** The link of that name as the kernel has it now. Rejects with LabError where there is none. */
export async function linkOf(rtnl: Rtnl, ifname: string): Promise<Link> {
  return linkNamed(await linksOf(rtnl), ifname)
}

/** One `ip` for all names, one shell for all sysctls: neither goes through netlink. */
async function createNamespaces(plan: LabPlan): Promise<void> {
  const names = plan.nodes.flatMap((node) => [node.name, ...node.pods.map((pod) => pod.name)])
  await runOrThrow('ip', ['-batch', '-'], names.map((name) => `netns add ${name}\n`).join(''))
  await runOrThrow('sh', ['-e', '-s'], plan.nodes.map((node) => forwardingScript(node.name, plan)).join(''))
}

function forwardingScript(netns: string, plan: LabPlan): string {
  const writes = [
    plan.families.includes('ipv4') ? 'echo 1 > /proc/sys/net/ipv4/ip_forward' : undefined,
    plan.families.includes('ipv6') ? 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding' : undefined,
  ].filter((write) => write !== undefined)
  return `nsenter --net=${netnsPath(netns)} -- sh -e -c '${writes.join('; ')}'\n`
}

async function buildUnderlay(root: Rtnl, plan: LabPlan): Promise<void> {
  await root.createBridge({ ifname: UNDERLAY_BRIDGE, mtu: UNDERLAY_MTU })
  for (const node of plan.nodes) {
    const peer = { ifname: 'eth0', netns: netnsPath(node.name), mtu: UNDERLAY_MTU }
    await root.createVeth({ ifname: node.underlayIfname, mtu: UNDERLAY_MTU, peer })
  }
  const links = await linksOf(root)
  const bridge = linkNamed(links, UNDERLAY_BRIDGE).ifindex
  await root.changeLink(linkNamed(links, 'lo').ifindex, { up: true })
  await root.changeLink(bridge, { up: true })
  for (const node of plan.nodes) {
    await root.changeLink(linkNamed(links, node.underlayIfname).ifindex, { master: bridge, up: true })
  }
  await addAddresses(root, bridge, plan.labAddresses, (ip) => plan.underlayPrefixLengths[familyOf(ip)])
}

async function buildNode(rtnl: Rtnl, node: NodePlan, plan: LabPlan): Promise<void> {
  await rtnl.createBridge({ ifname: 'cni0', mtu: plan.overlayMtu })
  for (const pod of node.pods) {
    const peer = { ifname: 'eth0', netns: netnsPath(pod.name), mtu: plan.overlayMtu }
    await rtnl.createVeth({ ifname: pod.hostIfname, mtu: plan.overlayMtu, peer })
  }
  const links = await linksOf(rtnl)
  const cni = linkNamed(links, 'cni0').ifindex
  await rtnl.changeLink(linkNamed(links, 'lo').ifindex, { up: true })
  await rtnl.changeLink(cni, { up: true })
  for (const pod of node.pods) {
    await rtnl.changeLink(linkNamed(links, pod.hostIfname).ifindex, { master: cni, up: true })
  }
  await addAddresses(rtnl, cni, node.gateways, (ip) => subnetLength(node, ip))
  await buildMgmt(rtnl, node, plan)
}

async function buildPod(openRtnl: OpenRtnl, pod: PodPlan, node: NodePlan, plan: LabPlan): Promise<void> {
  const rtnl = openRtnl({ netns: netnsPath(pod.name) })
  try {
    const links = await linksOf(rtnl)
    const { ifindex } = linkNamed(links, 'eth0')
    await rtnl.changeLink(linkNamed(links, 'lo').ifindex, { up: true })
    await rtnl.changeLink(ifindex, { up: true })
    await addAddresses(rtnl, ifindex, pod.addresses, (ip) => subnetLength(node, ip))
    await addDefaultRoutes(rtnl, ifindex, node.gateways)
  } catch (error) {
    throw new LabError(`the pod ${pod.name} with MTU ${plan.overlayMtu} could not be connected`, { cause: error })
  } finally {
    await rtnl.close()
  }
}

async function addDefaultRoutes(rtnl: Rtnl, oif: Ifindex, gateways: readonly Ip[]): Promise<void> {
  const writer = createEntryWriter()
  for (const gateway of gateways) {
    writer.push('replace', {
      kind: 'route',
      dst: parseCidr(familyOf(gateway) === 'ipv4' ? '0.0.0.0/0' : '::/0'),
      metric: 0,
      gateway,
      oif,
      onlink: false,
      protocol: RTPROT_BOOT,
      type: RTN_UNICAST,
      scope: 0,
      extras: false,
      dead: false,
      multipath: false,
    })
  }
  const { failures } = await rtnl.applyEntries(writer.finish())
  const [failure] = failures
  if (failure !== undefined) throw new LabError(`a pod's default route: ${failure.errnoName} ${failure.extack}`)
}

async function addAddresses(
  rtnl: Rtnl,
  ifindex: Ifindex,
  addresses: readonly Ip[],
  lengthOf: (ip: Ip) => number,
): Promise<void> {
  for (const ip of addresses) await rtnl.addAddress({ ifindex, ip, prefixLength: lengthOf(ip), noDad: true })
}

function subnetLength(node: NodePlan, ip: Ip): number {
  const subnet = node.subnets.find((candidate) => familyOf(ip) === (candidate.includes(':') ? 'ipv6' : 'ipv4'))
  if (subnet === undefined) throw new LabError(`${node.name} has no subnet for ${ip}`)
  return prefixLength(subnet)
}

async function linksOf(rtnl: Rtnl): Promise<readonly Link[]> {
  return (await rtnl.dumpLinks()).value
}

function linkNamed(links: readonly Link[], ifname: string): Link {
  const link = links.find((candidate) => candidate.ifname === ifname)
  if (link === undefined) throw new LabError(`the link ${ifname} is missing`)
  return link
}

function requireIpv6(): void {
  try {
    readdirSync('/proc/sys/net/ipv6')
  } catch (error) {
    const advice = 'this kernel runs without IPv6 (ipv6.disable=1?): boot with it or use --ipv4'
    throw new LabError(advice, { cause: error })
  }
}

async function runOrThrow(program: string, args: readonly string[], input: string): Promise<void> {
  const result = await runProgram(program, args, { input, timeoutMs: 60_000 })
  if (result.outcome === 'exited' && result.status === 0) return
  if (result.outcome === 'missing') throw new LabError(`the program ${program} is not installed`)
  const detail = result.outcome === 'exited' ? result.stderr.trim() : result.outcome
  throw new LabError(`${program} ${args.join(' ')}: ${detail}`)
}
