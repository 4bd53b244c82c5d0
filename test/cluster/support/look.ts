/** What others see of an agent: the Node's annotations, the device, what the kernel announced. Must not: judge it. */
import { type KernelEvents, watchKernel } from '../../kernel/healing/support/kernel-events.ts'
import type { Cluster } from './cluster.ts'
import type { ClusterNode } from './node.ts'

export interface Claim {
  readonly annotations: Readonly<Record<string, string>>
  /** Who has written anything of this Node, by the names that clients give themselves. */
  readonly writers: readonly string[]
  readonly lladdr: string
  readonly subnetEnv: string
}

interface NodeObject {
  readonly metadata: {
    readonly annotations?: Readonly<Record<string, string>>
    readonly managedFields?: readonly { readonly manager: string }[]
  }
}

export async function claimOf({ plane }: Cluster, { name, machine }: ClusterNode): Promise<Claim> {
  const { metadata } = await plane.ask<NodeObject>('GET', `/api/v1/nodes/${name}`)
  const entries = Object.entries(metadata.annotations ?? {})
  const [link] = JSON.parse(await machine.run('ip', '-j', 'link', 'show', 'flannel.1')) as { address: string }[]
  return {
    annotations: Object.fromEntries(entries.filter(([key]) => key.startsWith('flannel.')).sort()),
    writers: [...new Set((metadata.managedFields ?? []).map(({ manager }) => manager))].sort(),
    lladdr: link?.address ?? '',
    subnetEnv: await machine.run('cat', '/run/flannel/subnet.env'),
  }
}

/** Routes through flannel.1, sorted, as `ip` prints them, the metric of ours left out. */
export async function overlayRoutes({ machine }: ClusterNode): Promise<string[]> {
  const text = await machine.run('ip', 'route', 'show', 'dev', 'flannel.1')
  return lines(text).map(withoutMetric).sort()
}

/** Made by the kernel for every link, and confirmed some seconds later. */
const LINK_LOCAL = /\bfe80:/

export interface Announcements {
  /** Of flannel.1, since the last call: links, addresses, routes, neighbours, FDB entries. */
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
      return heard.filter((line) => line.includes('flannel.1') && !LINK_LOCAL.test(line)).map(withoutMetric)
    },
    close: () => events.close(),
  }
}

function withoutMetric(line: string): string {
  return line.replace(/ metric \d+/, '').trim()
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}
