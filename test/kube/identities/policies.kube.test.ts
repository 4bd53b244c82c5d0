/** The admission policies of deploy/ on the real kube-apiserver: what each lets through, and with which words it refuses. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { nodeObject } from '../node-objects.ts'
import { type Asker, type Cluster, NODES, startCluster, type Told } from './cluster.ts'

const PREFIX = 'flannel.alpha.coreos.com'
const OWN_NODE = /ValidatingAdmissionPolicy 'vtepd-own-node' with binding 'vtepd-own-node' denied request: /
const POD_CIDRS =
  /ValidatingAdmissionPolicy 'vtepd-pod-cidrs' with binding 'vtepd-pod-cidrs' denied request: a node does not choose its podCIDRs/
const ADMINISTRATORS = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings'
/** A second is common. */
const IN_FORCE_MS = 30_000

const annotated = (annotations: Readonly<Record<string, string | null>>): object => ({ metadata: { annotations } })
const conditioned = (type: string, status = 'False'): object => ({
  status: { conditions: [{ type, status, reason: 'r', message: 'm' }] },
})

describe('admission policies', () => {
  let cluster: Cluster
  let agent: { readonly token: string }
  let kubelet: Asker
  const patch = (who: Asker, node: string, body: object, suffix = '/status'): Promise<Told> =>
    cluster.ask(who, 'PATCH', `${NODES}/${node}${suffix}`, body)
  const admin = (): Asker => ({ token: cluster.kube.token('admin') })
  const refused = (told: Told, because: RegExp, what: string): void => {
    assert.equal(told.status, 403, `${what}: ${told.status} ${told.message}`)
    assert.match(told.message, OWN_NODE, what)
    assert.match(told.message, because, what)
  }

  before(async () => {
    cluster = await startCluster()
    for (const [index, name] of ['mine', 'other'].entries()) await cluster.must('POST', NODES, nodeObject(name, index))
    for (const file of ['admission.yaml', 'rbac-host.yaml', 'rbac-daemonset.yaml']) await cluster.apply(file)
    agent = { token: await cluster.tokenOf('vtepd-node', 'mine') }
    kubelet = { certificate: cluster.kubeletOf('mine') }
    const byPolicy = ({ message }: Told): boolean => message.includes('ValidatingAdmissionPolicy')
    await untilTold(() => patch(agent, 'other', {}), byPolicy)
    await untilTold(() => cluster.ask(kubelet, 'POST', NODES, nodeObject('mine', 9)), byPolicy)
  })
  after(() => cluster?.close())

  test("an agent's node-bound token writes the annotations and the condition of its own Node", async () => {
    const own = {
      ...annotated({
        [`${PREFIX}/backend-data`]: '{"VNI":1,"VtepMAC":"02:00:00:00:00:07"}',
        [`${PREFIX}/backend-v6-data`]: '{"VNI":1,"VtepMAC":"02:00:00:00:00:08"}',
        [`${PREFIX}/backend-type`]: 'vxlan',
        [`${PREFIX}/kube-subnet-manager`]: 'true',
        [`${PREFIX}/public-ip`]: '192.0.2.7',
        [`${PREFIX}/public-ipv6`]: '2001:db8::7',
      }),
      ...conditioned('NetworkUnavailable', 'True'),
    }
    assert.deepEqual(await patch(agent, 'mine', own).then(({ status, message }) => [status, message]), [200, ''])
    const gone = annotated({ [`${PREFIX}/public-ipv6`]: null, [`${PREFIX}/backend-v6-data`]: null })
    assert.equal((await patch(agent, 'mine', gone)).status, 200)
    assert.equal((await patch(agent, 'mine', conditioned('NetworkUnavailable'))).status, 200)
  })

  test('a token that is bound to the Node itself is as good as one of a pod on it, and no better', async () => {
    const token = await cluster.tokenOf('vtepd-node', 'mine', 'node')
    const body = annotated({ [`${PREFIX}/public-ip`]: '192.0.2.6' })
    const own = await patch({ token }, 'mine', body)
    assert.equal(own.status, 200, own.message)
    refused(await patch({ token }, 'other', body), /this token is of node mine/, 'other')
  })

  test('a Node of the largest size is within what the policy may cost', async () => {
    const annotations = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`example.com/${i}`, 'x'.repeat(200)]))
    const node = nodeObject('large', 5, { images: 400 }) as { metadata: { annotations: object } }
    await cluster.must('POST', NODES, { ...node, metadata: { ...node.metadata, annotations } })
    const token = await cluster.tokenOf('vtepd-node', 'large')
    const own = { ...annotated({ [`${PREFIX}/public-ip`]: '192.0.2.7' }), ...conditioned('NetworkUnavailable') }
    const told = await patch({ token }, 'large', own)
    assert.equal(told.status, 200, told.message)
    refused(await patch({ token }, 'large', { status: { images: [] } }), /of a Node's status/, 'images')
  })

  test('of its own Node, everything else is refused, and the refusal says what', async () => {
    const annotations = /of annotations, vtepd may write those alone that say what its VTEP is/
    const metadata = /of a Node's metadata, vtepd may write annotations alone/
    const status = /of a Node's status, vtepd may write the condition NetworkUnavailable alone/
    const owner = { apiVersion: 'v1', kind: 'Node', name: 'other', uid: '5a8d3c6f-1c2b-4f5c-8c0f-6d2b7f3e1a90' }
    for (const [body, because] of [
      [annotated({ 'example.com/x': 'y' }), annotations],
      [annotated({ [`${PREFIX}/public-ip-overwrite`]: '192.0.2.1' }), annotations],
      [annotated({ [`${PREFIX}/node-public-ip`]: '192.0.2.1' }), annotations],
      [annotated({ 'node.alpha.kubernetes.io/ttl': '9' }), annotations],
      [annotated({ 'k3s.io/hostname': null }), annotations],
      [{ metadata: { labels: { 'node-role.kubernetes.io/control-plane': '' } } }, metadata],
      [{ metadata: { labels: { 'kubernetes.io/os': null } } }, metadata],
      [{ metadata: { labels: null } }, metadata],
      [{ metadata: { finalizers: ['example.com/never'] } }, metadata],
      [{ metadata: { ownerReferences: [owner] } }, metadata],
      [conditioned('Ready'), status],
      [conditioned('Odd'), status],
      [{ status: { conditions: [{ type: 'Ready', $patch: 'delete' }] } }, status],
      [{ status: { addresses: [{ type: 'InternalIP', address: '192.0.2.1' }] } }, status],
      [{ status: { capacity: { cpu: '800' } } }, status],
      [{ status: { images: null } }, status],
      [{ status: { nodeInfo: { kubeletVersion: 'v9' } } }, status],
      [{ status: { volumesInUse: ['x'] } }, status],
      [{ ...annotated({ [`${PREFIX}/public-ip`]: '192.0.2.9' }), ...conditioned('Ready') }, status],
    ] as const)
      refused(await patch(agent, 'mine', body), because, JSON.stringify(body))
  })

  test("another Node is refused to an agent's token, whatever is written", async () => {
    const because = /this token is of node mine, so vtepd may not write Node other by it/
    for (const body of [{}, annotated({ [`${PREFIX}/public-ip`]: '192.0.2.1' }), conditioned('NetworkUnavailable')])
      refused(await patch(agent, 'other', body), because, JSON.stringify(body))
  })

  test('a token without a node-name writes nothing: one that is bound to no pod, and a long-lived one of a Secret', async () => {
    const tokens = [await cluster.tokenOf('vtepd-node'), await cluster.secretTokenOf('vtepd')] as const
    await withEveryRight(cluster, tokens[0], 'vtepd', 'vtepd-node')
    for (const token of tokens)
      for (const node of ['mine', 'other'])
        refused(
          await patch({ token }, node, annotated({ [`${PREFIX}/public-ip`]: '192.0.2.1' })),
          /this token is bound to no node.*a pod's token of Kubernetes 1\.30 or later is/,
          node,
        )
    await withoutEveryRight(cluster)
  })

  test('with more rights than the manifest gives, the policy still holds for nodes and every subresource', async () => {
    await withEveryRight(cluster, agent.token, 'vtepd-node')
    const [neither, spec] = [/vtepd neither makes nor deletes Nodes/, /vtepd may not write a Node's spec/]
    const mine = (await cluster.must('GET', `${NODES}/mine`)) as { metadata: object; spec: object }
    const put = { ...mine, metadata: { ...mine.metadata, labels: { x: 'y' } } }
    for (const [method, at, body, because] of [
      ['POST', NODES, nodeObject('new', 7), neither],
      ['DELETE', `${NODES}/mine`, undefined, neither],
      ['DELETE', `${NODES}/other`, undefined, neither],
      ['DELETE', NODES, undefined, neither],
      ['PATCH', `${NODES}/mine`, { spec: { unschedulable: true } }, spec],
      ['PATCH', `${NODES}/mine`, { spec: { taints: [{ key: 'x', effect: 'NoExecute' }] } }, spec],
      ['PATCH', `${NODES}/mine`, { metadata: { labels: { x: 'y' } } }, /metadata, vtepd may write annotations alone/],
      ['PATCH', `${NODES}/other`, annotated({ [`${PREFIX}/public-ip`]: '192.0.2.1' }), /this token is of node mine/],
      ['PUT', `${NODES}/mine`, put, /metadata, vtepd may write annotations alone/],
      ['GET', `${NODES}/mine/proxy/pods`, undefined, neither],
    ] as const)
      refused(await cluster.ask(agent, method, at, body), because, `${method} ${at}`)
    const annotation = annotated({ [`${PREFIX}/public-ip`]: '192.0.2.8' })
    assert.equal((await patch(agent, 'mine', annotation, '')).status, 200, 'what may be written by nodes/status')
    await withoutEveryRight(cluster)
  })

  test('whoever is no agent is left alone by the policy for agents', async () => {
    for (const who of [admin(), kubelet]) {
      const body = { ...annotated({ 'example.com/x': 'y' }), ...conditioned('Ready', 'True') }
      const told = await patch(who, 'mine', body)
      assert.equal(told.status, 200, told.message)
    }
  })

  test('a kubelet registers its Node without podCIDRs only, and cannot set or alter them', async () => {
    const young: Asker = { certificate: cluster.kubeletOf('young') }
    const bare = nodeObject('young', 3, { podCidrs: [], annotations: false }) as { spec: object }
    for (const spec of [
      { podCIDR: '10.0.0.0/17' },
      { podCIDR: '10.0.0.0/17', podCIDRs: ['10.0.0.0/17', 'fd00:42::/48'] },
      { podCIDRs: ['10.0.0.0/17'] },
    ]) {
      const told = await cluster.ask(young, 'POST', NODES, { ...bare, spec })
      assert.deepEqual([told.status, POD_CIDRS.test(told.message)], [403, true], told.message)
    }
    const registered = await cluster.ask(young, 'POST', NODES, bare)
    assert.equal(registered.status, 201, registered.message)
    for (const suffix of ['', '/status']) {
      const status = await patch(young, 'young', conditioned('Ready', 'True'), suffix)
      assert.equal(status.status, 200, status.message)
    }
    const set = { spec: { podCIDR: '10.0.0.0/17', podCIDRs: ['10.0.0.0/17'] } }
    const told = await patch(young, 'young', set, '')
    assert.deepEqual([told.status, POD_CIDRS.test(told.message)], [403, true], told.message)
    assert.equal((await patch(admin(), 'young', set, '')).status, 200, 'whoever assigns podCIDRs is no node')
    const stays = await patch(young, 'young', { metadata: { labels: { 'node.kubernetes.io/x': 'y' } } }, '')
    assert.equal(stays.status, 200, stays.message)
  })

  test('a kubelet cannot delete its own Node, to come back younger or with other podCIDRs', async () => {
    const told = await cluster.ask(kubelet, 'DELETE', `${NODES}/mine`)
    assert.equal(told.status, 403)
    assert.match(told.message, /cannot delete resource "nodes"/)
  })
})

/** The server learns of its own objects by watches: asks again until the answer is one that shows it. */
async function untilTold(ask: () => Promise<Told>, is: (told: Told) => boolean): Promise<void> {
  const deadline = performance.now() + IN_FORCE_MS
  for (;;) {
    const told = await ask()
    if (is(told)) return
    if (performance.now() > deadline) assert.fail(`it does not come into force: ${told.status} ${told.message}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** As an administrator may have granted beside our manifests. */
async function withEveryRight({ must, ask }: Cluster, by: string, ...accounts: readonly string[]): Promise<void> {
  const subjects = accounts.map((name) => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' }))
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' }
  await must('POST', ADMINISTRATORS, { metadata: { name: 'every-right' }, roleRef, subjects })
  await untilTold(
    () => ask({ token: by }, 'GET', '/api/v1/secrets'),
    ({ status }) => status === 200,
  )
}

async function withoutEveryRight({ must }: Cluster): Promise<void> {
  await must('DELETE', `${ADMINISTRATORS}/every-right`)
}
