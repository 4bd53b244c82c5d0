/** What the mirror does next, from what a Node says and the claim that stands for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { annotationKeys } from '../../lib/leases/annotations.ts'
import type { ClaimedNode } from '../../lib/leases/claims/claim-api.ts'
import { claimObject, familiesOf } from '../../lib/leases/claims/claim-spec.ts'
import type { ClaimStatus } from '../../lib/leases/wire/claim.ts'
import { projectClaim } from '../../lib/leases/wire/claim-facts.ts'
import type { NodeFacts } from '../../lib/leases/wire/node-facts.ts'
import { DIFFERS_MS, planClaim, REMADE_MS } from '../../lib/mirror/plan.ts'
import { flannelNode, PREFIX } from '../leases/support.ts'

const keys = annotationKeys(PREFIX)
const statusOf = ({ uid, creationTimestamp, podCidrs }: NodeFacts): ClaimStatus => ({
  node: { uid, creationTimestamp },
  subnets: podCidrs,
})

function claimOf(node: NodeFacts, writer: 'Node' | 'Mirror' = 'Node', status?: ClaimStatus): ClaimedNode {
  const object = claimObject(node.name, node.uid, { writer, ...familiesOf(node, keys) }) as { metadata: object }
  const claim = projectClaim({ ...object, metadata: { ...object.metadata, uid: 'claim' }, status }, keys)
  assert.ok(claim !== undefined)
  return claim
}

const plan = (node: NodeFacts | undefined, claim: ClaimedNode | undefined): readonly [string, number] | undefined => {
  const found = planClaim(node, claim, keys)
  return found && [found.step.kind, found.patience]
}
const a = flannelNode('a', 1)
const settled = claimOf(a, 'Node', statusOf(a))

test('a Node that takes part and has no claim gets one, marked as mirrored, at once', () => {
  const found = planClaim(a, undefined, keys)
  assert.equal(found?.patience, 0)
  assert.ok(found?.step.kind === 'apply')
  assert.deepEqual(found.step.spec, {
    writer: 'Mirror',
    ipv4: { underlay: '192.168.0.1', lladdr: '02:00:00:00:04:01', vni: 1 },
  })
})

test('a Node that does not take part gets none', () => {
  assert.equal(plan(flannelNode('a', 1, { annotations: {} }), undefined), undefined)
  assert.equal(plan(undefined, undefined), undefined)
})

test('a claim without what a controller assigned gets it at once, whatever its spec says', () => {
  assert.deepEqual(plan(a, claimOf(a)), ['status', 0])
  assert.deepEqual(plan(a, claimOf(flannelNode('a', 2))), ['status', 0])
  assert.equal(plan(flannelNode('a', 1, { podCidrs: [] }), claimOf(a)), undefined)
})

test('where both agree nothing is done, whoever wrote the claim', () => {
  assert.equal(plan(a, settled), undefined)
  assert.equal(plan(a, claimOf(a, 'Mirror', statusOf(a))), undefined)
})

test('annotations that differ from the own claim of a node win after half a minute', () => {
  const moved = { ...a, annotations: { ...a.annotations, [`${PREFIX}/public-ip`]: '192.168.0.9' } }
  assert.deepEqual(plan(moved, settled), ['apply', DIFFERS_MS])
  assert.deepEqual(plan(moved, claimOf(a, 'Mirror', statusOf(a))), ['apply', 0])
  assert.deepEqual(plan({ ...a, annotations: {} }, settled), ['delete', DIFFERS_MS])
})

test('a claim whose lladdr is another one is another object', () => {
  const other = { ...a, annotations: flannelNode('a', 2).annotations }
  assert.deepEqual(plan(other, settled), ['delete', DIFFERS_MS])
  assert.deepEqual(plan(other, claimOf(a, 'Mirror', statusOf(a))), ['delete', 0])
})

test('a claim of a Node that is gone, or was made anew, goes', () => {
  assert.deepEqual(plan(undefined, settled), ['delete', DIFFERS_MS])
  assert.deepEqual(plan({ ...a, uid: 'another' }, settled), ['delete', REMADE_MS])
})

test('a family that cannot be read is left out, as readers of annotations do', () => {
  const annotations = { ...a.annotations, [`${PREFIX}/backend-v6-data`]: 'null', [`${PREFIX}/public-ipv6`]: 'fd00::1' }
  assert.deepEqual(Object.keys(familiesOf({ name: 'a', annotations }, keys) ?? {}), ['ipv4'])
  const broken = { ...a.annotations, [`${PREFIX}/backend-data`]: '{"VNI":1}' }
  assert.equal(familiesOf({ name: 'a', annotations: broken }, keys), undefined)
})

test('a claim counts for nothing until its status is of the Node that owns it', () => {
  assert.deepEqual(claimOf(a).annotations, {})
  assert.deepEqual(settled.annotations, a.annotations)
  assert.deepEqual(settled.podCidrs, a.podCidrs)
  assert.deepEqual(
    claimOf(a, 'Node', { ...statusOf(a), node: { uid: 'older', creationTimestamp: '' } }).annotations,
    {},
  )
})
