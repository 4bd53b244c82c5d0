/** Requests about claims: server-side apply, forced, and deletion. Must not: retry, or decide what is written. */
import { KubeError } from '../../errors.ts'
import { fetchAnswer, type KubeRequest, type KubeTarget } from '../../kube-api/kube-http.ts'
import type { Clock } from '../../util/clock.ts'
import type { AnnotationKeys } from '../annotations.ts'
import { CLAIM_API, CLAIMS_PATH, type ClaimFacts } from '../wire/claim.ts'
import { projectClaim } from '../wire/claim-facts.ts'
import type { NodeFacts } from '../wire/node-facts.ts'

export interface Call {
  readonly target: KubeTarget
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** What a claim's Node would say, and the claim itself. */
export type ClaimedNode = NodeFacts & { readonly claim: ClaimFacts }

/** One question with an answer in JSON. Rejects with KubeError. */
export async function askJson(call: Call, request: KubeRequest): Promise<unknown> {
  const { body } = await fetchAnswer({ ...call, request })
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new KubeError({ request: request.what, status: 0, reason: 'the answer is not JSON' }, { cause })
  }
}

/** Applies `object`, or its status alone; the claim as it is then. Rejects with KubeError. */
export async function applyClaim(
  call: Call,
  apply: {
    readonly name: string
    readonly object: object
    readonly manager: string
    readonly endpoint: '' | '/status'
    readonly keys: AnnotationKeys
  },
): Promise<ClaimedNode> {
  const { name, object, manager, endpoint } = apply
  const query = new URLSearchParams({ fieldManager: manager, force: 'true' })
  const what = `apply overlayclaim ${name}${endpoint}`
  const answer = await askJson(call, {
    method: 'PATCH',
    path: `${CLAIMS_PATH}/${encodeURIComponent(name)}${endpoint}?${query}`,
    // JSON is YAML.
    body: { type: 'application/apply-patch+yaml', text: JSON.stringify(object) },
    what,
  })
  const claim = projectClaim(answer, apply.keys)
  if (claim === undefined) throw new KubeError({ request: what, status: 0, reason: 'the answer is no OverlayClaim' })
  return claim
}

/** `uid`: of the claim; another object of that name stays. What is gone already is no failure. */
export async function deleteClaim(call: Call, name: string, uid: string): Promise<void> {
  try {
    await askJson(call, {
      method: 'DELETE',
      path: `${CLAIMS_PATH}/${encodeURIComponent(name)}`,
      body: { type: 'application/json', text: JSON.stringify({ preconditions: { uid } }) },
      what: `delete overlayclaim ${name}`,
    })
  } catch (error) {
    if (!(error instanceof KubeError && error.status === 404)) throw error
  }
}

/** Whether the server has claims, by its discovery, which whoever has an identity may read. Rejects with KubeError. */
export async function hasClaims(call: Call): Promise<boolean> {
  try {
    await askJson(call, { method: 'GET', path: `/apis/${CLAIM_API}`, what: `discover ${CLAIM_API}` })
    return true
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return false
    throw error
  }
}
