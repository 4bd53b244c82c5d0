/**
 * The lease source that follows the cluster's Nodes, and publishes on our own. Owns the claims as last told; while the
 * API server is away they stay, and nothing is deleted. Must not: speak HTTP (node-stream.ts, kube-http.ts) or know the
 * annotations' format (annotations.ts).
 */

import type { Network } from '../cluster/network.ts'
import type { OwnVtep } from '../cluster/view.ts'
import { KubeError } from '../errors.ts'
import type { Family, Ip } from '../net/ip.ts'
import type { Clock } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { inSlices } from '../util/slices.ts'
import { createStandingLog } from '../util/standing-log.ts'
import { allKeys, annotationKeys } from './annotations.ts'
import { type Call, hasClaims } from './claims/claim-api.ts'
import { familiesOf } from './claims/claim-spec.ts'
import { createClaimWriter } from './claims/claim-writer.ts'
import { type ClaimsMode, followLeases } from './claims/follow-leases.ts'
import { type NodeStream, type NodeStreamOptions, startNodeStream } from './follow/node-stream.ts'
import type { KeptPosition, WatchMode } from './follow/node-stream-parts.ts'
import { createKubeDoor, type KubeDoorConfig } from './kube/kube-door.ts'
import { createKubePublisher } from './kube/kube-publish.ts'
import { createKubeTable, type KnownNode } from './kube/kube-table.ts'
import { createNodeEvents, type NodeEvents } from './kube/node-events.ts'
import type { NodePatch } from './kube/publish-patch.ts'
import { createViewCache } from './kube/view-cache.ts'
import type { RememberedClaim, RememberedView } from './kube/view-file.ts'
import { reportOwnWaits } from './own-waits.ts'
import type { LeaseSource } from './source.ts'
import { createNodeFormats } from './wire/kube-formats.ts'
import type { NodeFacts } from './wire/node-facts.ts'

export interface KubeSourceConfig extends KubeDoorConfig {
  /** As given, e.g. flannel.alpha.coreos.com. */
  readonly annotationPrefix: string
  readonly setNodeNetworkUnavailable: boolean
  /** Goes before the annotation public-ip(v6)-overwrite of our own Node. */
  readonly publishInstead?: Readonly<Partial<Record<Family, Ip>>>
  /** What the stream brings after a list. Default: whole Nodes. */
  readonly watch?: WatchMode
  /** Small objects that stand for Nodes; undefined: they are neither followed nor written. */
  readonly claims?: ClaimsMode
}

export interface KubeSourceOptions {
  readonly config: KubeSourceConfig
  readonly network: Network
  readonly log: Log
  readonly clock: Clock
  /** Where the last synced view is kept for a start without the API server; undefined: nowhere. */
  readonly stateDir?: string
  /** Told what would be written on our own Node; then nothing is written, there or anywhere. */
  readonly rehearse?: (patch: NodePatch) => void
  /** In [0, 1); for a test to be repeatable. */
  readonly random?: () => number
}

export interface KubeSource extends LeaseSource {
  /** Why the view may be old: the API server does not answer; undefined: it is kept up to date. */
  readonly stale: string | undefined
  /** On our own Node. */
  readonly events: NodeEvents
  /** Milliseconds since the API server last said anything, and since the view was last kept up to date (0: it is). */
  readonly ages: { readonly heardMs: number; readonly completeMs: number }
  /** How often the view could not be written to `stateDir`. */
  readonly cacheFailures: number
  /** Nodes that take no part, as far as they were told since the start. */
  silent(): readonly string[]
}

/** What Nodes' claims say of their podCIDRs. */
function* specsOf(claims: Iterable<RememberedClaim>): Generator<Pick<NodeFacts, 'name' | 'uid' | 'podCidrs'>> {
  for (const { claim } of claims)
    if (claim?.uid !== undefined)
      yield {
        name: claim.node,
        uid: claim.uid,
        podCidrs: [claim.ipv4, claim.ipv6].flatMap((part) => part?.subnet ?? []),
      }
}

