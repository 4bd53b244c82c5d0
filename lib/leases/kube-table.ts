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

export interface KubeTable {
  apply(change: NodeChange): void
  /** Why nothing new is heard; undefined: all is well. Matters for the view only until the first list. */
  setTrouble(because: string | undefined): void
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
  let claims = new Map<string, Claim>()
  let ownFacts: NodeFacts | undefined
  let nodes = 0
  let listed = false
  let trouble: string | undefined
  let view: LeaseView | undefined

  const changed = (): void => {
    view = undefined
    options.onChange()
  }
  /** True when what follows from the Node changed. */
  const take = (node: NodeFacts, into: Map<string, Claim>): boolean => {
    if (node.name === options.nodeName()) {
      const same = ownFacts !== undefined && sameFacts(ownFacts, node)
      ownFacts = node
      return !same
    }
    const before = claims.get(node.name)
    const claim = keepClaim(before, readClaim(node, keys, network))
    if (claim === undefined) into.delete(node.name)
    else into.set(node.name, claim)
    return claim !== before
  }
  const replace = (all: ReadonlyMap<string, NodeFacts>): boolean => {
    const next = new Map<string, Claim>()
    let different = !listed
    for (const node of all.values()) if (take(node, next)) different = true
    const ownName = options.nodeName()
    if (ownFacts !== undefined && (ownName === undefined || !all.has(ownName))) {
      ownFacts = undefined
      different = true
    }
    different ||= next.size !== claims.size || [...claims.keys()].some((name) => !next.has(name))
    claims = next
    nodes = all.size
    listed = true
    return different
  }
  const remove = (name: string): boolean => {
    if (name !== options.nodeName()) return claims.delete(name)
    const had = ownFacts !== undefined
    ownFacts = undefined
    return had
  }
  const apply = (change: NodeChange): boolean => {
    if (change.kind === 'replace') return replace(change.nodes)
    return change.kind === 'put' ? take(change.node, claims) : remove(change.name)
  }

  const compute = (): LeaseView => {
    const read = ownFacts === undefined ? undefined : readOwn(ownFacts, keys, network)
    const faults: LeaseError[] = [...(read?.faults ?? [])]
    const leases = []
    for (const claim of claims.values()) {
      faults.push(...claim.faults)
      if (claim.lease !== undefined) leases.push(claim.lease)
    }
    const { peers, rejected } = believe(leases, ownClaim(ownFacts, read?.own))
    const known = { peers, own: read?.own, rejected: [...faults, ...rejected] }
    const because = incomplete()
    return because === undefined ? { synced: true, ...known } : { synced: false, because, ...known }
  }
  const incomplete = (): string | undefined => {
    if (!listed) return trouble ?? 'the Nodes have not been listed yet'
    if (ownFacts !== undefined) return undefined
    return `the API server knows no Node ${options.nodeName() ?? ''} (our own) among ${nodes}: not created yet, or its data was lost`
  }
  const ownClaim = (node: NodeFacts | undefined, own: ReturnType<typeof readOwn>['own'] | undefined) =>
    node === undefined || own === undefined
      ? undefined
      : { node: own.node, subnets: own.subnets, lladdrs: own.lladdrs, underlays: readPublished(node, keys) }

  return {
    apply(change) {
      if (apply(change)) changed()
    },
    setTrouble(because) {
      const matters = !listed && because !== undefined && because !== trouble
      trouble = because
      if (matters) changed()
    },
    view: () => (view ??= compute()),
    get ownFacts() {
      return ownFacts
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
