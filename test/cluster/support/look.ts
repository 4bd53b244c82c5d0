/** What others see of an agent: the Node's annotations, the device, what the kernel announced. Must not: judge it. */
import { type KernelEvents, watchKernel } from '../../kernel/healing/support/kernel-events.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterNode } from './node.ts'

export interface Claim {
  readonly annotations: Readonly<Record<string, string>>
  /** Who has written anything of this Node, by the names that clients give themselves. */
  readonly writers: readonly string[]
  /** MAC addresses of the overlay's devices, by their names. */
  readonly lladdrs: Readonly<Record<string, string>>
  readonly subnetEnv: string
}

interface NodeObject {
  readonly metadata: {
    readonly annotations?: Readonly<Record<string, string>>
    readonly managedFields?: readonly { readonly manager: string }[]
  }
}

interface Link {
  readonly ifname: string
  readonly address: string
}

export async function claimOf({ plane }: Cluster, { name, machine }: ClusterNode): Promise<Claim> {
  const { metadata } = await plane.ask<NodeObject>('GET', `/api/v1/nodes/${name}`)
  const entries = Object.entries(metadata.annotations ?? {})
  const links = JSON.parse(await machine.run('ip', '-j', 'link', 'show', 'type', 'vxlan')) as Link[]
  return {
    annotations: Object.fromEntries(entries.filter(([key]) => key.startsWith('flannel.')).sort()),
    writers: [...new Set((metadata.managedFields ?? []).map(({ manager }) => manager))].sort(),
    lladdrs: Object.fromEntries(links.map(({ ifname, address }) => [ifname, address])),
    subnetEnv: await machine.run('cat', '/run/flannel/subnet.env'),
  }
}

/** Routes to other nodes through the overlay's devices, sorted, as `ip` prints them, the metric of ours left out. */
export async function overlayRoutes({ machine }: ClusterNode): Promise<string[]> {
  const texts = [await machine.run('ip', '-4', 'route', 'show'), await machine.run('ip', '-6', 'route', 'show')]
  const lines = texts.flatMap((text) => text.split('\n'))
  return lines
    .filter((line) => / via .* dev flannel/.test(line))
    .map(withoutMetric)
    .sort()
}

/** The same route as vtepd makes it. */
export function ours(route: string): string {
  return route.replace(/( dev \S+)/, '$1 proto 118')
}

export function isOurs(route: string): boolean {
  return route.includes(' proto 118 ')
}

/** Also a link that is told without `dev`. */
const OVERLAY = /(?:dev|^\d+:) flannel|^Deleted \d+: flannel/
/** Made by the kernel for every link, and confirmed some seconds later. */
const LINK_LOCAL = /\bfe80:/

export interface Announcements {
  /** Of the overlay's devices, since the last call: links, addresses, routes, neighbours, FDB entries. */
  fresh(): Promise<string[]>
  close(): Promise<void>
}

/** Resolves once it hears. */
export async function listen({ name }: ClusterNode): Promise<Announcements> {
  const events: KernelEvents = await watchKernel(name)
  let seen = await events.caughtUp()
  return {
    async fresh() {
      const heard = await events.since(seen)
      seen += heard.length
      return heard.filter((line) => OVERLAY.test(line) && !LINK_LOCAL.test(line)).map(withoutMetric)
    },
    close: () => events.close(),
  }
}

function withoutMetric(line: string): string {
  return line.replace(/ metric \d+/, '').trim()
}
