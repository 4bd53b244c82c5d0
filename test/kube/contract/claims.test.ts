/** Contract of both API servers: OverlayClaims as a custom resource, server-side apply, their watch, and a Lease. */
import assert from 'node:assert/strict'
import { before, beforeEach, test } from 'node:test'
import { APPLY, applyPath, CLAIMS, claim, installClaims, statusOf } from './claims-client.ts'
import { type Body, refusal } from './client.ts'
import { onBothServers } from './servers.ts'

const MERGE = 'application/merge-patch+json'
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'

interface Claim extends Omit<Body, 'metadata' | 'spec' | 'status'> {
  readonly metadata: Body['metadata'] & {
    readonly generation?: number
    readonly ownerReferences?: readonly { uid: string }[]
    readonly managedFields?: readonly { manager: string; operation: string; subresource?: string }[]
  }
  readonly spec: { readonly writer: string; readonly ipv4?: Record<string, unknown>; readonly ipv6?: object }
  readonly status?: { readonly subnets: readonly string[] }
}

onBothServers((contract) => {
  const { must } = contract
  before(() => installClaims(contract, ['CustomResourceDefinition']))
  beforeEach(async () => {
    const { items } = (await must('GET', CLAIMS)) as Body
    for (const { metadata } of items) await must('DELETE', `${CLAIMS}/${metadata.name}`)
  })
  const apply = async (object: object, manager: string, endpoint = ''): Promise<Claim> => {
    const { name } = (object as { metadata: { name: string } }).metadata
    return (await must('PATCH', applyPath(name, manager, endpoint), object, APPLY)) as Claim
  }
  const read = async (name: string): Promise<Claim> => (await must('GET', `${CLAIMS}/${name}`)) as Claim

  test('a claim that is applied is made with 201, and applied again with 200 and no new version', async () => {
    const options = { body: claim('a'), contentType: APPLY }
    assert.equal((await contract.ask('PATCH', applyPath('a', 'vtepd'), options)).status, 201)
    const before = await read('a')
    assert.equal((await contract.ask('PATCH', applyPath('a', 'vtepd'), options)).status, 200)
    const after = await read('a')
    assert.equal(after.metadata.resourceVersion, before.metadata.resourceVersion)
    assert.deepEqual(after.spec, (claim('a') as Claim).spec)
    assert.equal(after.metadata.generation, 1)
    assert.equal(after.metadata.ownerReferences?.[0]?.uid, 'uid-of-a')
    assert.deepEqual(
      after.metadata.managedFields?.map(({ manager, operation }) => [manager, operation]),
      [['vtepd', 'Apply']],
    )
  })

  test('discovery tells whoever has an identity that claims exist', async () => {
    for (const user of ['vtepd', 'kubelet', 'nobody'] as const) {
      const { status, body } = await contract.ask('GET', '/apis/vtepd.dev/v1', { user })
      assert.equal(status, 200, user)
      const { resources } = JSON.parse(body.toString()) as { resources: { name: string; kind: string }[] }
      assert.deepEqual([resources[0]?.name, resources[0]?.kind], ['overlayclaims', 'OverlayClaim'])
      assert.equal((await contract.ask('GET', '/apis/vtepd.dev/v2', { user })).status, 404)
    }
  })

  test('status is written on its own endpoint alone, and spec on the other', async () => {
    await apply({ ...claim('a'), status: { subnets: ['10.42.9.0/24'] } }, 'vtepd')
    assert.equal((await read('a')).status?.subnets, undefined)
    const told = await apply(
      { ...statusOf('a', '10.42.1.0/24'), spec: { writer: 'Mirror' } },
      'vtepd-mirror',
      '/status',
    )
    assert.deepEqual([told.status?.subnets, told.spec.writer], [['10.42.1.0/24'], 'Node'])
    await apply(claim('a', { underlay: '192.0.2.9' }), 'vtepd')
    assert.deepEqual((await read('a')).status?.subnets, ['10.42.1.0/24'])
    const { status } = await refusal(contract, 'PATCH', applyPath('b', 'm', '/status'), {
      body: statusOf('b', '10.42.1.0/24'),
      contentType: APPLY,
    })
    assert.equal(status, 404)
  })

  test('an lladdr never changes, a family that is claimed stays, and what is malformed is refused with 422', async () => {
    await apply(claim('a'), 'vtepd')
    const refused = async (object: object): Promise<number> =>
      (await refusal(contract, 'PATCH', applyPath('a', 'vtepd'), { body: object, contentType: APPLY })).status
    assert.equal(await refused(claim('a', { lladdr: '02:00:00:00:00:02' })), 422)
    assert.equal(await refused({ ...claim('a'), spec: { writer: 'Node' } }), 422)
    assert.equal(await refused(claim('a', { lladdr: '02:00:00:00:00:0G' })), 422)
    assert.equal(await refused(claim('a', { underlay: '2001:db8::1' })), 422)
    assert.equal(await refused(claim('a', { vni: 0 })), 422)
    assert.equal(await refused(claim('a', {}, 'Somebody')), 422)
    assert.equal((await apply(claim('a', { underlay: '192.0.2.2' }), 'vtepd')).metadata.generation, 2)
  })

  test("another manager's value is a conflict, unless it is taken by force", async () => {
    await apply(claim('a', { underlay: '192.0.2.2' }, 'Mirror'), 'vtepd-mirror')
    const gentle = applyPath('a', 'vtepd', '', false)
    const { status, body } = await refusal(contract, 'PATCH', gentle, { body: claim('a'), contentType: APPLY })
    assert.deepEqual([status, body.reason], [409, 'Conflict'])
    const taken = await apply(claim('a'), 'vtepd')
    assert.deepEqual([taken.spec.writer, taken.spec.ipv4?.underlay], ['Node', '192.0.2.1'])
  })

  test('what a manager does not apply any more goes, and an owner of another manager stays', async () => {
    await apply(claim('a'), 'vtepd')
    const { vni: _, ...without } = (claim('a') as Claim).spec.ipv4 ?? {}
    const less = await apply({ ...claim('a'), spec: { writer: 'Node', ipv4: without } }, 'vtepd')
    assert.equal(less.spec.ipv4?.vni, undefined)
    const owned = {
      ...claim('a'),
      metadata: { name: 'a', ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'a', uid: 'other' }] },
    }
    const both = await apply(owned, 'vtepd-mirror')
    assert.deepEqual(both.metadata.ownerReferences?.map(({ uid }) => uid).sort(), ['other', 'uid-of-a'])
    const one = await apply(owned, 'vtepd')
    assert.deepEqual(
      one.metadata.ownerReferences?.map(({ uid }) => uid),
      ['other'],
    )
  })

  test('a field that the schema does not have is refused in an apply, and dropped otherwise', async () => {
    const more = { ...claim('a'), spec: { ...(claim('a') as Claim).spec, more: 1 } }
    const options = { body: more, contentType: APPLY }
    assert.equal((await refusal(contract, 'PATCH', applyPath('a', 'vtepd'), options)).status, 500)
    assert.equal('more' in ((await must('POST', CLAIMS, more)) as Claim).spec, false)
  })

  test('claims are JSON, whatever is asked for, and a list repeats their kind', async () => {
    await apply(claim('a'), 'vtepd')
    const accept = 'application/vnd.kubernetes.protobuf;stream=watch, application/json'
    const reply = await contract.ask('GET', CLAIMS, { accept })
    assert.equal(reply.contentType, 'application/json')
    const list = JSON.parse(reply.body.toString()) as Body
    assert.deepEqual(
      [list.kind, list.items[0]?.kind, list.items[0]?.apiVersion],
      ['OverlayClaimList', 'OverlayClaim', 'vtepd.dev/v1'],
    )
    assert.equal((await contract.ask('GET', CLAIMS, { accept: 'application/vnd.kubernetes.protobuf' })).status, 406)
  })

  test('deletion minds the UID it is given', async () => {
    const { metadata } = await apply(claim('a'), 'vtepd')
    const other = { preconditions: { uid: '00000000-0000-0000-0000-000000000000' } }
    assert.equal((await refusal(contract, 'DELETE', `${CLAIMS}/a`, { body: other })).status, 409)
    await must('DELETE', `${CLAIMS}/a`, { preconditions: { uid: metadata.uid } })
    assert.equal((await refusal(contract, 'GET', `${CLAIMS}/a`)).status, 404)
    assert.equal((await refusal(contract, 'DELETE', `${CLAIMS}/a`)).status, 404)
  })

  test('a Lease is made once, and patched by whoever knows its version', async () => {
    const spec = { holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: '2026-05-01T00:00:00.000000Z' }
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'vtepd-mirror' }, spec }
    assert.equal((await refusal(contract, 'GET', `${LEASES}/vtepd-mirror`)).status, 404)
    const made = (await must('POST', LEASES, lease)) as Body
    assert.equal((await refusal(contract, 'POST', LEASES, { body: lease })).status, 409)
    const renewed = (version: string) => ({
      body: {
        metadata: { resourceVersion: version, annotations: { 'vtepd.dev/in-step': 'true' } },
        spec: { renewTime: '2026-05-01T00:00:05.000000Z' },
      },
      contentType: MERGE,
    })
    const first = await contract.ask('PATCH', `${LEASES}/vtepd-mirror`, renewed(made.metadata.resourceVersion))
    assert.equal(first.status, 200)
    assert.equal((JSON.parse(first.body.toString()) as Body).metadata.annotations?.['vtepd.dev/in-step'], 'true')
    assert.equal(
      (await refusal(contract, 'PATCH', `${LEASES}/vtepd-mirror`, renewed(made.metadata.resourceVersion))).status,
      409,
    )
  })
})
