/**
 * deploy/claims.yaml on a real kube-apiserver: a node writes the spec of the claim with its own name and nothing else, whatever
 * credential it has; the mirror's account does its work with the rights that it is given.
 */
import assert from 'node:assert/strict'
import { Agent } from 'node:https'
import { after, before, describe, test } from 'node:test'
import { askServer } from '../../lib/lab/real-kube/ask.ts'
import { pem } from './certificates.ts'
import { APPLY, applyPath, CLAIMS, claim, manifest, pathOf, statusOf } from './contract/claims-client.ts'
import { findPrograms } from './programs.ts'
import { type KubeReply, type RealKube, startRealKube } from './real-kube.ts'

/** What needs a controller, or another manifest. */
const NOT_HERE: ReadonlySet<string> = new Set(['Deployment'])
/** Fifty milliseconds each. */
const MOST_TRIES = 400
const ACCOUNTS = '/api/v1/namespaces/kube-system/serviceaccounts'

describe('claims on a real API server', () => {
  let kube: RealKube
  let agent: Agent
  const must = async (asked: Promise<KubeReply>): Promise<{ metadata: { uid: string }; status: { token: string } }> => {
    const { status, body } = await asked
    assert.ok(status < 300, `${status}: ${body}`)
    return JSON.parse(body.toString())
  }
  before(async () => {
    kube = await startRealKube(findPrograms())
    agent = new Agent({ keepAlive: true, ca: pem(kube.caFile) })
    await kube.ask('POST', '/api/v1/namespaces', { body: { metadata: { name: 'kube-system' } } })
    await must(kube.ask('POST', ACCOUNTS, { body: { metadata: { name: 'vtepd' } } }))
    for (const object of manifest())
      if (!NOT_HERE.has(object.kind)) await must(kube.ask('POST', pathOf(object), { body: object }))
    for (const name of ['me', 'you']) await must(kube.ask('POST', '/api/v1/nodes', { body: { metadata: { name } } }))
    // The policy takes a moment to be known: until then a token without a node gets through.
    const token = await tokenOf('vtepd', undefined)
    let tries = 0
    for (;;) {
      const { status, body } = await apply(token, 'probe', claim('probe'))
      if (status === 403 && body.includes('ValidatingAdmissionPolicy')) break
      tries += 1
      assert.ok(tries < MOST_TRIES, `the policy does not refuse: ${status} ${body}`)
      await kube.ask('DELETE', `${CLAIMS}/probe`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })
  after(async () => {
    agent.destroy()
    await kube.close()
  })
  /** A token of the account, bound to a Node; undefined: to nothing, as a long-lived one. */
  const tokenOf = async (account: string, node: string | undefined): Promise<string> => {
    const spec =
      node === undefined
        ? {}
        : {
            boundObjectRef: {
              apiVersion: 'v1',
              kind: 'Node',
              name: node,
              uid: (await must(kube.ask('GET', `/api/v1/nodes/${node}`))).metadata.uid,
            },
          }
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }
    return (await must(kube.ask('POST', `${ACCOUNTS}/${account}/token`, { body }))).status.token
  }
  const ask = (token: string, method: string, path: string, body?: object, contentType = APPLY): Promise<KubeReply> =>
    askServer(agent, `${kube.url}${path}`, method, { token, contentType, ...(body === undefined ? {} : { body }) })
  const apply = (token: string, name: string, object: object, endpoint = ''): Promise<KubeReply> =>
    ask(token, 'PATCH', applyPath(name, 'vtepd', endpoint), object)
  const statusesOf = async (...asked: Promise<KubeReply>[]): Promise<number[]> =>
    (await Promise.all(asked)).map(({ status }) => status)

  for (const [who, token] of [
    ['an agent whose token is bound to its node', () => tokenOf('vtepd', 'me')],
    ['a kubelet', async () => kube.token('kubelet')],
  ] as const)
    test(`${who} writes the spec of its own claim, and of no other`, async () => {
      await kube.ask('DELETE', `${CLAIMS}/me`)
      const own = await token()
      assert.equal((await apply(own, 'me', claim('me'))).status, 201)
      const denied = await apply(own, 'you', claim('you'))
      assert.equal(denied.status, 403)
      assert.match(denied.body.toString(), /a node writes the claim with its own name/)
      const theirs = {
        ...claim('me'),
        metadata: { name: 'me', ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'you', uid: 'u' }] },
      }
      const answers = await statusesOf(
        apply(own, 'me', statusOf('me', '10.42.0.0/16'), '/status'),
        apply(own, 'me', claim('me', {}, 'Mirror')),
        apply(own, 'me', theirs),
        ask(own, 'DELETE', `${CLAIMS}/me`),
      )
      assert.deepEqual(answers, [403, 403, 403, 403])
      assert.equal((await apply(own, 'me', claim('me', { lladdr: '02:00:00:00:00:09' }))).status, 422)
    })

  test('a token that is bound to no node writes no claim, and reads all', async () => {
    const token = await tokenOf('vtepd', undefined)
    assert.deepEqual(await statusesOf(apply(token, 'me', claim('me')), ask(token, 'GET', CLAIMS)), [403, 200])
  })

  test("the mirror's account writes claims, their status and its Lease, ends claims, and patches no Node", async () => {
    const token = await tokenOf('vtepd-mirror', undefined)
    await kube.ask('DELETE', `${CLAIMS}/me`)
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases'
    const lease = { metadata: { name: 'vtepd-mirror' }, spec: { holderIdentity: 'a' } }
    const json = 'application/json'
    const merge = 'application/merge-patch+json'
    assert.equal((await apply(token, 'me', claim('me', {}, 'Mirror'))).status, 201)
    assert.equal((await apply(token, 'me', statusOf('me', '10.42.1.0/24'), '/status')).status, 200)
    assert.equal((await ask(token, 'DELETE', `${CLAIMS}/me`)).status, 200)
    assert.equal((await ask(token, 'POST', leases, lease, json)).status, 201)
    assert.equal(
      (await ask(token, 'PATCH', `${leases}/vtepd-mirror`, { spec: { holderIdentity: 'b' } }, merge)).status,
      200,
    )
    assert.equal((await ask(await tokenOf('vtepd', 'me'), 'GET', `${leases}/vtepd-mirror`)).status, 200)
    assert.equal(
      (await ask(token, 'PATCH', '/api/v1/nodes/me/status', { metadata: { labels: { a: 'b' } } }, merge)).status,
      403,
    )
  })
})
