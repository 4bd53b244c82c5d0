/** Contract of both API servers: 401 and 403 with the missing right, and how vtepd's errors name it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../../lib/net/ip.ts'
import { parseLladdr } from '../../../lib/net/lladdr.ts'
import { parseVni } from '../../../lib/net/vni.ts'
import { createNodes, ENCODINGS, refusal, STRATEGIC, watch } from './client.ts'
import { NODES, onBothServers } from './servers.ts'
import { createLeases, follow } from './source-client.ts'

const OWN = {
  vni: parseVni(1),
  ipv4: { underlay: parseIp('192.168.0.77'), lladdr: parseLladdr('02:00:00:00:04:77') },
  ipv6: undefined,
}

onBothServers((contract) => {
  test('an unknown token is 401 in either encoding', async () => {
    for (const accept of ENCODINGS) {
      contract.server.setToken('nobody', 'of-nobody-known')
      const { status, contentType } = await contract.ask('GET', NODES, { user: 'nobody', accept })
      assert.deepEqual([status, contentType], [401, accept])
    }
    contract.server.setToken('nobody', 'nobody-token')
    const { body } = await refusal(contract, 'GET', NODES, { user: 'nobody' })
    assert.equal(body.code, 403)
  })

  test('a 403 names the user, the verb and the resource', async () => {
    await createNodes(contract, 'a', 'me')
    const cannot = (user: string, what: string, where = 'at the cluster scope') =>
      `User "${user}" cannot ${what} in API group "" ${where}`
    const [body, contentType] = [{}, STRATEGIC]
    const kubelet = 'system:node:me'
    for (const [user, method, path, message, more] of [
      ['nobody', 'GET', NODES, `nodes is forbidden: ${cannot('nobody', 'list resource "nodes"')}`, {}],
      ['nobody', 'GET', `${NODES}?watch=1`, `nodes is forbidden: ${cannot('nobody', 'watch resource "nodes"')}`, {}],
      ['nobody', 'GET', `${NODES}/a`, `nodes "a" is forbidden: ${cannot('nobody', 'get resource "nodes"')}`, {}],
      [
        'nobody',
        'PATCH',
        `${NODES}/a/status`,
        `nodes "a" is forbidden: ${cannot('nobody', 'patch resource "nodes/status"')}`,
        { body, contentType },
      ],
      [
        'vtepd',
        'PATCH',
        `${NODES}/a`,
        `nodes "a" is forbidden: ${cannot('vtepd', 'patch resource "nodes"')}`,
        { body, contentType },
      ],
      ['vtepd', 'DELETE', `${NODES}/a`, `nodes "a" is forbidden: ${cannot('vtepd', 'delete resource "nodes"')}`, {}],
      [
        'nobody',
        'GET',
        '/api/v1/namespaces/x/pods/p',
        `pods "p" is forbidden: ${cannot('nobody', 'get resource "pods"', 'in the namespace "x"')}`,
        {},
      ],
      [
        'kubelet',
        'GET',
        NODES,
        `nodes is forbidden: ${cannot(kubelet, 'list resource "nodes"')}: node 'me' cannot read all nodes, only its own Node object`,
        {},
      ],
      [
        'kubelet',
        'GET',
        `${NODES}/a`,
        `nodes "a" is forbidden: ${cannot(kubelet, 'get resource "nodes"')}: node 'me' cannot read 'a', only its own Node object`,
        {},
      ],
    ] as const) {
      const answer = await refusal(contract, method, path, { user, ...more })
      assert.deepEqual([path, answer.status, answer.body.reason], [path, 403, 'Forbidden'])
      assert.equal(answer.body.message, message)
    }
  })

  test("the manifest's rights are enough for list, watch, get and a patch of nodes/status", async (t) => {
    await createNodes(contract, 'a')
    const user = 'vtepd'
    for (const path of [NODES, `${NODES}/a`]) assert.equal((await contract.ask('GET', path, { user })).status, 200)
    await watch(t, contract, 'watch=1', { user })
    const patched = await contract.ask('PATCH', `${NODES}/a/status`, { user, body: {}, contentType: STRATEGIC })
    assert.equal(patched.status, 200)
  })

  test('a kubelet reads its own Node, and patches its status', async () => {
    await createNodes(contract, 'me')
    const user = 'kubelet'
    assert.equal((await contract.ask('GET', `${NODES}/me`, { user })).status, 200)
    const patched = await contract.ask('PATCH', `${NODES}/me/status`, { user, body: {}, contentType: STRATEGIC })
    assert.equal(patched.status, 200)
  })

  test('the source without rights waits, and says which right is missing', async (t) => {
    await createLeases(contract, 1, 2)
    for (const [user, expected] of [
      ['nobody', /403 Forbidden: .*User "nobody" cannot get resource "nodes".*\(vtepd needs the rights .*\)/],
      ['kubelet', /403 Forbidden: .*User "system:node:me" cannot get resource "nodes".*\(these are a kubelet's/],
    ] as const) {
      const { source, until } = await follow(t, contract, { user, synced: false })
      await until(() => expected.test(source.stale ?? ''), `${user}: ${expected}, got ${source.stale}`)
      assert.deepEqual([source.view().synced, source.view().peers.size], [false, 0])
      await source.close()
    }
  })

  test('the source with an unknown token says that the credentials are not accepted', async (t) => {
    const kubeconfig = contract.server.kubeconfig('vtepd').replace('vtepd-token', 'unknown')
    const { source, until } = await follow(t, contract, { kubeconfig, synced: false })
    await until(() => /401 Unauthorized.*credentials are not accepted/.test(source.stale ?? ''), '401')
  })

  test('publishing without the right to it says so, naming the right', async (t) => {
    await createLeases(contract, 1, 1)
    const { source } = await follow(t, contract, { user: 'nobody', synced: false })
    await assert.rejects(source.publish(OWN), /403 Forbidden: .*User "nobody" cannot get resource "nodes"/)
  })

  test("publishing with the manifest's rights arrives", async (t) => {
    await createLeases(contract, 1, 1)
    const { source } = await follow(t, contract)
    await source.publish(OWN)
    const node = JSON.stringify(await contract.must('GET', `${NODES}/node-1`))
    assert.match(node, /"flannel\.alpha\.coreos\.com\/public-ip":"192\.168\.0\.77"/)
    assert.match(node, /"type":"NetworkUnavailable","status":"False"/)
  })
})
