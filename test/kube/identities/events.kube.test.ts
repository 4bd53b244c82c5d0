/** Events on our own Node on the real kube-apiserver: by a pod's token, by a kubelet's certificate, and without the right. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { createEventTeller } from '../../../lib/agent/window/event-teller.ts'
import { createJournal } from '../../../lib/agent/window/journal.ts'
import { askCluster } from '../../../lib/cli/window/cluster-mesh.ts'
import { createKubeSource, type KubeSourceConfig } from '../../../lib/leases/kube.ts'
import { createMemoryLog, PREFIX, until, v4Network } from '../../leases/support.ts'
import { createAgentFolder, startAgentProcess } from '../../support/agent-process.ts'
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts'
import { kernelTests, netnsNamed } from '../../support/netns.ts'
import { patience } from '../../support/patience.ts'
import { nodeObject } from '../node-objects.ts'
import { type Cluster, NODES, startCluster } from './cluster.ts'

/** A bound, not a measure. */
const PATIENCE_MS = patience(30_000)
const EVENTS = '/apis/events.k8s.io/v1/namespaces/default/events'

interface Event {
  readonly metadata: { readonly name: string }
  readonly reason: string
  readonly note: string
  readonly type: string
  readonly reportingController: string
  readonly regarding: { readonly kind: string; readonly name: string; readonly uid: string }
  readonly series?: { readonly count: number }
}

const run = promisify(execFile)

