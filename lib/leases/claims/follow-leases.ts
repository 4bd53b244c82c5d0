/**
 * What an agent follows: Nodes, or the claims that stand for them while the mirror keeps those. Owns the change from one to the
 * other, in which nothing is lost: what was followed counts until the other is listed, and claims only once every Node is
 * claimed. Must not: interpret Nodes, or retry a stream (node-stream.ts).
 */
import { KubeError } from '../../errors.ts'
import { createBackoff } from '../../util/backoff.ts'
import type { Timer } from '../../util/clock.ts'
import { messageOf } from '../../util/message-of.ts'
import { pause } from '../../util/pause.ts'
import type { StandingLog } from '../../util/standing-log.ts'
import type { AnnotationKeys } from '../annotations.ts'
import { type NodeStream, type NodeStreamOptions, startNodeStream } from '../follow/node-stream.ts'
import type { NodeChange } from '../follow/node-stream-parts.ts'
import type { ClaimFacts } from '../wire/claim.ts'
import type { Call } from './claim-api.ts'
import { findUnclaimed, getMetadata } from './claims-check.ts'
import { type ClaimsStream, startClaimsStream } from './claims-stream.ts'
import { createMirrorWatch, type MirrorState } from './mirror-watch.ts'

/** `auto`: claims where the mirror lives; `objects`: from the start on, and waited for. */
export type ClaimsMode = 'auto' | 'objects'

/** Each jittered down by up to a quarter, so that a cluster's agents do not come together. Milliseconds, as below. */
const CHECK_EVERY_MS = 21_600_000
const CHECK_SILENT_MS = 600_000
/**
 * Agents that see at the same moment that the mirror is silent, or lives, spread what they do about it: so much a node, as each
 * of them lists as many.
 */
const SPREAD_MS = 60
const LEAST_SPREAD_MS = 5000
/** After claims could not be followed they are tried again. */
const RETRY_MS = 300_000

export interface FollowOptions<T> extends Omit<NodeStreamOptions<T>, 'resource'> {
  readonly claims: ClaimsMode
  readonly keys: AnnotationKeys
  readonly call: <R>(work: (call: Call) => Promise<R>) => Promise<R>
  readonly today: () => Date
  readonly standing: StandingLog
  readonly onOwnClaim: (claim: ClaimFacts | undefined) => void
}

interface Following<T> {
  readonly kind: 'nodes' | 'claims'
  readonly stream: NodeStream
  readonly claims: ClaimsStream<T> | undefined
}

