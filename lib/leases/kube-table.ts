/**
 * The claims of all Nodes as last told, and the view that follows from them, computed when it is asked for. Tells of a
 * change only when a derived lease, our own Node or the state of knowledge changed: heartbeats change nothing.
 * Must not: do input or output.
 */
import type { LeaseError } from '../errors.ts'
import type { Network } from '../overlay/network.ts'
import type { AnnotationKeys } from './annotations.ts'
import { createBelief } from './believe.ts'
import { keepLease } from './keep.ts'
import { type Claim, readClaim, readOwn, readPublished } from './node-claim.ts'
import type { NodeFacts } from './node-facts.ts'
import type { NodeChange } from './node-stream-session.ts'
import { type NodePatch, planPublish } from './publish-patch.ts'
import type { LeaseView, OwnVtep } from './source.ts'
import type { RememberedView } from './view-file.ts'

/** What is kept of a Node: our own whole, of another its claim, of one that does not take part nothing. */
export type KnownNode = { readonly own: NodeFacts } | Claim | undefined

export interface KubeTable {
  /** For the stream; changes nothing. A claim that says what is known already is the known object. */
  read(node: NodeFacts): KnownNode
  apply(change: NodeChange<KnownNode>): void
  /** Why nothing new is heard; undefined: all is well. Matters for the view only until the first list. */
  setTrouble(because: string | undefined): void
  /** What was known in the last run, for as long as nothing better is told. After the first list it comes too late. */
  recall(view: RememberedView): void
  /** Everything was listed, our own Node among it: the view is synced. */
  readonly complete: boolean
  /** What to keep for the next run; undefined while the view is not synced. */
  remember(): RememberedView | undefined
  /** The same object until something changed. */
  view(): LeaseView
  /** Our own Node as last told. */
  readonly ownFacts: NodeFacts | undefined
  planPublish(node: NodeFacts, own: OwnVtep, setCondition: boolean, now: Date): NodePatch | undefined
}

export function createKubeTable(options: {
  readonly keys: AnnotationKeys
  readonly network: Network
  readonly nodeName: () => string | undefined
  readonly onChange: () => void
}): KubeTable {
  const { keys, network } = options
  const believe = createBelief(network)
  let nodes = new Map<string, KnownNode>()
  /** From a time when all was well: stands in for what `nodes` lacks while our own Node is not among them. */
  let earlier: ReadonlyMap<string, KnownNode> | undefined
  let listed = false
  let trouble: string | undefined
  let view: LeaseView | undefined

  const changed = (): void => {
    view = undefined
    options.onChange()
  }
  const ownOf = (among: ReadonlyMap<string, KnownNode> | undefined): NodeFacts | undefined => {
    const known = among?.get(options.nodeName() ?? '')
    return known !== undefined && 'own' in known ? known.own : undefined
  }
  const ownFacts = (): NodeFacts | undefined => ownOf(nodes)
  const read = (node: NodeFacts): KnownNode => {
    const before = nodes.get(node.name)
    if (node.name !== options.nodeName())
      return keepClaim(before === undefined || 'own' in before ? undefined : before, readClaim(node, keys, network))
    return before !== undefined && 'own' in before && sameFacts(before.own, node) ? before : { own: node }
  }
  /** True when what follows from the Nodes changed. */
  const apply = (change: NodeChange<KnownNode>): boolean => {
    if (change.kind === 'replace') return replace(change.nodes)
    const { name } = change
    const before = nodes.get(name)
    if (change.kind === 'put') nodes.set(name, change.node)
    else {
      if (name === options.nodeName() && before !== undefined) earlier = new Map(nodes)
      nodes.delete(name)
    }
    if (ownFacts() !== undefined) earlier = undefined
    return before !== (change.kind === 'put' ? change.node : undefined)
  }
  const replace = (all: Map<string, KnownNode>): boolean => {
    const before = nodes
    nodes = all
    if (ownFacts() !== undefined) earlier = undefined
    else if (ownOf(before) !== undefined) earlier = before
    if (!listed) {
      listed = true
      return true
    }
    for (const [name, known] of before) if (known !== undefined && !all.has(name)) return true
    for (const [name, known] of all) if (before.get(name) !== known) return true
    return false
  }

  const compute = (): LeaseView => {
    const facts = ownFacts() ?? ownOf(earlier)
    const mine = facts === undefined ? undefined : readOwn(facts, keys, network)
    const faults: LeaseError[] = [...(mine?.faults ?? [])]
    const leases = []
    for (const known of allKnown()) {
      if (known === undefined || 'own' in known) continue
      if (known.faults.length > 0) faults.push(...known.faults)
      if (known.lease !== undefined) leases.push(known.lease)
    }
    const { peers, rejected } = believe(leases, ownClaim(facts, mine?.own))
    const known = { peers, own: mine?.own, rejected: [...faults, ...rejected] }
    const because = incomplete()
    return because === undefined ? { synced: true, ...known } : { synced: false, because, ...known }
  }
  function* allKnown(): Generator<KnownNode> {
    yield* nodes.values()
    for (const [name, known] of earlier ?? []) if (!nodes.has(name)) yield known
  }
  const currentView = (): LeaseView => (view ??= compute())
  const incomplete = (): string | undefined => {
    const unheard = trouble ?? 'the Nodes have not been listed yet'
    if (!listed)
      return earlier === undefined ? unheard : `from the cache of the last run, not confirmed yet: ${unheard}`
    if (ownFacts() !== undefined) return undefined
    return `the API server knows no Node ${options.nodeName() ?? ''} (our own) among ${nodes.size}: not created yet, or its data was lost`
  }
  const ownClaim = (node: NodeFacts | undefined, own: ReturnType<typeof readOwn>['own'] | undefined) =>
    node === undefined || own === undefined
      ? undefined
      : { node: own.node, subnets: own.subnets, lladdrs: own.lladdrs, underlays: readPublished(node, keys) }

  return {
    read,
    apply(change) {
      if (apply(change)) changed()
    },
    setTrouble(because) {
      const matters = !listed && because !== undefined && because !== trouble
      trouble = because
      if (matters) changed()
    },
    recall({ own, leases }) {
      if (listed || own.name !== options.nodeName()) return
      const known = new Map<string, KnownNode>([[own.name, { own }]])
      for (const lease of leases) known.set(lease.node, { lease, faults: [] })
      earlier = known
      changed()
    },
    get complete() {
      return incomplete() === undefined
    },
    remember() {
      const own = ownFacts()
      const { synced, peers } = currentView()
      return own === undefined || !synced ? undefined : { own, leases: peers.values() }
    },
    view: currentView,
    get ownFacts() {
      return ownFacts()
    },
    planPublish(node, own, setCondition, now) {
      const { publishInstead } = readOwn(node, keys, network).own
      return planPublish({ keys, node, publishInstead, own, setCondition, now })
    },
  }
}

function keepClaim(before: Claim | undefined, now: Claim | undefined): Claim | undefined {
  if (before === undefined || now === undefined) return now
  const lease = now.lease === undefined ? undefined : keepLease(before.lease, now.lease)
  const sameFaults =
    before.faults.length === now.faults.length &&
    before.faults.every((fault, index) => fault.message === now.faults[index]?.message)
  return lease === before.lease && sameFaults ? before : { lease, faults: now.faults }
}

function sameFacts(a: NodeFacts, b: NodeFacts): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
