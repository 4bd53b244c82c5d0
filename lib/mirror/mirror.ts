/**
 * Starts a whole mirror: it writes what a controller assigned to each Node into the status of the Node's claim, and whole claims
 * for nodes that have only annotations (docs/scale.md). The only file of this room that imports adapters. It needs nothing but
 * the API. Must not: touch the host, or hold rules (plan.ts).
 */

import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import type { KubeTarget } from '../kube-api/kube-http.ts'
import { allKeys, annotationKeys } from '../leases/annotations.ts'
import { applyClaim, type Call, type ClaimedNode, deleteClaim } from '../leases/claims/claim-api.ts'
import { claimObject, statusObject } from '../leases/claims/claim-spec.ts'
import { startNodeStream } from '../leases/follow/node-stream.ts'
import { CLAIMS_PATH } from '../leases/wire/claim.ts'
import { createClaimFormats } from '../leases/wire/claim-formats.ts'
import { createNodeFormats } from '../leases/wire/kube-formats.ts'
import type { NodeFacts } from '../leases/wire/node-facts.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { createStandingLog } from '../util/standing-log.ts'
import { startElection } from './election.ts'
import type { Step } from './plan.ts'
import { createReconciler } from './reconciler.ts'
import { createTargetKeeper } from './target-keeper.ts'

export interface MirrorConfig {
  /** undefined: in-cluster. */
  readonly kubeconfigFile: string | undefined
  /** Overrides the server of the kubeconfig. */
  readonly apiUrl: string | undefined
  readonly annotationPrefix: string
}

export interface Mirror {
  readonly leading: boolean
  /** Resolves when nothing runs any more, and the Lease is free. */
  stop(): Promise<void>
}

type MirrorEvent = 'mirror.nodes' | 'mirror.claims' | 'mirror.lease' | 'mirror.write-failed'

const MANAGER = 'vtepd-mirror'
/** Between tries to follow: there are two mirrors, and every agent waits for one. */
const LONGEST_PAUSE_MS = 3000
/** For giving the Lease back to a server that may be away. */
const LAST_WORDS_MS = 3000

/** Throws ConfigError when the prefix is none; everything else is waited for. */
export function startMirror(config: MirrorConfig, parts: { readonly log: Log; readonly clock: Clock }): Mirror {
  const { log, clock } = parts
  const keys = annotationKeys(config.annotationPrefix)
  const wanted = allKeys(keys)
  const standing = createStandingLog(log, clock)
  const closing = new AbortController()
  /** Of the Lease, which is given back when all else is over. */
  const last = new AbortController()
  const keeper = createTargetKeeper(() => openTarget(config), clock)
  const call = <R>(work: (call: Call) => Promise<R>, signal = closing.signal): Promise<R> =>
    keeper.use((target) => work({ target, clock, signal }))
  const told = (event: MirrorEvent, what: string) => {
    return (because: string | undefined, error?: unknown): void => {
      if (because === undefined) standing.over(event, `${what} again`)
      else standing.stands(event, `cannot ${what}: ${because}`, error === undefined ? undefined : { error })
    }
  }
  let leading = false
  let written = 0

  const reconciler = createReconciler({
    keys,
    clock,
    writes: { perform: (name, step) => call((one) => perform(one, name, step)) },
    onWrote(name, step) {
      written += 1
      log.debug('mirror.wrote', `${step.kind} of the claim of ${name}`)
    },
    onTrouble: told('mirror.write-failed', 'write claims'),
  })
  const perform = async (one: Call, name: string, step: Step): Promise<ClaimedNode | undefined> => {
    if (step.kind === 'delete') {
      await deleteClaim(one, name, step.uid)
      return undefined
    }
    const status = step.kind === 'status'
    const object = status ? statusObject(name, step.status) : claimObject(name, step.uid, step.spec)
    return applyClaim(one, { name, object, manager: MANAGER, endpoint: status ? '/status' : '', keys })
  }
  const following = {
    open: () => openTarget(config),
    ownName: () => '',
    wanted,
    clock,
    log,
    random: Math.random,
    longestPauseMs: LONGEST_PAUSE_MS,
  }
  const nodes = startNodeStream<NodeFacts>({
    ...following,
    formats: createNodeFormats(),
    watch: 'metadata',
    read: (node) => node,
    onChange: (change) => reconciler.node(change),
    onTrouble: told('mirror.nodes', 'follow Nodes'),
  })
  const claims = startNodeStream<ClaimedNode | undefined>({
    ...following,
    resource: { path: CLAIMS_PATH, what: 'overlayclaims' },
    formats: createClaimFormats(keys),
    watch: 'nodes',
    read: ({ claim, ...node }) => (claim === undefined ? undefined : { ...node, claim }),
    onChange: (change) => reconciler.claim(change),
    onTrouble: told('mirror.claims', 'follow claims'),
  })
  const election = startElection({
    identity: `${process.env.POD_NAME || hostname()}_${randomBytes(4).toString('hex')}`,
    clock,
    today: () => new Date(),
    random: Math.random,
    call: (work) => call(work, last.signal),
    ready: () => reconciler.listed,
    inStep: () => reconciler.inStep,
    onLeading(now, holder) {
      leading = now
      if (now) log.info('mirror.leads', 'this mirror writes the claims')
      else
        log.info('mirror.follows', `another mirror writes the claims${holder === '' ? '' : `: ${holder}`}`, { written })
      reconciler.setLeading(now)
    },
    onTrouble: told('mirror.lease', 'hold or read the Lease kube-system/vtepd-mirror'),
  })

  return {
    get leading() {
      return leading
    },
    async stop() {
      closing.abort(new Error('closed'))
      await Promise.all([nodes.close(), claims.close(), reconciler.close()])
      const late = clock.after(LAST_WORDS_MS, () => last.abort(new Error('closed')))
      await election.close()
      late.cancel()
      keeper.close()
      standing.stop()
    },
  }
}

async function openTarget({ kubeconfigFile, apiUrl }: MirrorConfig): Promise<KubeTarget> {
  const { openKubeTarget } = await import('../kube-api/kube-config.ts')
  return openKubeTarget({ kubeconfigFile, apiUrl })
}
