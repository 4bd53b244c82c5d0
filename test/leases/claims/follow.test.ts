/**
 * An agent's lease source with claims, a mirror, and both API servers: what it follows, what it hears of heartbeats, and what it
 * does when the mirror is silent. The source's clock stands still until the test moves it.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, beforeEach, type TestContext, test } from 'node:test'
import { systemClock } from '../../../lib/host/clock.ts'
import { createKubeSource, type KubeSource } from '../../../lib/leases/kube.ts'
import { type Mirror, startMirror } from '../../../lib/mirror/mirror.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import { parseLladdr } from '../../../lib/net/lladdr.ts'
import { parseVni } from '../../../lib/net/vni.ts'
import { CLAIMS, installClaims } from '../../kube/contract/claims-client.ts'
import type { Body } from '../../kube/contract/client.ts'
import { NODES, onBothServers } from '../../kube/contract/servers.ts'
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts'
import { createMemoryLog, flannelNode, type MemoryLog, PREFIX, v4Network } from '../support.ts'

const LEASE = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/vtepd-mirror'
const STRATEGIC = 'application/strategic-merge-patch+json'
const OURS = {
  vni: parseVni(1),
  ipv4: { underlay: parseIp('192.168.0.200'), lladdr: parseLladdr('02:00:00:00:04:c8') },
  ipv6: undefined,
}

interface Agent {
  readonly source: KubeSource
  readonly clock: ManualClock
  readonly log: MemoryLog
  /** Names of peers, sorted. */
  peers(): string[]
  heard: number
  /** Fewest peers of a synced view, once there were some. */
  least: number
}

