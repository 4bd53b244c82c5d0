/** vtepd's own lease source on the real kube-apiserver with NodeRestriction: who reads, who writes, and what happens to who may not. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, beforeEach, describe, type TestContext, test } from 'node:test'
import { createKubeSource, type KubeSourceConfig } from '../../../lib/leases/kube.ts'
import { parseVni } from '../../../lib/net/vni.ts'
import { claim4, createMemoryLog, PREFIX, until, v4Network } from '../../leases/support.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { createAuthority, type Issued, pem } from '../certificates.ts'
import { nodeObject } from '../node-objects.ts'
import { type Cluster, NODES, startCluster } from './cluster.ts'

const OWN = { vni: parseVni(1), ipv4: claim4(9), ipv6: undefined }
const ADDRESS = `${PREFIX}/public-ip`

describe('publishing', () => {
  let cluster: Cluster
  let reader = ''
  let count = 0
  before(async () => {
    cluster = await startCluster()
    for (const file of ['admission.yaml', 'rbac-host.yaml', 'rbac-daemonset.yaml']) await cluster.apply(file)
    for (const [index, name] of ['mine', 'other'].entries())
      await cluster.must('POST', NODES, nodeObject(name, index, { annotations: false }))
    reader = write(kubeconfigOf(`{ token: ${await cluster.secretTokenOf('vtepd')} }`))
  })
  beforeEach(() => {
    const annotations = { [ADDRESS]: null }
    return cluster.must('PATCH', `${NODES}/mine/status`, { metadata: { annotations } })
  })
  after(() => cluster?.close())

  const write = (text: string): string => {
    count += 1
    const file = path.join(cluster.folder, `${count}.conf`)
    writeFileSync(file, text)
    return file
  }
  const kubeconfigOf = (user: string): string =>
    `{ apiVersion: v1, kind: Config, current-context: x, contexts: [{ name: x, context: { cluster: c, user: u } }],
    clusters: [{ name: c, cluster: { server: '${cluster.kube.url}', certificate-authority: ${cluster.kube.caFile} } }],
    users: [{ name: u, user: ${user} }] }`
  const withCertificate = ({ cert, key }: Issued): string =>
    kubeconfigOf(`{ client-certificate: ${cert}, client-key: ${key} }`)
  /** The address that Node mine publishes. */
  const published = async (): Promise<string | undefined> => {
    const node = (await cluster.must('GET', `${NODES}/mine`)) as { metadata: { annotations?: Record<string, string> } }
    return node.metadata.annotations?.[ADDRESS]
  }
  const sourceOf = (t: TestContext, config: Partial<KubeSourceConfig>) => {
    const log = createMemoryLog()
    const clock = createManualClock(1_000_000)
    const source = createKubeSource({
      config: {
        kubeconfigFile: reader,
        apiUrl: undefined,
        node: { name: 'mine' },
        annotationPrefix: PREFIX,
        setNodeNetworkUnavailable: true,
        ...config,
      },
      network: v4Network,
      log,
      clock,
      random: () => 0,
    })
    t.after(() => source.close())
    return { source, log, clock }
  }

  test("the agent's account of a host reads, the kubelet's certificate writes, and one line says so", async (t) => {
    const kubelet = write(withCertificate(cluster.kubeletOf('mine')))
    const { source, log } = sourceOf(t, { publisher: { kubeconfigFile: kubelet } })
    source.start(() => undefined)
    await until(() => source.view().synced && log.of('leases.identities').length > 0, 'the view, and the line')
    assert.equal(
      log.of('leases.identities')[0]?.message,
      `Nodes are read by ${reader} (system:serviceaccount:kube-system:vtepd), our own is written by ${kubelet} (system:node:mine)`,
    )
    assert.equal(await source.publish(OWN), 'accepted')
    assert.equal(await published(), '192.168.0.9')
  })

  test("the kubelet's credential is found by itself, as kubeadm, k3s and rke2 lay it out, and else the host's account is named", async (t) => {
    const kubelet = cluster.kubeletOf('mine')
    const root = path.join(cluster.folder, 'root')
    const put = (file: string, text: string): void => {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
      writeFileSync(path.join(root, file), text)
    }
    const pki = path.join(root, 'var/lib/kubelet/pki/kubelet-client-current.pem')
    const none = sourceOf(t, { publisher: 'kubelet', hostRoot: root })
    await assert.rejects(none.source.publish(OWN), /by .*vtepd\), as no kubelet's credential was found .*403 Forbidden/)
    for (const [name, files] of Object.entries({
      kubeadm: {
        '/etc/kubernetes/kubelet.conf': kubeconfigOf(`{ client-certificate: ${pki}, client-key: ${pki} }`),
        '/var/lib/kubelet/pki/kubelet-client-current.pem': pem(kubelet.cert) + pem(kubelet.key),
      },
      k3s: { '/var/lib/rancher/k3s/agent/kubelet.kubeconfig': withCertificate(kubelet) },
      rke2: {
        '/etc/rancher/rke2/config.yaml': 'data-dir: /srv/rke2\n',
        '/srv/rke2/agent/kubelet.kubeconfig': withCertificate(kubelet),
      },
    })) {
      rmSync(root, { recursive: true, force: true })
      for (const [file, text] of Object.entries(files)) put(file, text)
      const { source, log } = sourceOf(t, { publisher: 'kubelet', hostRoot: root })
      assert.equal(await source.publish(OWN), 'accepted', name)
      assert.equal(await published(), '192.168.0.9', name)
      assert.equal(log.of('lease.published').length, 1, name)
      await cluster.must('PATCH', `${NODES}/mine/status`, { metadata: { annotations: { [ADDRESS]: null } } })
      await source.close()
    }
  })

  test("the host's account alone reads Nodes and writes none, and the refusal says who writes", async (t) => {
    const { source } = sourceOf(t, { publisher: 'reader' })
    await assert.rejects(
      source.publish(OWN),
      /^KubeRefusal: patch node mine\/status: 403 Forbidden: .*"system:serviceaccount:kube-system:vtepd" cannot patch resource "nodes\/status".* \(on a host the kubelet's credential writes/,
    )
    assert.equal(await published(), undefined)
  })

  test('the credential of another node is not tried; what forbids it is NodeRestriction', async (t) => {
    const certificate = cluster.kubeletOf('other')
    const { source } = sourceOf(t, { publisher: { kubeconfigFile: write(withCertificate(certificate)) } })
    await assert.rejects(source.publish(OWN), /is the credential of node other, not of ours, mine: is NODE_NAME right/)
    const body = { metadata: { annotations: { [ADDRESS]: '192.0.2.1' } } }
    const told = await cluster.ask({ certificate }, 'PATCH', `${NODES}/mine/status`, body)
    assert.deepEqual(
      [told.status, told.message],
      [403, `nodes "mine" is forbidden: node "other" is not allowed to modify node "mine"`],
    )
    assert.equal(await published(), undefined)
  })

  test('a certificate that is renewed on disk is used by the next try', async (t) => {
    const files = { cert: path.join(cluster.folder, 'current.crt'), key: path.join(cluster.folder, 'current.key') }
    const put = ({ cert, key }: Issued): void => {
      cpSync(cert, files.cert)
      cpSync(key, files.key)
    }
    const strangers = path.join(cluster.folder, 'strangers')
    mkdirSync(strangers)
    put(createAuthority(strangers).issue('system:node:mine', path.join(strangers, 'mine'), 'system:nodes'))
    const { source, clock } = sourceOf(t, { publisher: { kubeconfigFile: write(withCertificate(files)) } })
    await assert.rejects(source.publish(OWN), /401 Unauthorized.*credentials are not accepted/)
    put(cluster.kubeletOf('mine'))
    clock.advance(10_000)
    assert.equal(await source.publish(OWN), 'accepted')
    assert.equal(await published(), '192.168.0.9')
  })

  test("a pod's token writes its own Node and no other, a long-lived one none, in the policy's words", async (t) => {
    const folder = path.join(cluster.folder, 'pod')
    mkdirSync(folder)
    cpSync(cluster.kube.caFile, path.join(folder, 'ca.crt'))
    const { hostname, port } = new URL(cluster.kube.url)
    const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port }
    const inPod = { kubeconfigFile: undefined, serviceAccountDir: folder, env } as const
    const say = (token: string): void => writeFileSync(path.join(folder, 'token'), token)
    for (const [token, node, refused] of [
      [
        await cluster.tokenOf('vtepd-node', 'other'),
        'mine',
        /this token is of node other, so vtepd may not write Node mine by it$/,
      ],
      [await cluster.tokenOf('vtepd-node'), 'mine', /this token is bound to no node.*a Secret is not$/],
      [await cluster.tokenOf('vtepd-node', 'mine'), 'mine', undefined],
    ] as const) {
      say(token)
      const { source } = sourceOf(t, { ...inPod, node: { name: node } })
      if (refused === undefined) assert.equal(await source.publish(OWN), 'accepted')
      else await assert.rejects(source.publish(OWN), refused)
    }
    assert.equal(await published(), '192.168.0.9')
  })

  test('what was decided of one Node is not written on another of its name', async () => {
    const certificate = cluster.kubeletOf('mine')
    const body = { metadata: { uid: '00000000-0000-0000-0000-000000000000', annotations: { [ADDRESS]: '192.0.2.1' } } }
    const told = await cluster.ask({ certificate }, 'PATCH', `${NODES}/mine/status`, body)
    assert.deepEqual([told.status, /metadata\.uid.*field is immutable/.test(told.message)], [422, true], told.message)
    assert.equal(await published(), undefined)
  })

  test("a kubelet gets tokens of its own node's pods only, so that of another node's agent is out of its reach", async () => {
    const at = '/api/v1/namespaces/kube-system/serviceaccounts/vtepd-node/token'
    const certificate = cluster.kubeletOf('other')
    const unbound = await cluster.ask({ certificate }, 'POST', at, { spec: {} })
    assert.equal(unbound.status, 403, unbound.message)
    const pods = (await cluster.must('GET', '/api/v1/namespaces/kube-system/pods')) as {
      items: { metadata: { name: string; uid: string }; spec: { nodeName: string } }[]
    }
    const foreign = pods.items.find(({ spec }) => spec.nodeName === 'mine') ?? assert.fail('no pod on mine')
    const boundObjectRef = { kind: 'Pod', apiVersion: 'v1', ...foreign.metadata }
    const bound = await cluster.ask({ certificate }, 'POST', at, {
      spec: { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: boundObjectRef.name, uid: boundObjectRef.uid } },
    })
    assert.equal(bound.status, 403, bound.message)
  })
})
