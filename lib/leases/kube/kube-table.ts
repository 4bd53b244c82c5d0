/**
 * The claims of all Nodes as last told, and the view that follows from them, computed when it is asked for. Tells of a
 * change only when a derived lease, our own Node or the state of knowledge changed: heartbeats change nothing.
 * Must not: do input or output.
 */

import type { Network } from '../../cluster/network.ts'
import type { LeaseView, OwnVtep } from '../../cluster/view.ts'
import type { LeaseError } from '../../errors.ts'
import type { Family, Ip } from '../../net/ip.ts'
import type { Clock } from '../../util/clock.ts'
import { atOnce, type Slices } from '../../util/slices.ts'
import { createAcceptedLeases } from '../accepted/accepted-leases.ts'
import { ALL, type Claim, type ClaimChange, type Held } from '../accepted/claim.ts'
import type { OwnClaim } from '../accepted/validation.ts'
import type { AnnotationKeys } from '../annotations.ts'
import type { NodeChange } from '../follow/node-stream-session.ts'
import { nearNamesHint } from '../near-names.ts'
import { keepUnchanged } from '../unchanged.ts'
import type { NodeFacts } from '../wire/node-facts.ts'
import { type NodeClaim, readClaim, readOwn } from './node-claim.ts'
import { createNodeStore, type KnownNode } from './node-store.ts'
import { type PublishPlan, planPublish } from './publish-patch.ts'
import type { RememberedClaim, RememberedView } from './view-file.ts'

export type { KnownNode } from './node-store.ts'

/** Of one moment; nothing of it changes later. */
export type Known = Pick<RememberedView, 'own' | 'claims'>

export interface KubeTable {
  /** For the stream; changes nothing. A claim that says what is known already is the known object. */
  read(node: NodeFacts): KnownNode
  apply(change: NodeChange<KnownNode>): void
  /** Why nothing new is heard; undefined: all is well. Matters for the view only until the first list. */
  setTrouble(because: string | undefined): void
  /** What was known in the last run, for as long as nothing better is told. After the first list it comes too late. */
  recall(view: Known): void
  /** The same, and it is what is followed: everything is listed, and nothing may be missed until `confirmed`. */
  resume(view: Known): void
  confirmed(): void
  /** Everything was listed, our own Node among it: the view is synced. */
  readonly complete: boolean
  /** Everything was listed, and our own Node is not there: what is known of that. */
  readonly lacksOwn: string | undefined
  /** Nodes that are told and do not take part: nothing of flannel's is published on them. In no order. */
  silent(): readonly string[]
  /** What to keep for the next run; undefined while the view is not synced. */
  remember(): Known | undefined
  /** Brings view() up to what is known when it begins. One at a time. */
  settle(): Slices<void>
  /** The same object until something changed. While a settle() is under way, the view from before. */
  view(): LeaseView
  /** Our own Node as last told. */
  readonly ownFacts: NodeFacts | undefined
  planPublish(node: NodeFacts, own: OwnVtep, setCondition: boolean, now: Date): PublishPlan
  /** No onChange after it. */
  close(): void
}