onBothServers((contract) => {
  const { must } = contract
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-follow-'))
  after(() => rmSync(folder, { recursive: true }))
  before(() => installClaims(contract, ['CustomResourceDefinition']))
  beforeEach(async () => {
    await contract.ask('DELETE', LEASE)
    const { items } = (await must('GET', CLAIMS)) as Body
    for (const { metadata } of items) await contract.ask('DELETE', `${CLAIMS}/${metadata.name}`)
    await createNode('me', 200, {})
  })
  const createNode = async (name: string, n: number, annotations = flannelNode(name, n).annotations): Promise<void> => {
    const spec = { podCIDR: `10.42.${n}.0/24`, podCIDRs: [`10.42.${n}.0/24`] }
    await must('POST', NODES, { metadata: { name, annotations }, spec })
  }
  const kubeconfig = (): string => {
    const file = path.join(folder, 'kubeconfig')
    writeFileSync(file, contract.server.kubeconfig('admin'))
    return file
  }
  const mirror = async (t: TestContext): Promise<Mirror> => {
    const config = { kubeconfigFile: kubeconfig(), apiUrl: undefined, annotationPrefix: PREFIX }
    const started = startMirror(config, { log: createMemoryLog(), clock: systemClock })
    t.after(() => started.stop())
    const inStep = async (): Promise<boolean> => {
      const { status, body } = await contract.ask('GET', LEASE)
      return (
        status === 200 && (JSON.parse(body.toString()) as Body).metadata.annotations?.['vtepd.dev/in-step'] === 'true'
      )
    }
    await eventually(inStep, 'the mirror has written every claim')
    return started
  }
  const agent = (
    t: TestContext,
    claims: 'auto' | 'objects' | undefined,
    onChange: (one: Agent) => void = () => undefined,
  ): Agent => {
    const clock = createManualClock()
    const log = createMemoryLog()
    const source = createKubeSource({
      config: {
        kubeconfigFile: kubeconfig(),
        apiUrl: undefined,
        node: { name: 'me' },
        annotationPrefix: PREFIX,
        setNodeNetworkUnavailable: false,
        ...(claims === undefined ? {} : { claims }),
      },
      network: v4Network,
      log,
      clock,
      random: () => 0,
    })
    const one: Agent = {
      source,
      clock,
      log,
      heard: 0,
      least: Number.POSITIVE_INFINITY,
      peers: () => [...source.view().peers.keys()].sort(),
    }
    source.start(() => {
      one.heard += 1
      if (source.view().synced) one.least = Math.min(one.least, one.peers().length)
      onChange(one)
    })
    t.after(() => source.close())
    return one
  }
  /** Seconds of the agent's clock. */
  const passUntil = async ({ clock }: Agent, check: () => boolean | Promise<boolean>, what: string): Promise<void> => {
    for (let seconds = 0; seconds < 3000; seconds += 1) {
      if (await check()) return
      clock.advance(1000)
      await moment(3)
    }
    throw new Error(`not within 3000 s: ${what}`)
  }
  const following = ({ log }: Agent): string | undefined =>
    log.lines.findLast(({ event }) => event === 'leases.following')?.message

  test('claims are followed where a mirror lives: the same peers as from Nodes, and no heartbeat of others', async (t) => {
    await createNode('a', 1)
    await createNode('b', 2)
    await mirror(t)
    const [one, other] = [agent(t, 'auto'), agent(t, undefined)]
    await eventually(() => one.source.view().synced && other.source.view().synced, 'both are synced')
    assert.equal(following(one), 'following claims')
    assert.deepEqual([...one.source.view().peers], [...other.source.view().peers])
    await createNode('c', 3)
    await eventually(() => one.peers().includes('c') && other.peers().includes('c'), 'the new node')
    await must('DELETE', `${NODES}/b`)
    if (contract.server.kind === 'real') await must('DELETE', `${CLAIMS}/b`)
    await passUntil(one, () => !one.peers().includes('b'), 'the end of b')
    const { heard } = one
    for (let beat = 0; beat < 50; beat += 1) await must('PATCH', `${NODES}/a/status`, heartbeat(beat), STRATEGIC)
    await createNode('d', 4)
    await eventually(() => one.peers().includes('d'), 'what came behind the heartbeats')
    assert.equal(one.heard, heard + 1)
  })

  test('an agent writes its own claim, the mirror completes it, and annotations are published as ever', async (t) => {
    await mirror(t)
    const one = agent(t, 'auto')
    await eventually(() => one.source.view().synced, 'synced')
    await one.source.publish(OURS)
    one.clock.advance(1)
    const read = async (): Promise<{ spec: object; status?: { subnets: string[] } } | undefined> => {
      const { status, body } = await contract.ask('GET', `${CLAIMS}/me`)
      return status === 200 ? JSON.parse(body.toString()) : undefined
    }
    await eventually(async () => {
      one.clock.advance(1000)
      const claim = await read()
      return claim?.status !== undefined && JSON.stringify(claim.spec).includes('"writer":"Node"')
    }, 'a claim of the node itself, with status')
    const claim = await read()
    assert.deepEqual(claim?.spec, {
      writer: 'Node',
      ipv4: { underlay: '192.168.0.200', lladdr: '02:00:00:00:04:c8', vni: 1 },
    })
    assert.deepEqual(claim?.status?.subnets, ['10.42.200.0/24'])
    const node = (await must('GET', `${NODES}/me`)) as Body
    assert.equal(node.metadata.annotations?.[`${PREFIX}/public-ip`], '192.168.0.200')
  })

  test('without a mirror Nodes are followed, and claims as soon as one has written them', async (t) => {
    await createNode('a', 1)
    const one = agent(t, 'auto')
    await eventually(() => one.source.view().synced, 'synced')
    assert.equal(following(one), 'following Nodes')
    await mirror(t)
    await passUntil(one, () => following(one) === 'following claims', 'claims are followed')
    assert.deepEqual(one.peers(), ['a'])
    assert.ok(one.source.view().synced)
  })

  test('while the mirror is silent what is claimed stays; a node that joins is found, and claims are followed again behind it', async (t) => {
    await createNode('a', 1)
    const first = await mirror(t)
    const one = agent(t, 'auto')
    await eventually(() => one.source.view().synced, 'synced')
    await first.stop()
    await passUntil(one, () => one.log.lines.some(({ event }) => event === 'leases.mirror-silent'), 'the silence')
    assert.deepEqual(one.peers(), ['a'])
    await createNode('b', 2)
    await passUntil(one, () => one.peers().includes('b'), 'the node that no claim tells of')
    assert.equal(following(one), 'following Nodes')
    await mirror(t)
    await passUntil(one, () => following(one) === 'following claims', 'claims are followed again')
    assert.deepEqual(one.peers(), ['a', 'b'])
  })

  test('an agent that starts with objects where no mirror has written them takes no node for gone', async (t) => {
    await createNode('a', 1)
    const synced: string[][] = []
    const one = agent(t, 'objects', ({ source, peers }) => {
      if (source.view().synced) synced.push(peers())
    })
    await eventually(() => synced.length > 0, 'synced')
    assert.deepEqual([following(one), synced[0]], ['following Nodes', ['a']])
    await mirror(t)
    await passUntil(one, () => following(one) === 'following claims', 'claims are followed')
    assert.ok(synced.every((peers) => peers.includes('a')))
  })

  test('claims that somebody deletes take no node away, not even all of them at once', async (t) => {
    for (let n = 1; n <= 12; n += 1) await createNode(`n${n}`, n)
    const first = await mirror(t)
    const one = agent(t, 'auto')
    await eventually(() => one.source.view().synced && one.peers().length === 12, 'synced')
    await first.stop()
    await must('DELETE', `${CLAIMS}/n1`)
    await passUntil(one, () => following(one) === 'following Nodes', 'Nodes are followed')
    assert.equal(one.peers().length, 12)
    const second = await mirror(t)
    await passUntil(one, () => following(one) === 'following claims', 'claims are followed again')
    await second.stop()
    for (let n = 1; n <= 12; n += 1) await must('DELETE', `${CLAIMS}/n${n}`)
    await passUntil(one, () => following(one) === 'following Nodes', 'Nodes are followed again')
    assert.equal(one.peers().length, 12)
    assert.ok(one.least >= 12, `${one.least} peers`)
  })

  test('roll-back is one flag: an agent with annotations alone sees the same nodes', async (t) => {
    await createNode('a', 1)
    await mirror(t)
    const one = agent(t, 'objects')
    await eventually(() => one.source.view().synced, 'synced with claims')
    await one.source.publish(OURS)
    await one.source.close()
    const other = agent(t, undefined)
    await eventually(() => other.source.view().synced, 'synced with annotations')
    assert.deepEqual([...other.source.view().peers], [...one.source.view().peers])
    assert.equal(other.source.view().own?.lladdrs.ipv4, OURS.ipv4.lladdr)
  })
})

function heartbeat(beat: number): object {
  const lastHeartbeatTime = new Date(1_780_000_000_000 + beat * 1000).toISOString().replace(/\.\d+Z$/, 'Z')
  return { status: { conditions: [{ type: 'Ready', status: 'True', reason: 'r', message: 'm', lastHeartbeatTime }] } }
}

async function eventually(check: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 2500; tries += 1) {
    if (await check()) return
    await moment(10)
  }
  throw new Error(`did not happen: ${what}`)
}

function moment(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
