/** A whole mirror against the embedded and the real API server: claims for Nodes, their end, and which of two mirrors works. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, beforeEach, type TestContext, test } from 'node:test'
import { systemClock } from '../../lib/host/clock.ts'
import { annotationKeys } from '../../lib/leases/annotations.ts'
import { claimObject, familiesOf } from '../../lib/leases/claims/claim-spec.ts'
import { type Mirror, startMirror } from '../../lib/mirror/mirror.ts'
import type { Clock } from '../../lib/util/clock.ts'
import { APPLY, applyPath, CLAIMS, installClaims } from '../kube/contract/claims-client.ts'
import type { Body } from '../kube/contract/client.ts'
import { type Contract, NODES, onBothServers } from '../kube/contract/servers.ts'
import { createMemoryLog, flannelNode, PREFIX } from '../leases/support.ts'
import { createManualClock } from '../support/manual-clock.ts'

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/vtepd-mirror'

interface Claim extends Omit<Body, 'spec' | 'status'> {
  readonly spec: { readonly writer: string; readonly ipv4?: { readonly underlay: string; readonly lladdr: string } }
  readonly status?: { readonly node: { readonly uid: string }; readonly subnets: readonly string[] }
}

onBothServers((contract) => {
  const { must } = contract
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-mirror-'))
  after(() => rmSync(folder, { recursive: true }))
  before(() => installClaims(contract, ['CustomResourceDefinition']))
  beforeEach(async () => {
    const { items } = (await must('GET', CLAIMS)) as Body
    for (const { metadata } of items) await contract.ask('DELETE', `${CLAIMS}/${metadata.name}`)
  })
  const start = (t: TestContext, clock: Clock = systemClock): Mirror => {
    const kubeconfigFile = path.join(folder, 'kubeconfig')
    writeFileSync(kubeconfigFile, contract.server.kubeconfig('admin'))
    const config = { kubeconfigFile, apiUrl: undefined, annotationPrefix: PREFIX }
    const mirror = startMirror(config, { log: createMemoryLog(), clock })
    t.after(() => mirror.stop())
    return mirror
  }

  test('a node that has only annotations gets a whole claim, marked as mirrored, with its podCIDR', async (t) => {
    start(t)
    const { metadata } = await createFlannelNode(contract, 'a', 1)
    const claim = await until(contract, 'a', ({ status }) => status !== undefined)
    assert.deepEqual(claim.spec, {
      writer: 'Mirror',
      ipv4: { underlay: '192.168.0.1', lladdr: '02:00:00:00:04:01', vni: 1 },
    })
    assert.deepEqual(claim.status?.subnets, ['10.42.1.0/24'])
    assert.equal(claim.status?.node.uid, metadata.uid)
    await annotate(contract, 'a', 'public-ip', '192.168.0.7')
    await until(contract, 'a', ({ spec }) => spec.ipv4?.underlay === '192.168.0.7')
  })

  test('a mirrored claim with another lladdr is made anew', async (t) => {
    start(t)
    await createFlannelNode(contract, 'a', 1)
    const first = await until(contract, 'a', ({ status }) => status !== undefined)
    await annotate(contract, 'a', 'backend-data', '{"VNI":1,"VtepMAC":"02:00:00:00:04:99"}')
    const second = await until(
      contract,
      'a',
      ({ spec, status }) => spec.ipv4?.lladdr === '02:00:00:00:04:99' && status !== undefined,
    )
    assert.notEqual(second.metadata.uid, first.metadata.uid)
  })

  test('a Node that is made anew under its name gets a claim of its own', async (t) => {
    start(t)
    await createFlannelNode(contract, 'a', 1)
    const first = await until(contract, 'a', ({ status }) => status !== undefined)
    await must('DELETE', `${NODES}/a`)
    const { metadata } = await createFlannelNode(contract, 'a', 1)
    const second = await until(contract, 'a', ({ status }) => status?.node.uid === metadata.uid)
    assert.notEqual(second.metadata.uid, first.metadata.uid)
  })

  test('where flannel has taken a node over, its annotations win over the claim of vtepd after half a minute', async (t) => {
    const clock = createManualClock()
    const { metadata } = await createFlannelNode(contract, 'a', 1)
    const families = familiesOf(flannelNode('a', 1), annotationKeys(PREFIX))
    const ours = claimObject('a', metadata.uid, { writer: 'Node', ...families })
    await must('PATCH', applyPath('a', 'vtepd'), ours, APPLY)
    start(t, clock)
    const passing = async (check: (claim: Claim) => boolean): Promise<number> => {
      for (let seconds = 0; seconds < 300; seconds += 1) {
        const { status, body } = await contract.ask('GET', `${CLAIMS}/a`)
        if (status === 200 && check(JSON.parse(body.toString()) as Claim)) return seconds
        clock.advance(1000)
        await moment()
      }
      throw new Error('the claim did not become what it should be')
    }
    await passing(({ status, spec }) => status !== undefined && spec.writer === 'Node')
    await annotate(contract, 'a', 'backend-data', '{"VNI":1,"VtepMAC":"02:00:00:00:04:99"}')
    const seconds = await passing(
      ({ spec, status }) => spec.ipv4?.lladdr === '02:00:00:00:04:99' && status !== undefined,
    )
    assert.ok(seconds >= 30, `${seconds} s`)
    assert.equal((await until(contract, 'a', () => true)).spec.writer, 'Mirror')
  })

  test('of two mirrors one works; when it ends the other takes over at once, and the Lease says that all is written', async (t) => {
    const first = start(t)
    await createFlannelNode(contract, 'a', 1)
    await until(contract, 'a', ({ status }) => status !== undefined)
    const second = start(t)
    assert.equal(second.leading, false)
    await first.stop()
    await createFlannelNode(contract, 'b', 2)
    await until(contract, 'b', ({ status }) => status !== undefined)
    assert.equal(second.leading, true)
    const lease = (): Promise<Body> => must('GET', LEASE) as Promise<Body>
    while ((await lease()).metadata.annotations?.['vtepd.dev/in-step'] !== 'true') await moment()
  })
})

async function createFlannelNode({ must }: Contract, name: string, n: number): Promise<Body> {
  const { annotations } = flannelNode(name, n)
  const node = { metadata: { name, annotations }, spec: { podCIDR: `10.42.${n}.0/24`, podCIDRs: [`10.42.${n}.0/24`] } }
  return (await must('POST', NODES, node)) as Body
}

async function annotate({ must }: Contract, name: string, key: string, value: string): Promise<void> {
  const body = { metadata: { annotations: { [`${PREFIX}/${key}`]: value } } }
  await must('PATCH', `${NODES}/${name}/status`, body, 'application/strategic-merge-patch+json')
}

async function until({ ask }: Contract, name: string, matches: (claim: Claim) => boolean): Promise<Claim> {
  for (let tries = 0; tries < 2000; tries += 1) {
    const { status, body } = await ask('GET', `${CLAIMS}/${name}`)
    const claim = status === 200 ? (JSON.parse(body.toString()) as Claim) : undefined
    if (claim !== undefined && matches(claim)) return claim
    await moment()
  }
  throw new Error(`the claim of ${name} did not become what it should be`)
}

function moment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10))
}
