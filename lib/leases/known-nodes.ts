/**
 * Every Node as last told, and what stands in for Nodes that are not told while our own is missing. Owns which of them
 * changed since they were last asked for. Must not: judge what a Node says.
 */
import type { Claim } from './node-claim.ts'
import type { NodeFacts } from './node-facts.ts'
import type { NodeChange } from './node-stream-session.ts'

/** What is kept of a Node: our own whole, of another its claim, of one that does not take part nothing. */
export type KnownNode = { readonly own: NodeFacts } | Claim | undefined

export interface KnownChange {
  readonly name: string
  readonly before: KnownNode
  readonly after: KnownNode
}

export interface KnownNodes {
  /** True when what is known changed; the first list always does. */
  apply(change: NodeChange<KnownNode>): boolean
  /** What was known in the last run: counts for as long as our own Node is not listed. */
  recall(known: ReadonlyMap<string, KnownNode>): void
  /** A whole list was applied. */
  readonly listed: boolean
  readonly recalled: boolean
  readonly size: number
  listedAs(name: string): KnownNode
  /** Our own Node as listed. */
  readonly listedOwn: NodeFacts | undefined
  /** The same, or as it was known before it vanished. */
  readonly own: NodeFacts | undefined
  /** Each Node that is known otherwise than at the last call. */
  takeChanges(): Iterable<KnownChange>
}

/** `ownName`: '' while it is not known. */
export function createKnownNodes(ownName: () => string): KnownNodes {
  let nodes = new Map<string, KnownNode>()
  /** From a time when all was well: stands in for what `nodes` lacks while our own Node is not among them. */
  let earlier: ReadonlyMap<string, KnownNode> | undefined
  let listed = false
  /** By name, what was known at the last takeChanges. */
  let touched = new Map<string, KnownNode>()
  /** Nothing was taken yet: whatever is known is new, and need not be noted. */
  let untold = true

  const ownOf = (among: ReadonlyMap<string, KnownNode> | undefined): NodeFacts | undefined => {
    const known = among?.get(ownName())
    return known !== undefined && 'own' in known ? known.own : undefined
  }
  const known = (name: string): KnownNode => (nodes.has(name) ? nodes.get(name) : earlier?.get(name))
  const touch = (name: string, before: KnownNode): void => {
    if (!untold && !touched.has(name)) touched.set(name, before)
  }
  /** Our own Node is listed: what is not listed beside it is gone. */
  const forgetEarlier = (): void => {
    for (const [name, before] of earlier ?? []) if (!nodes.has(name)) touch(name, before)
    earlier = undefined
  }
  const applyOne = (change: Exclude<NodeChange<KnownNode>, { kind: 'replace' }>): boolean => {
    const { name } = change
    const before = nodes.get(name)
    const was = known(name)
    touch(name, was)
    if (change.kind === 'put') nodes.set(name, change.node)
    else {
      if (name === ownName() && before !== undefined) earlier = new Map(nodes)
      nodes.delete(name)
    }
    if (ownOf(nodes) !== undefined) forgetEarlier()
    // Our own Node's end changes nothing that is known, but what that is worth.
    return before !== nodes.get(name) || was !== known(name)
  }
  const replace = (all: Map<string, KnownNode>): boolean => {
    const [before, earlierBefore] = [nodes, earlier]
    let differs = !listed || ownOf(before) !== ownOf(all)
    listed = true
    nodes = all
    if (ownOf(all) !== undefined) earlier = undefined
    else if (ownOf(before) !== undefined) earlier = before
    const compare = (name: string, was: KnownNode): void => {
      if (was === known(name)) return
      differs = true
      touch(name, was)
    }
    for (const [name, was] of before) if (was === undefined || all.get(name) !== was) compare(name, was)
    for (const name of all.keys()) if (!before.has(name)) compare(name, earlierBefore?.get(name))
    for (const [name, was] of earlierBefore ?? []) if (!before.has(name) && !all.has(name)) compare(name, was)
    return differs
  }

  return {
    apply: (change) => (change.kind === 'replace' ? replace(change.nodes) : applyOne(change)),
    recall(remembered) {
      for (const name of remembered.keys()) touch(name, known(name))
      earlier = remembered
    },
    get listed() {
      return listed
    },
    get recalled() {
      return earlier !== undefined
    },
    get size() {
      return nodes.size
    },
    listedAs: (name) => nodes.get(name),
    get listedOwn() {
      return ownOf(nodes)
    },
    get own() {
      return ownOf(nodes) ?? ownOf(earlier)
    },
    *takeChanges() {
      const before = touched
      touched = new Map()
      if (untold) {
        untold = nodes.size === 0 && earlier === undefined
        for (const [name, after] of nodes) if (after !== undefined) yield { name, before: undefined, after }
        for (const [name, after] of earlier ?? []) if (!nodes.has(name)) yield { name, before: undefined, after }
        return
      }
      for (const [name, was] of before) {
        const after = known(name)
        if (after !== was) yield { name, before: was, after }
      }
    },
  }
}