describe('events', () => {
  let cluster: Cluster
  let agent = ''
  before(async () => {
    cluster = await startCluster()
    for (const file of ['admission.yaml', 'rbac-host.yaml', 'rbac-daemonset.yaml']) await cluster.apply(file)
    for (const [index, name] of ['mine', 'other'].entries())
      await cluster.must('POST', NODES, nodeObject(name, index, { annotations: false }))
    agent = await cluster.tokenOf('vtepd-node', 'mine')
  })
  after(() => cluster?.close())

  const write = (name: string, user: string): string => {
    const file = path.join(cluster.folder, `${name}.conf`)
    writeFileSync(
      file,
      `{ apiVersion: v1, kind: Config, current-context: x, contexts: [{ name: x, context: { cluster: c, user: u } }],
      clusters: [{ name: c, cluster: { server: '${cluster.kube.url}', certificate-authority: ${cluster.kube.caFile} } }],
      users: [{ name: u, user: ${user} }] }`,
    )
    return file
  }
  /** An agent's source and teller on Node mine, by this user of a kubeconfig. */
  const stage = async (t: TestContext, name: string, user: string, more: Partial<KubeSourceConfig> = {}) => {
    const log = createMemoryLog()
    const journal = createJournal(log)
    const clock = createManualClock(1_000_000)
    const source = createKubeSource({
      config: {
        kubeconfigFile: write(name, user),
        apiUrl: undefined,
        node: { name: 'mine' },
        annotationPrefix: PREFIX,
        setNodeNetworkUnavailable: true,
        ...more,
      },
      network: v4Network,
      log,
      clock,
      random: () => 0,
    })
    const teller = createEventTeller({
      journal,
      events: () => source.events,
      peers: () => 1,
      refusedToUs: () => undefined,
      clock,
      log: journal.log,
      random: () => 0,
    })
    t.after(async () => {
      teller.stop()
      await source.close()
    })
    source.start(() => undefined)
    await until(() => source.view().synced, 'the view')
    return { log, clock, journal, source }
  }
  const eventsOf = async (reason: string): Promise<readonly Event[]> => {
    const { items } = (await cluster.must('GET', EVENTS)) as { items: Event[] }
    return items.filter((event) => event.reason === reason)
  }
  /** `clock`: goes on meanwhile, since the server has an Event before the teller knows that it does. */
  const untilEvents = async (
    reason: string,
    enough: (events: readonly Event[]) => boolean,
    clock?: ManualClock,
  ): Promise<readonly Event[]> => {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
      await clock?.run(1000)
      const events = await eventsOf(reason)
      if (enough(events)) return events
    }
    throw new Error(`no such event ${reason}: ${JSON.stringify(await eventsOf(reason))}`)
  }

  test("a pod's token tells a fault that lasts on its own Node, and counts on what happens again", async (t) => {
    const { clock, journal } = await stage(t, 'pod', `{ token: ${agent} }`)
    journal.log.with({ family: 'ipv4' }).stands?.({ event: 'way.mtu', sentence: `too narrow ${'ä'.repeat(2000)}` })
    await clock.run(20_000)
    const [fault] = await untilEvents('WayMtu', (events) => events.length > 0)
    const { metadata } = (await cluster.must('GET', `${NODES}/mine`)) as { metadata: { uid: string } }
    assert.deepEqual(
      [fault?.type, fault?.reportingController, fault?.regarding.kind, fault?.regarding.name, fault?.regarding.uid],
      ['Warning', 'vtepd', 'Node', 'mine', metadata.uid],
    )
    assert.match(fault?.note ?? '', /^ipv4: too narrow ä+…$/)
    const heal = () => journal.log.info('overlay.healed', 'healed flannel.1', { slug: 'device_deleted' })
    heal()
    await untilEvents('OverlayHealed', (events) => events.length === 1, clock)
    heal()
    heal()
    const healed = await untilEvents('OverlayHealed', ([event]) => event?.series?.count === 3, clock)
    assert.deepEqual([healed.length, healed[0]?.series?.count], [1, 3])
  })

  test('what agents say of their probes is read for the whole cluster, until it is over', async (t) => {
    const { clock, journal } = await stage(t, 'pod', `{ token: ${agent} }`)
    const kubeconfigFile = path.join(cluster.folder, 'admin.conf')
    writeFileSync(kubeconfigFile, cluster.kube.kubeconfig('admin'))
    const log = journal.log.with({ family: 'ipv4' })
    log.stands?.({ event: 'mesh.path-mtu', sentence: 'packets of pods to other of more than 1400 bytes are lost' })
    await clock.run(20_000)
    await untilEvents('MeshPathMtu', (events) => events.length > 0)
    const found = await askCluster({ kubeconfigFile, apiUrl: undefined })
    assert.deepEqual(
      found.map(({ node, reason, family, sentence }) => [node, reason, family, sentence]),
      [['mine', 'MeshPathMtu', 'ipv4', 'packets of pods to other of more than 1400 bytes are lost']],
    )
    log.stands?.({ event: 'mesh.path-mtu', sentence: undefined })
    await untilEvents('MeshPathMtuEnded', (events) => events.length > 0, clock)
    assert.deepEqual(await askCluster({ kubeconfigFile, apiUrl: undefined }), [])
  })

  test("a kubelet's certificate tells too: a service of the host needs no right of its own", async (t) => {
    const { cert, key } = cluster.kubeletOf('mine')
    const kubeconfigFile = write('kubelet', `{ client-certificate: ${cert}, client-key: ${key} }`)
    const reader = `{ token: ${await cluster.secretTokenOf('vtepd')} }`
    const { clock, journal } = await stage(t, 'host', reader, { publisher: { kubeconfigFile } })
    journal.log.warn('repair.fight', 'undone again and again')
    await clock.run(1000)
    await untilEvents('RepairFight', (events) => events.length === 1)
  })

  test('without the right one line says so, and nothing else happens', async (t) => {
    const { clock, journal, log, source } = await stage(t, 'none', `{ token: ${await cluster.secretTokenOf('vtepd')} }`)
    journal.log.warn('agent.exception', 'a bug')
    await clock.run(1000)
    await until(() => log.of('events.refused').length > 0, 'the line')
    assert.match(log.of('events.refused')[0]?.message ?? '', /403 Forbidden/)
    assert.equal(source.view().synced, true)
    assert.deepEqual(await eventsOf('AgentException'), [])
  })

  test('a real agent tells that its device was deleted and is there again', kernelTests, async (t) => {
    // The API server listens in the namespace of the tests, so the agent is there too.
    const netns = netnsNamed(`events-${process.pid}`)
    const ip = (words: string) => run('ip', words.split(' '))
    await ip(`netns attach ${netns.name} ${process.pid}`)
    t.after(() => ip(`netns delete ${netns.name}`))
    await ip('link add events0 type veth peer name events1')
    t.after(() => ip('link delete events0'))
    await ip('address add 172.31.9.1/24 dev events0')
    for (const link of ['events0', 'events1']) await ip(`link set ${link} up`)
    const folder = createAgentFolder({ Network: '10.0.0.0/8', Backend: { Type: 'vxlan', VNI: 909 } })
    const kubeconfig = write('real', `{ token: ${agent} }`)
    const flags = [...folder.flags, `--kubeconfig-file=${kubeconfig}`, `--publish-kubeconfig=${kubeconfig}`]
    const before = (await eventsOf('OverlayHealed')).length
    const running = startAgentProcess(t, netns, 'mine', [...flags, '--iface=events0', '--firewall=none'])
    t.after(() => ip('link delete flannel.909'))
    await running.until('agent.ready')
    await ip('link delete flannel.909')
    await running.until('overlay.healed')
    const healed = await untilEvents('OverlayHealed', (events) => events.length > before)
    assert.match(healed.at(-1)?.note ?? '', /^ipv4: healed flannel\.909 in \S+ m?s: the device was deleted; /)
    running.kill('SIGTERM')
    assert.equal(await running.ended, 0)
  })

  test("a pod's token tells nothing about another Node, nor in another's name", async () => {
    const event = (node: string, component = 'vtepd') => ({
      metadata: { name: `${node}.${component}`, namespace: 'default' },
      involvedObject: { kind: 'Node', name: node },
      type: 'Warning',
      reason: 'X',
      message: 'x',
      reportingComponent: component,
      reportingInstance: node,
    })
    const ask = (body: object) => cluster.ask({ token: agent }, 'POST', '/api/v1/namespaces/default/events', body)
    for (const refused of [event('other'), event('mine', 'kubelet')]) {
      let told = await ask(refused)
      // A policy is in force some time after it was made.
      for (let tries = 0; tries < 100 && told.status !== 403; tries += 1) told = await ask(refused)
      assert.match(told.message, /of Events, vtepd may write its own about its own Node alone/)
    }
    assert.equal((await ask(event('mine'))).status, 201)
  })
})
