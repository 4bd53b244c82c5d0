/**
 * All claims and our own Node, by two streams, as one that tells Nodes: our own is the Node itself, another is what its claim says
 * of it. Nobody's heartbeat comes but our own. Must not: decide whether claims can be relied on (follow-leases.ts).
 */
import { flatText } from '../../util/flat-text.ts'
import type { AnnotationKeys } from '../annotations.ts'
import { type NodeStream, type NodeStreamOptions, startNodeStream } from '../follow/node-stream.ts'
import { NODES, type NodeChange } from '../follow/node-stream-parts.ts'
import { CLAIMS_PATH, type ClaimFacts } from '../wire/claim.ts'
import { createClaimFormats } from '../wire/claim-formats.ts'
import type { NodeFacts } from '../wire/node-facts.ts'
import { claimText } from './claim-spec.ts'
import { createGoneClaims } from './gone-claims.ts'

export interface ClaimsStream<T> extends NodeStream {
  /** Everything as last told; undefined until both are listed. The map is the caller's. */
  snapshot(): Map<string, T> | undefined
  /** What is claimed for a Node, and for which UID (saidBy); undefined: nothing that counts. Our own is not among them. */
  said(name: string): string | undefined
  /** Names of those. */
  names(): Iterable<string>
  /** Somebody else's claim counts for nothing yet: the mirror has not completed it. */
  readonly unfinished: boolean
}

export interface ClaimsStreamOptions<T>
  extends Omit<NodeStreamOptions<T>, 'resource' | 'watch' | 'kept' | 'onResumed'> {
  readonly keys: AnnotationKeys
  /** Our own claim; undefined: there is none. */
  readonly onOwnClaim: (claim: ClaimFacts | undefined) => void
  /** Whether there is a Node of this name. */
  readonly exists: (name: string) => Promise<boolean>
  /** Claims are gone, and their Nodes are not: what is told stays, and has to be had elsewhere. */
  readonly onLost: () => void
  /** A claim that nobody has completed yet. */
  readonly onUnfinished: () => void
}

/** What counts of a claim as one text, to be compared with what a Node's annotations say. */
export function saidBy(uid: string, families: Parameters<typeof claimText>[0]): string {
  return `${uid} ${claimText(families)}`
}

/** Tells a `replace` first, when both are listed. Starts at once; `ownName` has to be known. */
export function startClaimsStream<T>(options: ClaimsStreamOptions<T>): ClaimsStream<T> {
  const { keys, ownName } = options
  let claims: Map<string, Claimed<T>> | undefined
  let own: Map<string, T> | undefined
  const troubles = new Map<'claims' | 'own', readonly [because: string, error: unknown]>()

  const gone = createGoneClaims<T>({
    ...options,
    size: () => claims?.size ?? 0,
    onGone: (name) => options.onChange({ kind: 'delete', name }),
  })
  const snapshot = (): Map<string, T> | undefined => {
    if (claims === undefined || own === undefined) return undefined
    const all = new Map<string, T>()
    for (const [name, { node }] of claims) if (name !== ownName()) all.set(name, node)
    for (const [name, node] of gone.held) all.set(name, node)
    for (const [name, node] of own) all.set(name, node)
    return all
  }
  const replaceAll = (rewound: boolean): void => {
    const nodes = snapshot()
    if (nodes !== undefined) options.onChange({ kind: 'replace', nodes, rewound })
  }
  const hold = (name: string, { node, said }: Claimed<T>): void => {
    if (said !== undefined && name !== ownName()) gone.hold(name, node)
  }
  const onClaims = (change: NodeChange<Claimed<T>>): void => {
    if (change.kind === 'replace') {
      const before = claims
      claims = change.nodes
      for (const name of gone.held.keys()) if (claims.get(name)?.said !== undefined) gone.release(name)
      for (const [name, claimed] of before ?? []) if (!claims.has(name)) hold(name, claimed)
      options.onOwnClaim(claims.get(ownName())?.own)
      replaceAll(change.rewound)
      return
    }
    const { name } = change
    const before = claims?.get(name)
    if (change.kind === 'put') claims?.set(name, change.node)
    else claims?.delete(name)
    if (name === ownName()) options.onOwnClaim(change.kind === 'put' ? change.node.own : undefined)
    else if (change.kind === 'delete') {
      if (before !== undefined) hold(name, before)
    } else if (change.node.said !== undefined || !gone.held.has(name)) {
      gone.release(name)
      if (own !== undefined) options.onChange({ ...change, node: change.node.node })
    }
    if (change.kind === 'put' && change.node.said === undefined) options.onUnfinished()
  }
  const onOwn = (change: NodeChange<T>): void => {
    const first = own === undefined
    if (change.kind === 'replace') own = change.nodes
    else if (change.kind === 'put') own?.set(change.name, change.node)
    else own?.delete(change.name)
    if (first) replaceAll(false)
    else if (claims !== undefined) tellOwn(change)
  }
  const tellOwn = (change: NodeChange<T>): void => {
    if (change.kind !== 'replace') {
      options.onChange(change)
      return
    }
    const node = change.nodes.get(ownName())
    options.onChange(node === undefined ? { kind: 'delete', name: ownName() } : { kind: 'put', name: ownName(), node })
  }
  const troubleOf =
    (which: 'claims' | 'own') =>
    (because: string | undefined, error?: unknown): void => {
      if (because === undefined) troubles.delete(which)
      else troubles.set(which, [because, error])
      const [first] = troubles.values()
      if (first === undefined) options.onTrouble(undefined)
      else options.onTrouble(...first)
    }

  const all = startNodeStream<Claimed<T>>({
    ...options,
    resource: { path: CLAIMS_PATH, what: 'overlayclaims' },
    ownName: () => '',
    formats: createClaimFormats(keys),
    watch: 'nodes',
    read: (node) => readClaimed(node, ownName(), options.read),
    onChange: onClaims,
    onTrouble: troubleOf('claims'),
  })
  const ours = startNodeStream<T>({
    ...options,
    resource: { ...NODES, only: ownName() },
    watch: 'nodes',
    onChange: onOwn,
    onTrouble: troubleOf('own'),
  })
  return {
    snapshot,
    said: (name) => (name === ownName() ? undefined : claims?.get(name)?.said),
    *names() {
      for (const [name, { said }] of claims ?? []) if (said !== undefined && name !== ownName()) yield name
    },
    get unfinished() {
      for (const [name, { said }] of claims ?? []) if (said === undefined && name !== ownName()) return true
      return false
    },
    get heardAt() {
      return all.heardAt
    },
    // A list of claims is small: it is taken at each start.
    position: () => undefined,
    async close() {
      gone.close()
      await Promise.all([all.close(), ours.close()])
    },
  }
}

/** What is kept of a claim. */
interface Claimed<T> {
  readonly node: T
  readonly said: string | undefined
  /** Of our own alone. */
  readonly own: ClaimFacts | undefined
}

function readClaimed<T>({ claim, ...node }: NodeFacts, ownName: string, read: (node: NodeFacts) => T): Claimed<T> {
  const counts = claim !== undefined && Object.keys(node.annotations).length > 0
  return {
    node: read(node),
    said: counts ? flatText(saidBy(node.uid, claim.spec)) : undefined,
    own: node.name === ownName ? claim : undefined,
  }
}
