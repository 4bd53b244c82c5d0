/** Contract of both API servers: creating, patching, replacing and deleting Nodes, and what is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { annotate, type Body, createNodes, plainNode, refusal, STRATEGIC } from './client.ts'
import { NODES, onBothServers } from './servers.ts'

const MERGE = 'application/merge-patch+json'

interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
}

const conditionsOf = (node: Body): Condition[] =>
  (node.status as { conditions?: Condition[] }).conditions?.map(({ type, status, ...rest }) => ({
    type,
    status,
    ...(rest.reason === undefined ? {} : { reason: rest.reason }),
  })) ?? []

onBothServers((contract) => {
  const patchStatus = async (name: string, body: object): Promise<Body> =>
    (await contract.must('PATCH', `${NODES}/${name}/status`, body, STRATEGIC)) as Body
  const read = async (name: string): Promise<Body> => (await contract.must('GET', `${NODES}/${name}`)) as Body

  test('annotations patched on nodes/status are merged, and null takes one away', async () => {
    await createNodes(contract, 'a')
    const patched = await patchStatus('a', { metadata: { annotations: { 'example.com/two': '2' } } })
    assert.deepEqual(patched.metadata.annotations, { 'example.com/one': 'of a', 'example.com/two': '2' })
    const less = await patchStatus('a', {
      metadata: { annotations: { 'example.com/one': null, 'example.com/two': null } },
    })
    assert.equal(less.metadata.annotations, undefined)
  })

  test('conditions merge by type, in the order of kube-apiserver', async () => {
    await createNodes(contract, 'a')
    const condition = (type: string, status: string, reason = 'r') => ({ type, status, reason, message: 'm' })
    await patchStatus('a', {
      status: { conditions: [condition('MemoryPressure', 'False'), condition('Ready', 'True')] },
    })
    await patchStatus('a', { status: { conditions: [condition('NetworkUnavailable', 'False')] } })
    const again = await patchStatus('a', { status: { conditions: [condition('Ready', 'False', 'other')] } })
    assert.deepEqual(conditionsOf(again), [
      { type: 'NetworkUnavailable', status: 'False', reason: 'r' },
      { type: 'MemoryPressure', status: 'False', reason: 'r' },
      { type: 'Ready', status: 'False', reason: 'other' },
    ])
    const gone = await patchStatus('a', { status: { conditions: [{ type: 'Ready', $patch: 'delete' }] } })
    assert.deepEqual(
      conditionsOf(gone).map(({ type }) => type),
      ['NetworkUnavailable', 'MemoryPressure'],
    )
  })

  test('a Node is created with its status; two addresses of one type are then patched as a whole or not at all', async () => {
    const addresses = ['172.31.1.1', 'fd77::1:1'].map((address) => ({ type: 'InternalIP', address }))
    const node = { metadata: { name: 'a' }, status: { addresses } }
    const made = (await contract.must('POST', NODES, node)) as Body
    assert.deepEqual((made.status as { addresses: object }).addresses, addresses)
    const merged = { body: { status: { addresses } }, contentType: STRATEGIC }
    const answer = await refusal(contract, 'PATCH', `${NODES}/a/status`, merged)
    assert.deepEqual([answer.status, answer.body.reason], [422, 'Invalid'])
    assert.match(
      answer.body.message ?? '',
      /status\.addresses\[1\]: Duplicate value: \{"Type":"InternalIP","Address":"fd77::1:1"\}/,
    )
    const whole = await patchStatus('a', { status: { addresses: [...addresses.slice(1), { $patch: 'replace' }] } })
    assert.deepEqual((whole.status as { addresses: object }).addresses, addresses.slice(1))
  })

  test('a patch of nodes/status leaves the spec alone', async () => {
    await createNodes(contract, 'a')
    const patched = await patchStatus('a', { spec: { providerID: 'x://y' }, status: { phase: 'Running' } })
    assert.equal((patched.spec as { providerID?: string }).providerID, undefined)
    assert.equal((patched.status as { phase?: string }).phase, 'Running')
  })

  test('a patch of the Node leaves the status alone', async () => {
    await createNodes(contract, 'a')
    const body = { metadata: { labels: { x: 'y' } }, status: { phase: 'Running' } }
    const patched = (await contract.must('PATCH', `${NODES}/a`, body, STRATEGIC)) as Body
    assert.equal((patched.status as { phase?: string }).phase, undefined)
  })

  test('a patch that changes nothing keeps the resourceVersion', async () => {
    await createNodes(contract, 'a')
    const { metadata } = await annotate(contract, 'a', 'same')
    assert.equal((await annotate(contract, 'a', 'same')).metadata.resourceVersion, metadata.resourceVersion)
  })

  test('a write from an old resourceVersion is 409, without one it wins', async () => {
    await createNodes(contract, 'a')
    const old = await read('a')
    await annotate(contract, 'a', 'meanwhile')
    const { resourceVersion } = old.metadata
    const patch = { metadata: { resourceVersion, annotations: { 'example.com/two': 'late' } } }
    for (const [method, path, body, contentType] of [
      ['PATCH', `${NODES}/a/status`, patch, STRATEGIC],
      ['PATCH', `${NODES}/a`, patch, MERGE],
      ['PUT', `${NODES}/a`, old, undefined],
    ] as const) {
      const asked = { body, ...(contentType === undefined ? {} : { contentType }) }
      const answer = await refusal(contract, method, path, asked)
      assert.deepEqual([method, path, answer.status, answer.body.reason], [method, path, 409, 'Conflict'])
      assert.match(
        answer.body.message ?? '',
        /^Operation cannot be fulfilled on nodes "a": the object has been modified/,
      )
      assert.deepEqual(answer.body.details, { name: 'a', kind: 'nodes' })
    }
    const { resourceVersion: _, ...metadata } = old.metadata
    const won = (await contract.must('PUT', `${NODES}/a`, { ...old, metadata })) as Body
    assert.equal(won.metadata.annotations?.['example.com/two'], undefined)
  })

  test('a write for another UID, or a deletion of one, is 409', async () => {
    await createNodes(contract, 'a')
    const uid = '00000000-0000-0000-0000-000000000000'
    const old = await read('a')
    const put = await refusal(contract, 'PUT', `${NODES}/a`, { body: { ...old, metadata: { ...old.metadata, uid } } })
    assert.deepEqual([put.status, put.body.reason], [409, 'Conflict'])
    const deletion = await refusal(contract, 'DELETE', `${NODES}/a`, { body: { preconditions: { uid } } })
    assert.deepEqual([deletion.status, deletion.body.reason], [409, 'Conflict'])
  })

  test('podCIDR fills podCIDRs, and stays as it is once it is set', async () => {
    await createNodes(contract, 'a')
    await contract.must('POST', NODES, { metadata: { name: 'young' } })
    assert.deepEqual((await read('a')).spec.podCIDRs, ['10.42.1.0/24'])
    const set = { spec: { podCIDR: '10.42.9.0/24', podCIDRs: ['10.42.9.0/24', 'fd00:42:0:9::/64'] } }
    const young = (await contract.must('PATCH', `${NODES}/young`, set, STRATEGIC)) as Body
    assert.deepEqual(young.spec.podCIDRs, ['10.42.9.0/24', 'fd00:42:0:9::/64'])
    const other = { spec: { podCIDR: '10.42.8.0/24', podCIDRs: ['10.42.8.0/24'] } }
    const answer = await refusal(contract, 'PATCH', `${NODES}/young`, { body: other, contentType: MERGE })
    assert.deepEqual([answer.status, answer.body.reason], [422, 'Invalid'])
  })

  test('a Node that exists, has no good name, or a bad podCIDR is not created', async () => {
    await createNodes(contract, 'a')
    for (const [node, status, reason] of [
      [plainNode('a', 2), 409, 'AlreadyExists'],
      [{ metadata: { name: 'Not_Good' } }, 422, 'Invalid'],
      [{ metadata: {} }, 422, 'Invalid'],
      [{ metadata: { name: 'b' }, spec: { podCIDR: '10.42.2.0' } }, 422, 'Invalid'],
      [{ metadata: { name: 'b' }, spec: { podCIDRs: ['10.42.2.0/24', '10.42.3.0/24'] } }, 422, 'Invalid'],
      [{ metadata: { name: 'b', annotations: { 'a b': 'x' } } }, 422, 'Invalid'],
      [{ kind: 'Pod', apiVersion: 'v1', metadata: { name: 'b' } }, 400, 'BadRequest'],
    ] as const) {
      const answer = await refusal(contract, 'POST', NODES, { body: node })
      assert.deepEqual([node, answer.status, answer.body.reason], [node, status, reason])
    }
  })

  test('what is not there, or not allowed, or of a wrong type, has its status', async () => {
    await createNodes(contract, 'a')
    const body = {}
    for (const [method, path, contentType, status, reason] of [
      ['GET', `${NODES}/absent`, undefined, 404, 'NotFound'],
      ['DELETE', `${NODES}/absent`, undefined, 404, 'NotFound'],
      ['PATCH', `${NODES}/absent/status`, STRATEGIC, 404, 'NotFound'],
      ['PUT', NODES, undefined, 405, 'MethodNotAllowed'],
      ['DELETE', `${NODES}/a/status`, undefined, 405, 'MethodNotAllowed'],
      ['PATCH', `${NODES}/a`, 'application/json', 415, 'UnsupportedMediaType'],
      ['POST', NODES, 'text/plain', 415, 'UnsupportedMediaType'],
    ] as const) {
      const asked = { ...(method === 'GET' ? {} : { body }), ...(contentType === undefined ? {} : { contentType }) }
      const answer = await refusal(contract, method, path, asked)
      assert.deepEqual([method, path, answer.status, answer.body.reason], [method, path, status, reason])
    }
  })

  test('a patch whose fields have wrong types is refused', async () => {
    await createNodes(contract, 'a')
    await patchStatus('a', { status: { conditions: [{ type: 'Ready', status: 'True' }] } })
    for (const [body, status] of [
      [{ metadata: { annotations: { 'example.com/one': 1 } } }, 422],
      // Without its merge key; the first list of conditions was not looked into.
      [{ status: { conditions: [{ status: 'True' }] } }, 500],
      [[], 400],
    ] as const) {
      const answer = await refusal(contract, 'PATCH', `${NODES}/a/status`, { body, contentType: STRATEGIC })
      assert.deepEqual([body, answer.status], [body, status])
    }
  })
})
