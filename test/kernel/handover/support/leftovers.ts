/** The entries that an earlier flannel or vtepd left for a node, made with iproute2. Must not: know what becomes of them. */
import { deviceName, type Family } from '../../healing/support/cluster.ts'
import type { Host } from './host.ts'
import type { PeerNode } from './nodes.ts'

/** As flanneld programs them: metric 0 (the kernel makes 1024 of it for IPv6), protocol boot. */
export async function addFlannels(host: Host, node: PeerNode): Promise<void> {
  await addEntries(host, node, { neighbour: '', route: () => 'proto boot' })
}

export async function addOurs(host: Host, node: PeerNode): Promise<void> {
  await addEntries(host, node, { neighbour: 'protocol 118', route: (metric) => `proto 118 metric ${metric}` })
}

/** The neighbour of `node` as flanneld made it, in the lines of tables.ts. */
export function flannelsNeighbour(node: PeerNode, family: Family): string {
  const claim = node.claims[family]
  return `${claim?.overlay} is ${claim?.lladdr} PERMANENT proto undefined`
}

interface Marks {
  readonly neighbour: string
  readonly route: (metric: number) => string
}

async function addEntries(host: Host, node: PeerNode, marks: Marks): Promise<void> {
  for (const family of host.families) {
    const claim = node.claims[family]
    if (claim === undefined) continue
    const { subnet, overlay, underlay, lladdr, metric } = claim
    const device = deviceName(family)
    await host.ip(
      `neigh add ${overlay} lladdr ${lladdr} dev ${device} nud permanent ${marks.neighbour}`,
      `route add ${subnet} via ${overlay} dev ${device} onlink ${marks.route(metric)}`,
    )
    await host.bridge(`fdb append ${lladdr} dev ${device} dst ${underlay} self permanent`)
  }
}