/** Throws ConfigError when the annotation prefix is none; everything else is waited for. */
export function createKubeSource(options: KubeSourceOptions): KubeSource {
  const { config, network, clock, log } = options
  const keys = annotationKeys(config.annotationPrefix)
  const wanted = allKeys(keys)
  const standing = createStandingLog(log, clock)
  const today = (): Date => new Date()
  const door = createKubeDoor({ config, clock, today, log, wanted })
  const table = createKubeTable({
    keys,
    network,
    publishInstead: config.publishInstead ?? {},
    nodeName: () => door.nodeName,
    clock,
    onChange: () => announcing.mark(),
    onKept: (count) =>
      log.warn(
        'leases.kept',
        `the API server's data was lost or restored: nodes that it lacks are kept for ten minutes (${count})`,
        { nodes: count },
      ),
  })
  const givenName = JSON.stringify(config.node)
  const { backend } = network
  // A claim says an lladdr, which host-gw has none of.
  const claims = backend.type === 'vxlan' ? config.claims : undefined
  const { rehearse } = options
  const [carries, carried] = backend.type === 'vxlan' ? [backend.vni, `flannel.${backend.vni}`] : ['host-gw', 'host-gw']
  const cache =
    options.stateDir === undefined
      ? undefined
      : createViewCache({
          stateDir: options.stateDir,
          name: carried,
          binding: JSON.stringify([network.ipv4, network.ipv6, carries, config.annotationPrefix]),
          view() {
            const known = table.remember()
            return known && { ...known, givenName, position: stream?.position() }
          },
          log,
          standing,
          clock,
        })
  const { setNodeNetworkUnavailable: setCondition } = config
  const publisher = createKubePublisher({
    door:
      rehearse === undefined
        ? door
        : {
            readOwnNode: door.readOwnNode,
            patchOwnStatus: (patch) => {
              rehearse(patch)
              return door.readOwnNode()
            },
          },
    table,
    setCondition,
    clock,
    today,
    log,
    again: () => onChange?.(),
  })
  const closing = new AbortController()
  const call = async <R>(work: (call: Call) => Promise<R>): Promise<R> => {
    const target = await door.open(closing.signal)
    try {
      return await work({ target, clock, signal: closing.signal })
    } finally {
      target.close()
    }
  }
  const claimWriter =
    claims === undefined || rehearse !== undefined
      ? undefined
      : createClaimWriter({
          call,
          exists: () => call(hasClaims),
          keys,
          clock,
          log,
          standing,
          insist: claims === 'objects',
        })
  /** Our claim says what our annotations say. */
  const claim = (own: OwnVtep): void => {
    const node = table.ownFacts
    if (claimWriter === undefined || node === undefined) return
    const { wanted: annotations } = table.planPublish(node, own, false, new Date())
    const families = familiesOf({ name: node.name, annotations }, keys)
    if (families !== undefined) claimWriter.want(node.name, node.uid, families)
  }
  let stale: string | undefined = 'the Nodes have not been listed yet'
  const startedAt = clock.now()
  let completeAt = startedAt
  let stream: NodeStream | undefined
  let onChange: (() => void) | undefined

  /** Many events of one chunk are one call, after the stream's reader has come to rest. */
  const announcing = createDirtyLoop(
    async () => {
      await inSlices(table.settle(), () => clock.turn())
      if (onChange === undefined) return
      reportOwnWaits(standing, table.view(), network, {
        missing: table.lacksOwn,
        lacking: (families) =>
          `Node ${door.nodeName} has no ${families} podCIDR: the controller manager gives it (--allocate-node-cidrs), where the cluster's CIDRs have that family`,
      })
      onChange()
      if (table.complete) cache?.mark()
    },
    (error) => log.error('agent.bug', `leases: ${String(error)}`, { error }),
  )
  const waitingFor = (because: string): string => {
    const known = table.complete ? 'what is known stays in force, new nodes are not reached: ' : ''
    return `waiting for the API server: ${known}${because}`
  }
  let known: RememberedView | undefined
  /** Does not hold up the connection: who comes first, comes first. */
  const recall = async (): Promise<void> => {
    known = await cache?.load()
    if (known === undefined || onChange === undefined || known.givenName !== givenName) return
    door.rememberNodeName(known.own.name)
    table.recall(known)
  }
  /** The API server has told our node's name. */
  const keptPosition = (): KeptPosition | undefined => {
    if (known?.position === undefined || known.own.name !== door.nodeName) return undefined
    const claims = [...known.claims]
    return { ...known.position, ownUid: known.own.uid, count: claims.length + 1, specs: specsOf(claims) }
  }

  return {
    kind: 'kube',
    events: createNodeEvents({ door, own: () => table.ownFacts }),
    view: () => table.view(),
    get stale() {
      return stale
    },
    get ages() {
      const now = clock.now()
      const heardMs = now - (stream?.heardAt ?? startedAt)
      return { heardMs, completeMs: stale === undefined ? 0 : now - completeAt }
    },
    get cacheFailures() {
      return cache?.failures ?? 0
    },
    silent: () => table.silent(),
    start(listener) {
      onChange = listener
      const recalled = recall()
      const following: NodeStreamOptions<KnownNode> = {
        open: (signal) => door.open(signal),
        ownName: () => door.nodeName ?? '',
        formats: createNodeFormats(),
        wanted,
        watch: config.watch ?? 'nodes',
        async kept() {
          await recalled
          const kept = keptPosition()
          if (kept === undefined) known = undefined
          return kept
        },
        onResumed(confirmed) {
          if (confirmed) table.confirmed()
          else if (known !== undefined) table.resume(known)
          known = undefined
        },
        clock,
        log,
        random: options.random ?? Math.random,
        read: (node) => table.read(node),
        onChange(change) {
          if (change.kind === 'replace') known = undefined
          table.apply(change)
        },
        onTrouble(because, error) {
          if (stale === undefined && because !== undefined) completeAt = clock.now()
          stale = because
          if (because === undefined) standing.over('leases.kube', 'the API server answers again')
          else standing.stands('leases.kube', waitingFor(because), error === undefined ? undefined : { error })
          table.setTrouble(because)
        },
      }
      stream =
        claims === undefined
          ? startNodeStream(following)
          : followLeases({
              ...following,
              claims,
              keys,
              call,
              today,
              standing,
              onOwnClaim: (told) => claimWriter?.told(told),
            })
    },
    async publish(own) {
      const published = await publisher.publish(own)
      if (published === 'accepted') claim(own)
      return published
    },
    async close() {
      onChange = undefined
      // The next run goes on from here.
      if (table.complete) cache?.mark()
      await announcing.stop()
      publisher.close()
      claimWriter?.close()
      closing.abort(new Error('closed'))
      door.close(new KubeError({ request: 'the lease source', status: 0, reason: 'closed' }))
      await stream?.close()
      table.close()
      await cache?.close()
      standing.stop()
    },
  }
}
