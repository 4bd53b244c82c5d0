/**
 * A lease source whose Nodes come in exactly the order that a test tells: the table of the Kubernetes source, without its
 * stream. Must not: interpret anything; what follows from the Nodes is the table's business.
 */

import type { Network } from '../../../../lib/cluster/network.ts'
import { systemClock } from '../../../../lib/host/clock.ts'
import { annotationKeys } from '../../../../lib/leases/annotations.ts'
import { createKubeTable, type KubeTable } from '../../../../lib/leases/kube/kube-table.ts'
import { readClaim } from '../../../../lib/leases/kube/node-claim.ts'
import type { LeaseSource } from '../../../../lib/leases/source.ts'
import type { NodeFacts } from '../../../../lib/leases/wire/node-facts.ts'
import type { Family } from '../../healing/support/cluster.ts'
import { factsOf, type PeerNode, US } from './nodes.ts'

/** One event of the stream; `list` is all that exists, our own Node first unless it is said to be missing. */
export type NodeEvent =
  | { readonly put: PeerNode }
  | { readonly delete: PeerNode }
  | { readonly list: readonly PeerNode[]; readonly withoutUs?: true }

export interface ScriptedNodes extends LeaseSource {
  /** All of them before anybody looks, as when they come in one piece of the stream. */
  tell(...events: readonly NodeEvent[]): void
  /** What the last run left on disk, before anything is listed. */
  recall(peers: readonly PeerNode[]): void
}

export function createScriptedNodes(network: Network, families: readonly Family[]): ScriptedNodes {
  let listener: (() => void) | undefined
  const keys = annotationKeys('flannel.alpha.coreos.com')
  const table = createKubeTable({
    keys,
    network,
    nodeName: () => US.name,
    clock: systemClock,
    onKept: () => undefined,
    onChange: () => queueMicrotask(() => listener?.()),
  })
  const facts = (node: PeerNode): NodeFacts => factsOf(node, families)
  const changeOf = (event: NodeEvent): Parameters<KubeTable['apply']>[0] => {
    if ('put' in event) return { kind: 'put', name: event.put.name, node: table.read(facts(event.put)) }
    if ('delete' in event) return { kind: 'delete', name: event.delete.name }
    const all = event.withoutUs === true ? event.list : [US, ...event.list]
    return { kind: 'replace', nodes: new Map(all.map((node) => [node.name, table.read(facts(node))])), rewound: false }
  }
  return {
    kind: 'kube',
    view: () => table.view(),
    start(onChange) {
      listener = onChange
    },
    publish: async () => 'accepted',
    async close() {
      listener = undefined
    },
    tell(...events) {
      for (const event of events) table.apply(changeOf(event))
    },
    recall(peers) {
      const claims = peers.flatMap((node) => readClaim(facts(node), keys, network) ?? [])
      table.recall({ own: facts(US), claims: claims.map((claim) => ({ ...claim, held: undefined })) })
    },
  }
}
