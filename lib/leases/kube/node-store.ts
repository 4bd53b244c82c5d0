/**
 * The store of Nodes: every one as last told, and what stands in for Nodes that are not told any more although nobody said that they were
 * deleted: while our own Node is missing, and for a while after the API server's data was lost or restored.
 * Owns which of them changed since they were last asked for. Must not: judge what a Node says.
 */
import type { Clock, Timer } from '../../util/clock.ts'
import type { NodeChange } from '../follow/node-stream-session.ts'
import type { NodeFacts } from '../wire/node-facts.ts'
import type { NodeClaim } from './node-claim.ts'

/** What is kept of a Node: our own whole, of another its claim, of one that does not take part nothing. */
export type KnownNode = { readonly own: NodeFacts } | NodeClaim | undefined

export interface KnownChange {
  readonly name: string
  readonly before: KnownNode
  readonly after: KnownNode
}

export interface NodeStore {
  /** True when what is known changed; the first list always does. */
  apply(change: NodeChange<KnownNode>): boolean
  /** What was known in the last run: counts for as long as our own Node is not listed. */
  recall(known: ReadonlyMap<string, KnownNode>): void
  /** A whole list was applied. */
  readonly listed: boolean
  readonly recalled: boolean
  readonly size: number
  /** Of the Nodes that are listed. */
  names(): Iterable<string>
  listedAs(name: string): KnownNode
  /** Our own Node as listed. */
  readonly listedOwn: NodeFacts | undefined
  /** The same, or as it was known before it vanished. */
  readonly own: NodeFacts | undefined
  /** Each Node that is known otherwise than at the last call. */
  takeChanges(): Iterable<KnownChange>
  /** No call back after it. */
  close(): void
}

/** For how long Nodes that a restored cluster lacks are not believed to be gone: theirs may be slower to come back. */
export const KEPT_MS = 600_000

export interface NodeStoreOptions {
  /** '' while it is not known. */
  readonly ownName: () => string
  readonly clock: Clock
  /** The API server's data was lost or restored: so many Nodes that it lacks are kept for KEPT_MS. */
  readonly onKept: (count: number) => void
  /** They are forgotten: what is known changed. */
  readonly onForgotten: () => void
}

export function createNodeStore(options: NodeStoreOptions): NodeStore {
  let nodes = new Map<string, KnownNode>()
  /** Stands in for what `nodes` lacks. While our own Node is listed there is a `kept` timer, or nothing. */
  let earlier: Map<string, KnownNode> | undefined
  let kept: Timer | undefined
  let listed = false
  /** By name, what was known at the last takeChanges. */
  let touched = new Map<string, KnownNode>()
  /** Nothing was taken yet: whatever is known is new, and need not be noted. */
  let untold = true

  const ownOf = (among: ReadonlyMap<string, KnownNode> | undefined): NodeFacts | undefined => {
    const known = among?.get(options.ownName())
    return known !== undefined && 'own' in known ? known.own : undefined
  }
  const known = (name: string): KnownNode => (nodes.has(name) ? nodes.get(name) : earlier?.get(name))
  const touch = (name: string, before: KnownNode): void => {
    if (!untold && !touched.has(name)) touched.set(name, before)
  }
  /** Whoever calls it touches what is known otherwise then. */
  const standIns = (next: Map<string, KnownNode> | undefined): void => {
    kept?.cancel()
    kept = undefined
    earlier = next
  }
  /** Our own Node is listed: what is not listed beside it is gone, unless `lost`. */
  const keepMissing = (lost: boolean): void => {
    if (!lost && kept !== undefined) return
    const missing = new Map<string, KnownNode>()
    if (lost) {
      for (const [name, claim] of earlier ?? []) {
        const junior = nodes.has(name) || name === options.ownName() ? undefined : juniorOf(claim)
        if (junior !== undefined) missing.set(name, junior)
      }
    }
    standIns(missing.size === 0 ? undefined : missing)
    if (missing.size === 0) return
    kept = options.clock.after(KEPT_MS, () => {
      standIns(undefined)
      touchOthers(missing)
      options.onForgotten()
    })
    options.onKept(missing.size)
  }
  /** `before`: what stood in for Nodes until now. */
  const touchOthers = (before: ReadonlyMap<string, KnownNode> | undefined): void => {
    if (before === earlier) return
    for (const [name, was] of before ?? []) if (!nodes.has(name)) touch(name, was)
    for (const name of earlier?.keys() ?? []) if (!nodes.has(name) && before?.has(name) !== true) touch(name, undefined)
  }
  const applyOne = (change: Exclude<NodeChange<KnownNode>, { kind: 'replace' }>): boolean => {
    const { name } = change
    const before = nodes.get(name)
    const was = known(name)
    const earlierBefore = earlier
    const ownBefore = ownOf(nodes) ?? ownOf(earlier)
    if (change.kind === 'put') nodes.set(name, change.node)
    else {
      if (name === options.ownName() && before !== undefined) standIns(new Map([...(earlier ?? []), ...nodes]))
      else if (kept !== undefined) earlier?.delete(name)
      nodes.delete(name)
    }
    const own = ownOf(nodes)
    if (own !== undefined && earlier !== undefined) keepMissing(isAnother(ownBefore, own))
    touchOthers(earlierBefore)
    // A heartbeat leaves nothing behind.
    if (was !== known(name)) touch(name, was)
    // Our own Node's end changes nothing that is known, but what that is worth.
    return before !== nodes.get(name) || was !== known(name)
  }
  const replace = (all: Map<string, KnownNode>, rewound: boolean): boolean => {
    const [before, earlierBefore] = [nodes, earlier]
    const [listedBefore, own] = [ownOf(before), ownOf(all)]
    const lost = rewound || isAnother(listedBefore ?? ownOf(earlierBefore), own)
    let differs = !listed || listedBefore !== own
    listed = true
    if (listedBefore !== undefined && (own === undefined || lost))
      standIns(new Map([...(earlierBefore ?? []), ...before]))
    nodes = all
    if (own !== undefined) keepMissing(lost)
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
    apply: (change) => (change.kind === 'replace' ? replace(change.nodes, change.rewound) : applyOne(change)),
    recall(remembered) {
      for (const name of [...remembered.keys(), ...(earlier?.keys() ?? [])]) touch(name, known(name))
      standIns(new Map(remembered))
    },
    get listed() {
      return listed
    },
    get recalled() {
      return earlier !== undefined
    },
    names: () => nodes.keys(),
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
    close: () => kept?.cancel(),
  }
}

/** A Node of our name that is not the one we knew: the cluster forgot it, and perhaps everybody else. */
function isAnother(known: NodeFacts | undefined, own: NodeFacts | undefined): boolean {
  return known !== undefined && own !== undefined && known.uid !== own.uid
}

/**
 * Whoever is told comes before a Node that is only remembered: it may have been given that one's podCIDR. So this one holds
 * nothing.
 */
function juniorOf(known: KnownNode): KnownNode {
  if (known === undefined || 'own' in known || known.claim === undefined) return undefined
  const { seniority } = known.claim
  if (seniority.startsWith(JUNIOR)) return known
  return { claim: { ...known.claim, uid: undefined, seniority: JUNIOR + seniority }, faults: [] }
}

/** Sorts behind every timestamp. */
const JUNIOR = '~'
