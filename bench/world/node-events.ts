/**
 * The kube source without a server: its own table (lib/leases/kube/kube-table.ts), told of decoded Nodes. Must not: decode or
 * wait; a view is there when the call returns.
 */
import { performance } from 'node:perf_hooks'
import type { Lease } from '../../lib/cluster/lease.ts'
import type { LeaseView } from '../../lib/cluster/view.ts'
import { systemClock } from '../../lib/host/clock.ts'
import { allKeys } from '../../lib/leases/annotations.ts'
import { createKubeTable } from '../../lib/leases/kube/kube-table.ts'
import { type NodeFacts, projectNode } from '../../lib/leases/wire/node-facts.ts'
import type { Family } from '../../lib/net/ip.ts'
import { networkOf, OUR_NAME } from './cluster.ts'
import { KEYS, nodeObjectOf, ownNodeObject } from './node-objects.ts'

export interface NodeEvents {
  /** Everybody, our own Node included; what the view becomes. */
  list(leases: Iterable<Lease>): LeaseView
  /** The Node as the lease says; milliseconds until its view was handed to `onView`. */
  put(lease: Lease): number
  /** The same for its end. */
  remove(node: string): number
}

/** `onView` is called inside `put` and `remove`, where something follows from them. */
export function createNodeEvents(families: readonly Family[], onView: (view: LeaseView) => void): NodeEvents {
  const wanted = allKeys(KEYS)
  let listed = false
  let viewAt = 0
  const table = createKubeTable({
    keys: KEYS,
    network: networkOf(families),
    nodeName: () => OUR_NAME,
    clock: systemClock,
    onKept: () => undefined,
    onChange() {
      if (!listed) return
      const view = table.view()
      viewAt = performance.now()
      onView(view)
    },
  })
  const factsOf = (object: object): NodeFacts => {
    const facts = projectNode(object, wanted, OUR_NAME)
    if (facts === undefined) throw new Error('a made-up Node has no name')
    return facts
  }
  const read = (object: object) => {
    const facts = factsOf(object)
    return [facts.name, table.read(facts)] as const
  }
  return {
    list(leases) {
      const nodes = new Map([read(ownNodeObject(families))])
      for (const lease of leases) nodes.set(...read(nodeObjectOf(lease)))
      table.apply({ kind: 'replace', nodes, rewound: false })
      listed = true
      return table.view()
    },
    put(lease) {
      const facts = factsOf(nodeObjectOf(lease))
      const began = performance.now()
      table.apply({ kind: 'put', name: facts.name, node: table.read(facts) })
      return viewAt - began
    },
    remove(name) {
      const began = performance.now()
      table.apply({ kind: 'delete', name })
      return viewAt - began
    },
  }
}
