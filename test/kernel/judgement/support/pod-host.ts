/**
 * A healthy node as a cluster has it: it forwards, and has the CNI plugin's bridge with a pod behind it. Owns how such a node
 * is told what happens to it, and what its agent says of it. Must not: judge.
 */
import type { Scope } from '../../../support/netns.ts'
import { nodad } from '../../handover/support/host.ts'
import { claimOf, type Family } from '../../healing/support/cluster.ts'
import { createHost, type Host, type HostOptions } from '../../healing/support/host.ts'
import { FORWARDING, shell } from './shell.ts'

export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6']
/** What `ip` is called with for a family. */
export const IP: Readonly<Record<Family, string>> = { ipv4: 'ip', ipv6: 'ip -6' }

/** The agent is not started yet. */
export async function createPodHost(t: Scope, options: Partial<HostOptions> = {}): Promise<Host> {
  const families = options.families ?? FAMILIES
  const host = await createHost(t, { families, crowded: true, ...options })
  await shell(
    host.netns,
    ...FORWARDING,
    'ip link add cni0 type bridge',
    'ip link add pod0 type veth peer name pod1',
    'ip link set pod0 master cni0',
    ...['cni0', 'pod0', 'pod1'].map((name) => `ip link set ${name} up`),
    ...families.map((family) => `ip address add ${bridgeAddress(family, 1)} dev cni0${nodad(family)}`),
  )
  return host
}

export async function createHealthyPodHost(
  t: Scope,
  { flags = [], ...options }: Partial<HostOptions> & { readonly flags?: readonly string[] } = {},
): Promise<Host> {
  const host = await createPodHost(t, options)
  await host.buildParent()
  host.start(...flags)
  await host.ready()
  return host
}

/** The first address of a node's subnet with its length, as the CNI plugin gives it to cni0. */
export function bridgeAddress(family: Family, node: number): string {
  const { overlay, subnet } = claimOf(family, node)
  const length = subnet.replace(/.*\//, '')
  return `${family === 'ipv4' ? overlay.replace(/0$/, '1') : `${overlay}1`}/${length}`
}

/** What a person would be troubled with, from line `from` on; but for modules that this machine's kernel lacks. */
export function complaints({ agent }: Host, from: number): string[] {
  const loud = agent.lines.slice(from).filter(({ level }) => level === 'warn' || level === 'error')
  // A busy machine takes its time to make a device, which is said after a second of it.
  const isPace = (msg: string): boolean => / is (?:blind|creating|repairing|removing)\b/.test(msg)
  return loud
    .filter(({ event, msg }) => event !== 'device.not-ready' || !isPace(msg))
    .filter(({ event }) => event !== 'host.sysctl')
    .map(({ event, msg }) => `${event} ${msg}`)
}