/** Starts at once; tells a `replace` first, and one at each change of what is followed. */
export function followLeases<T>(options: FollowOptions<T>): NodeStream {
  const { clock, log, random, standing } = options
  const stop = new AbortController()
  const ending = new Set<Promise<void>>()
  const startedAt = clock.now()
  let active: Following<T> | undefined
  /** Being listed, to take the place of `active`. */
  let next: Following<T> | undefined
  let timer: Timer | undefined
  /** Of the last list. */
  let size = 0
  let checking = false
  /** Something is about to be done about what the mirror does, or does not. */
  let spreading = false

  const mirror = createMirrorWatch({
    ...options,
    insist: options.claims === 'objects',
    onState: (state) => onMirror(state),
  })
  const isOver = (): boolean => stop.signal.aborted

  const begin = (kind: Following<T>['kind']): void => {
    if (isOver() || next?.kind === kind || (next === undefined && active?.kind === kind)) return
    if (next !== undefined) end(next)
    const onChange = (change: NodeChange<T>): void => {
      if (active === following) options.onChange(change)
      else if (next === following && change.kind === 'replace') listed(following, change)
    }
    const onTrouble = (because: string | undefined, error?: unknown): void => {
      if (active === following || active === undefined) options.onTrouble(because, error)
      if (because !== undefined && kind === 'claims' && isMissing(error)) noClaims(following, because)
    }
    const { kept: _, ...plain } = options
    const claims =
      kind === 'nodes'
        ? undefined
        : startClaimsStream<T>({
            ...plain,
            onChange,
            onTrouble,
            exists: async (name) => (await options.call((one) => getMetadata(one, name, options.wanted))) !== undefined,
            onLost: () => lost(following),
            onUnfinished: () => onUnfinished(),
          })
    // Only who follows nothing yet may go on where the last run stopped: that tells no whole set.
    const kept = active === undefined ? options.kept : undefined
    const onResumed = (confirmed: boolean): void => {
      options.onResumed?.(confirmed)
      if (next === following) follow(following)
    }
    const resumable = kept === undefined ? plain : { ...plain, kept, onResumed }
    const stream = claims ?? startNodeStream<T>({ ...resumable, onChange, onTrouble })
    const following: Following<T> = { kind, stream, claims }
    next = following
  }
  const end = ({ stream }: Following<T>): void => {
    const closing = stream.close().finally(() => ending.delete(closing))
    ending.add(closing)
  }
  const listed = (following: Following<T>, change: NodeChange<T> & { kind: 'replace' }): void => {
    const trusted = active === undefined && mirror.state === 'alive'
    if (following.claims === undefined || trusted) takeOver(following, change)
    else void check(following)
  }
  const takeOver = (following: Following<T>, change: NodeChange<T> & { kind: 'replace' }): void => {
    size = change.nodes.size
    follow(following)
    options.onChange(change)
  }
  const follow = (following: Following<T>): void => {
    if (active !== undefined) end(active)
    active = following
    next = undefined
    log.info('leases.following', following.kind === 'claims' ? 'following claims' : 'following Nodes')
    options.onTrouble(undefined)
    plan()
  }
  /** When what is followed is looked at next. */
  const plan = (): void => {
    if (spreading) return
    timer?.cancel()
    timer = undefined
    const spread = (ms: number): number => ms * (1 - random() / 4)
    if (active?.kind === 'claims')
      timer = clock.after(spread(mirror.state === 'alive' ? CHECK_EVERY_MS : CHECK_SILENT_MS), () => void check(active))
    else if (active?.kind === 'nodes' && mirror.state === 'alive')
      timer = clock.after(spread(RETRY_MS), () => begin('claims'))
  }
  /** Claims that are followed, or about to be. */
  const check = async (following: Following<T> | undefined): Promise<void> => {
    if (following?.claims === undefined || checking) return
    checking = true
    const { claims } = following
    const { version } = mirror
    let unclaimed: readonly string[] | undefined
    try {
      unclaimed = await findUnclaimed({
        ...options,
        claims,
        version,
        ownName: options.ownName(),
        patient: active !== undefined,
        signal: stop.signal,
      })
    } catch (error) {
      if (!isOver()) log.debug('leases.claims-check', `cannot compare claims with Nodes: ${messageOf(error)}`)
    }
    checking = false
    if (isOver()) return
    if (following !== active && following !== next) {
      // What is listed meanwhile has waited for this.
      if (next?.claims?.snapshot() !== undefined) void check(next)
      return
    }
    if (unclaimed !== undefined && unclaimed.length > 0) return distrust(following, unclaimed)
    const nodes = claims.snapshot()
    if (following === next && unclaimed !== undefined && nodes !== undefined)
      return takeOver(following, { kind: 'replace', nodes, rewound: false })
    if (following === next) drop(following)
    if (active === undefined) begin('nodes')
    plan()
  }
  const distrust = (following: Following<T>, names: readonly string[]): void => {
    const some = names.slice(0, 3).join(', ')
    log.warn(
      'leases.unclaimed',
      `following Nodes: ${names.length} of them are not claimed as their annotations say (${some})`,
      { nodes: names.length },
    )
    if (following === active || active === undefined) begin('nodes')
    else drop(following)
    plan()
  }
  const lost = (following: Following<T>): void => {
    if (following !== active || next !== undefined) return
    log.warn('leases.unclaimed', 'following Nodes: claims are gone whose Nodes are not, or very many of them')
    begin('nodes')
  }
  const drop = (following: Following<T>): void => {
    end(following)
    next = undefined
  }
  const noClaims = (following: Following<T>, because: string): void => {
    if (options.claims === 'objects' || isOver()) return
    log.warn('leases.no-claims', `following Nodes: ${because}`)
    if (following === active || active === undefined) begin('nodes')
    else drop(following)
    plan()
  }
  /** While nobody completes claims, a node that joins is seen as a Node alone. */
  const onUnfinished = (): void => {
    if (mirror.state === 'alive' || active?.kind !== 'claims') return
    later(() => {
      const look = mirror.look().catch(() => undefined)
      void look.then((state) => {
        if (state !== 'alive' && active?.claims?.unfinished === true) begin('nodes')
        plan()
      })
    })
  }
  const later = (work: () => void): void => {
    if (spreading) return
    spreading = true
    timer?.cancel()
    timer = clock.after(random() * Math.max(LEAST_SPREAD_MS, size * SPREAD_MS), () => {
      spreading = false
      work()
    })
  }
  const onMirror = (state: MirrorState): void => {
    if (state === 'silent')
      standing.stands('leases.mirror-silent', 'the mirror is silent: nobody renews the Lease kube-system/vtepd-mirror')
    else standing.over('leases.mirror-silent', 'the mirror is there again')
    if (active === undefined) return
    if (active.kind === 'nodes' && state === 'alive') later(() => begin('claims'))
    else if (active.kind === 'claims' && state !== 'alive') later(() => void check(active))
    else plan()
  }
  const start = async (): Promise<void> => {
    const backoff = createBackoff({ firstMs: 500, maxMs: 30_000, random })
    while (!isOver())
      try {
        const state = await mirror.start()
        begin(state === 'alive' || options.claims === 'objects' ? 'claims' : 'nodes')
        return
      } catch (error) {
        if (isOver()) return
        options.onTrouble(messageOf(error), error)
        await pause(clock, backoff.next(), stop.signal)
      }
  }
  const starting = start()

  return {
    get heardAt() {
      return (active ?? next)?.stream.heardAt ?? startedAt
    },
    position: () => active?.stream.position(),
    async close() {
      stop.abort(new Error('closed'))
      timer?.cancel()
      mirror.close()
      await starting
      for (const following of [active, next]) if (following !== undefined) end(following)
      await Promise.all(ending)
    },
  }
}

/** The server has no claims, or does not show them to us. */
function isMissing(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 404 || error.status === 403)
}