export function createKubeTable(options: {
  readonly keys: AnnotationKeys
  readonly network: Network
  /** Of our own Node, before its annotations. */
  readonly publishInstead?: Readonly<Partial<Record<Family, Ip>>>
  readonly nodeName: () => string | undefined
  readonly clock: Clock
  readonly onChange: () => void
  /** The API server's data was lost or restored: so many Nodes that it lacks are kept for ten minutes. */
  readonly onKept: (count: number) => void
}): KubeTable {
  const { keys, network } = options
  const nodes = createNodeStore({
    ownName: () => options.nodeName() ?? '',
    clock: options.clock,
    onKept: options.onKept,
    onForgotten: () => changed(),
  })
  const leases = createAcceptedLeases(network)
  /** What recalled claims hold, when they come into force: another may stand before them at first. */
  const recalledHeld = new WeakMap<object, Held>()
  /** The claims with faults of their own, by node. */
  const faulty = new Map<string, readonly LeaseError[]>()
  let mine: Mine | undefined
  let trouble: string | undefined
  let unconfirmed = false
  let view: LeaseView = {
    synced: false,
    because: 'nothing is known yet',
    peers: new Map(),
    own: undefined,
    rejected: [],
    contested: [],
    aliases: [],
  }
  /** `view` is not that of what is known. */
  let stale = true
  let settling = false

  const changed = (): void => {
    stale = true
    options.onChange()
  }
  const knownIn = ({ own, claims }: Known, bits: (held: number) => number): Map<string, KnownNode> => {
    const known = new Map<string, KnownNode>([[own.name, { own }]])
    for (const { claim, faults, held } of claims) {
      const name = claim?.node ?? faults[0]?.node
      if (name === undefined) continue
      known.set(name, { claim, faults })
      const holds = held === undefined ? HOLDS_ALL : { ipv4: bits(held.ipv4), ipv6: bits(held.ipv6) }
      if (claim !== undefined) recalledHeld.set(claim, holds)
    }
    return known
  }
  const read = (node: NodeFacts): KnownNode => {
    const before = nodes.listedAs(node.name)
    if (node.name !== options.nodeName())
      return keepClaim(before === undefined || 'own' in before ? undefined : before, readClaim(node, keys, network))
    return before !== undefined && 'own' in before && sameFacts(before.own, node) ? before : { own: node }
  }
  const readSelf = (facts: NodeFacts): ReturnType<typeof readOwn> => {
    const { own, faults } = readOwn(facts, keys, network)
    return { own: { ...own, publishInstead: { ...own.publishInstead, ...options.publishInstead } }, faults }
  }
  const readMine = (facts: NodeFacts | undefined): Mine | undefined => {
    if (facts === undefined || facts === mine?.facts) return facts === undefined ? undefined : mine
    return { facts, ...readSelf(facts) }
  }
  /** Of what was known when it began; what is told between two slices is for the next time. */
  function* compute(): Slices<LeaseView> {
    stale = false
    const now = readMine(nodes.own)
    if (now !== mine) leases.setOwn(now && claimOf(now))
    mine = now
    const because = incomplete()
    const changes: ClaimChange[] = []
    for (const { name, before, after } of nodes.takeChanges()) {
      const claim = claimedBy(after)
      if (claim === undefined || claim.faults.length === 0) faulty.delete(name)
      else faulty.set(name, claim.faults)
      const was = claimedBy(before)?.claim
      // Who was told to be otherwise has given up what it held.
      const held = claim?.claim === undefined || was !== undefined ? undefined : recalledHeld.get(claim.claim)
      changes.push({ before: was, after: claim?.claim, ...(held === undefined ? {} : { held }) })
    }
    yield* leases.changeInSlices(changes)
    const { rejected, ...accepted } = leases.accepted
    const faults = [...(mine?.faults ?? []), ...[...faulty.values()].flat()]
    const known = { ...accepted, own: mine?.own, rejected: [...faults, ...rejected] }
    return because === undefined ? { synced: true, ...known } : { synced: false, because, ...known }
  }
  function* settle(): Slices<void> {
    if (!stale || settling) return
    settling = true
    try {
      view = yield* compute()
    } finally {
      settling = false
    }
  }
  const currentView = (): LeaseView => {
    atOnce(settle())
    return view
  }
  const incomplete = (): string | undefined => {
    const unheard = trouble ?? 'the Nodes have not been listed yet'
    if (!nodes.listed) return nodes.recalled ? `from the cache of the last run, not confirmed yet: ${unheard}` : unheard
    return unconfirmed ? 'from the cache of the last run, not confirmed yet by the API server' : lacksOwn()
  }
  const lacksOwn = (): string | undefined => {
    if (!nodes.listed || nodes.listedOwn !== undefined) return undefined
    const name = options.nodeName() ?? ''
    const hint = nearNamesHint(name, nodes.names()) || ': not created yet, or its data was lost'
    return `the API server knows no Node ${name} (our own) among ${nodes.size}${hint}`
  }

  return {
    read,
    apply(change) {
      const confirms = unconfirmed && change.kind === 'replace'
      if (confirms) unconfirmed = false
      if (nodes.apply(change) || confirms) changed()
    },
    setTrouble(because) {
      const matters = !nodes.listed && because !== undefined && because !== trouble
      trouble = because
      if (matters) changed()
    },
    recall(view) {
      if (nodes.listed || nodes.listedOwn !== undefined || view.own.name !== options.nodeName()) return
      nodes.recall(knownIn(view, (held) => held))
      changed()
    },
    resume(view) {
      unconfirmed = true
      // Nobody tells again what was refused: it is decided about anew, beside those who hold what they have.
      nodes.apply({ kind: 'replace', nodes: knownIn(view, (held) => held & ALL), rewound: false })
      changed()
    },
    confirmed() {
      unconfirmed = false
      changed()
    },
    get complete() {
      return nodes.listed && nodes.listedOwn !== undefined
    },
    get lacksOwn() {
      return lacksOwn()
    },
    silent: () => [...nodes.names()].filter((name) => nodes.listedAs(name) === undefined),
    remember() {
      const own = nodes.listedOwn
      if (own === undefined || !currentView().synced) return undefined
      const claims = [...nodes.names()].flatMap((name) => claimedBy(nodes.listedAs(name)) ?? [])
      return { own, claims: withHeld(claims, leases.exceptions()) }
    },
    settle,
    view: currentView,
    get ownFacts() {
      return nodes.listedOwn
    },
    planPublish(node, own, setCondition, now) {
      const { publishInstead } = readSelf(node).own
      return planPublish({ keys, node, publishInstead, own, setCondition, now })
    },
    close: () => nodes.close(),
  }
}

/** What our own Node says, read once. */
interface Mine extends ReturnType<typeof readOwn> {
  readonly facts: NodeFacts
}

const HOLDS_ALL: Held = { ipv4: ALL, ipv6: ALL }

function claimOf({ own }: Mine): OwnClaim {
  return { node: own.node, subnets: own.subnets, lladdrs: own.lladdrs, underlays: own.published }
}

function* withHeld(claims: readonly NodeClaim[], exceptions: ReadonlyMap<Claim, Held>): Generator<RememberedClaim> {
  for (const { claim, faults } of claims)
    yield { claim, faults, held: claim === undefined ? undefined : exceptions.get(claim) }
}

function claimedBy(known: KnownNode): NodeClaim | undefined {
  return known === undefined || 'own' in known ? undefined : known
}

function keepClaim(before: NodeClaim | undefined, now: NodeClaim | undefined): NodeClaim | undefined {
  if (before === undefined || now === undefined) return now
  const claim = now.claim === undefined ? undefined : keepUnchanged(before.claim, now.claim)
  const sameFaults =
    before.faults.length === now.faults.length &&
    before.faults.every((fault, index) => fault.message === now.faults[index]?.message)
  return claim === before.claim && sameFaults ? before : { claim, faults: now.faults }
}

function sameFacts(a: NodeFacts, b: NodeFacts): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
