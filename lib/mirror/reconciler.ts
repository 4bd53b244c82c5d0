/**
 * Keeps every claim as its Node says, one write a node at a time, some nodes side by side. Owns what was told of both, and when a
 * difference has lasted long enough. Must not: decide what is to be done (plan.ts), or whether we are the one who does it
 * (election.ts).
 */
import { KubeError } from '../errors.ts'
import type { AnnotationKeys } from '../leases/annotations.ts'
import type { ClaimedNode } from '../leases/claims/claim-api.ts'
import type { NodeChange } from '../leases/follow/node-stream-parts.ts'
import type { NodeFacts } from '../leases/wire/node-facts.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { messageOf } from '../util/message-of.ts'
import { planClaim, type Step } from './plan.ts'

const SIDE_BY_SIDE = 8
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000
/** Work that waits for less than this is no reason to say that we are behind. */
const BEHIND_MS = 10_000

export interface ClaimWrites {
  /** The claim as it is then; undefined after a deletion. Rejects with KubeError. */
  perform(name: string, step: Step): Promise<ClaimedNode | undefined>
}

export interface Reconciler {
  node(change: NodeChange<NodeFacts>): void
  claim(change: NodeChange<ClaimedNode | undefined>): void
  /** Only while it is true anything is written. */
  setLeading(leading: boolean): void
  /** Both are known whole. */
  readonly listed: boolean
  /** Every Node that takes part has its claim, but for what has just changed. */
  readonly inStep: boolean
  /** Resolves when nothing is under way. */
  close(): Promise<void>
}

export interface ReconcilerOptions {
  readonly keys: AnnotationKeys
  readonly writes: ClaimWrites
  readonly clock: Clock
  readonly onWrote: (name: string, step: Step) => void
  /** undefined: every write works. */
  readonly onTrouble: (because: string | undefined, error?: unknown) => void
}

/** A step that is waited for, or tried again. */
interface Waiting {
  /** Of the plan: another one begins anew. */
  readonly text: string
  readonly since: number
  failures: number
  timer: Timer | undefined
}

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { keys, clock, writes } = options
  let nodes: Map<string, NodeFacts> | undefined
  let claims: Map<string, ClaimedNode> | undefined
  let leading = false
  let closed = false
  let behindSince: number | undefined
  /** Since we lead there was a moment at which nothing was to be done. */
  let settled = false
  const dirty = new Set<string>()
  const active = new Map<string, Promise<void>>()
  const waiting = new Map<string, Waiting>()
  /** Whose last write failed. */
  const failing = new Set<string>()

  const forget = (name: string): void => {
    waiting.get(name)?.timer?.cancel()
    waiting.delete(name)
    failing.delete(name)
  }
  const nothingDue = (all: Map<string, NodeFacts>, claimed: Map<string, ClaimedNode>): boolean => {
    for (const name of new Set([...all.keys(), ...claimed.keys()]))
      if (planClaim(all.get(name), claimed.get(name), keys)?.patience === 0) return false
    return true
  }
  const mark = (name: string): void => {
    dirty.add(name)
    pump()
  }
  const markAll = (): void => {
    for (const name of [...(nodes?.keys() ?? []), ...(claims?.keys() ?? [])]) dirty.add(name)
    pump()
  }
  const noteBehind = (): void => {
    const behind = dirty.size + active.size + failing.size > 0
    if (!behind && leading && claims !== undefined && nodes !== undefined) settled = true
    behindSince = behind ? (behindSince ?? clock.now()) : undefined
  }
  const pump = (): void => {
    if (leading && !closed && nodes !== undefined && claims !== undefined)
      for (const name of dirty) {
        if (active.size >= SIDE_BY_SIDE) break
        // Looked at again when its write is over.
        if (active.has(name)) continue
        dirty.delete(name)
        look(name)
      }
    noteBehind()
  }
  const look = (name: string): void => {
    const plan = planClaim(nodes?.get(name), claims?.get(name), keys)
    const text = plan === undefined ? '' : JSON.stringify(plan)
    const known = waiting.get(name)
    if (known?.text !== text) forget(name)
    if (plan === undefined) return
    const entry = known?.text === text ? known : { text, since: clock.now(), failures: 0, timer: undefined }
    waiting.set(name, entry)
    const left = plan.patience - (clock.now() - entry.since)
    if (entry.timer !== undefined) return
    if (left > 0) wait(name, entry, left)
    else start(name, plan.step, entry)
  }
  const wait = (name: string, entry: Waiting, ms: number): void => {
    entry.timer = clock.after(ms, () => {
      entry.timer = undefined
      mark(name)
    })
  }
  const start = (name: string, step: Step, entry: Waiting): void => {
    const write = perform(name, step, entry).finally(() => {
      active.delete(name)
      pump()
    })
    active.set(name, write)
  }
  const perform = async (name: string, step: Step, entry: Waiting): Promise<void> => {
    try {
      const claim = await writes.perform(name, step)
      forget(name)
      if (claim === undefined) claims?.delete(name)
      else claims?.set(name, claim)
      options.onWrote(name, step)
      if (failing.size === 0) options.onTrouble(undefined)
      dirty.add(name)
    } catch (error) {
      entry.failures += 1
      failing.add(name)
      wait(name, entry, Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (entry.failures - 1)))
      // Somebody was faster: the streams are about to say so.
      if (!(error instanceof KubeError && error.status === 409))
        options.onTrouble(`the claim of ${name}: ${messageOf(error)}`, error)
    }
  }
  /** What we were answered is ahead of what the stream tells. */
  const putClaim = (name: string, claim: ClaimedNode | undefined): void => {
    const known = claims?.get(name)
    if (claim === undefined || (known?.claim.uid === claim.claim.uid && isBehind(claim, known))) return
    claims?.set(name, claim)
  }

  return {
    node(change) {
      if (change.kind === 'replace') {
        nodes = change.nodes
        markAll()
        return
      }
      if (change.kind === 'put') nodes?.set(change.name, change.node)
      else nodes?.delete(change.name)
      mark(change.name)
    },
    claim(change) {
      if (change.kind === 'replace') {
        claims = new Map([...change.nodes].flatMap(([name, claim]) => (claim === undefined ? [] : [[name, claim]])))
        markAll()
        return
      }
      if (change.kind === 'put') putClaim(change.name, change.node)
      else claims?.delete(change.name)
      mark(change.name)
    },
    setLeading(now) {
      if (now === leading) return
      leading = now
      if (leading) {
        markAll()
        return
      }
      for (const name of [...waiting.keys()]) forget(name)
      settled = false
      noteBehind()
    },
    get listed() {
      return nodes !== undefined && claims !== undefined
    },
    get inStep() {
      if (nodes === undefined || claims === undefined) return false
      if (!leading) settled = nothingDue(nodes, claims)
      return settled && (behindSince === undefined || clock.now() - behindSince < BEHIND_MS)
    },
    async close() {
      closed = true
      for (const name of [...waiting.keys()]) forget(name)
      await Promise.all(active.values())
    },
  }
}

function isBehind(a: ClaimedNode, b: ClaimedNode): boolean {
  const [x, y] = [a.claim.version, b.claim.version]
  return x.length === y.length ? x < y : x.length < y.length
}
