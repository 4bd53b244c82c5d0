/**
 * The Lease of the mirror: by it two mirrors agree who works, and agents see that one lives and has written every claim.
 * Owns its name and texts. Must not: decide who holds it (lib/mirror/election.ts), or what its silence means (mirror-watch.ts).
 */
import { KubeError } from '../../errors.ts'
import { member } from '../../util/go-json.ts'
import { resourceVersionOf } from '../wire/node-facts.ts'
import { askJson, type Call } from './claim-api.ts'

const NAME = 'vtepd-mirror'
const NAMESPACE = 'kube-system'
const COLLECTION = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases`
/** `true`: every Node that takes part has its claim. */
const IN_STEP = 'vtepd.dev/in-step'

export interface MirrorLease {
  /** '': nobody. */
  readonly holder: string
  /** As its holder's clock said; compared with itself only, but for the first look. */
  readonly renewTime: string
  readonly durationMs: number
  readonly transitions: number
  readonly inStep: boolean
  readonly version: string
}

/** What a holder writes. Times are RFC 3339. */
export interface LeaseWords {
  readonly holder: string
  readonly durationMs: number
  readonly now: Date
  readonly inStep: boolean
  /** Another one held it until now: so often it has changed hands. */
  readonly takenOver?: number
}

/** undefined: there is none. `cached`: as the API server's memory has it, which costs etcd nothing. Rejects with KubeError. */
export async function readMirrorLease(call: Call, cached: boolean): Promise<MirrorLease | undefined> {
  const query = cached ? '?resourceVersion=0' : ''
  try {
    const path = `${COLLECTION}/${NAME}${query}`
    return leaseOf(await askJson(call, { method: 'GET', path, what: `get lease ${NAMESPACE}/${NAME}` }))
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return undefined
    throw error
  }
}

/** Rejects with KubeError, 409 where somebody was faster. */
export async function createMirrorLease(call: Call, words: LeaseWords): Promise<MirrorLease> {
  const { metadata, spec } = render({ ...words, takenOver: words.takenOver ?? 0 })
  const object = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: NAME, ...metadata }, spec }
  const body = { type: 'application/json', text: JSON.stringify(object) }
  return leaseOf(
    await askJson(call, { method: 'POST', path: COLLECTION, body, what: `create lease ${NAMESPACE}/${NAME}` }),
  )
}

/** Writes over `version` alone. Rejects with KubeError, 409 where somebody was faster. */
export async function writeMirrorLease(call: Call, version: string, words: LeaseWords): Promise<MirrorLease> {
  const { metadata, spec } = render(words)
  const patch = { metadata: { resourceVersion: version, ...metadata }, spec }
  const body = { type: 'application/merge-patch+json', text: JSON.stringify(patch) }
  const path = `${COLLECTION}/${NAME}`
  return leaseOf(await askJson(call, { method: 'PATCH', path, body, what: `patch lease ${NAMESPACE}/${NAME}` }))
}

function render({ holder, durationMs, now, inStep, takenOver }: LeaseWords) {
  // metav1.MicroTime: six digits of a second.
  const time = now.toISOString().replace(/Z$/, '000Z')
  return {
    metadata: { annotations: { [IN_STEP]: String(inStep) } },
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: Math.max(1, Math.round(durationMs / 1000)),
      renewTime: time,
      ...(takenOver === undefined ? {} : { acquireTime: time, leaseTransitions: takenOver }),
    },
  }
}

function leaseOf(object: unknown): MirrorLease {
  const spec = member(object, 'spec')
  const text = (key: string): string => {
    const value = member(spec, key)
    return typeof value === 'string' ? value : ''
  }
  const number = (key: string): number => {
    const value = member(spec, key)
    return typeof value === 'number' ? value : 0
  }
  return {
    holder: text('holderIdentity'),
    renewTime: text('renewTime'),
    durationMs: number('leaseDurationSeconds') * 1000,
    transitions: number('leaseTransitions'),
    inStep: member(member(member(object, 'metadata'), 'annotations'), IN_STEP) === 'true',
    version: resourceVersionOf(object) ?? '',
  }
}
