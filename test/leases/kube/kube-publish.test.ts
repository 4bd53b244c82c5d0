import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { OwnVtep } from '../../../lib/cluster/view.ts'
import { KubeError } from '../../../lib/errors.ts'
import { startApiServer } from '../../../lib/lab/api-server/api-server.ts'
import { createKubeSource } from '../../../lib/leases/kube.ts'
import { parseVni } from '../../../lib/net/vni.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { nodeObject, refused, startScriptedHttp } from '../../support/scripted-http.ts'
import { claim4, createMemoryLog, flannelNode, PREFIX, until, v4Network } from '../support.ts'

const own: OwnVtep = { vni: parseVni(1), ipv4: claim4(9), ipv6: undefined }
const publicIp = `${PREFIX}/public-ip`

/** A source whose view is followed by a publisher as the agent's: whatever changes, it is asked to publish again. */
async function setUp(t: TestContext, asked: () => OwnVtep = () => own) {
  const api = await startApiServer()
  t.after(() => api.close())
  const clock = createManualClock(1_000_000)
  const log = createMemoryLog()
  const source = createKubeSource({
    config: {
      kubeconfigFile: undefined,
      apiUrl: api.url,
      annotationPrefix: PREFIX,
      setNodeNetworkUnavailable: true,
      node: { name: 'me' },
    },
    network: v4Network,
    log,
    clock,
    random: () => 0,
  })
  t.after(() => source.close())
  const errors: unknown[] = []
  let queue: Promise<unknown> = Promise.resolve()
  const publish = (): void => {
    queue = queue.then(() => source.publish(asked())).catch((error: unknown) => void errors.push(error))
  }
  const published = (): string | undefined => api.nodes.get('me')?.metadata.annotations?.[publicIp]
  return {
    api,
    clock,
    log,
    source,
    errors,
    publish,
    published,
    start: () => source.start(publish),
    create: (podCidr = '10.42.9.0/24') =>
      api.nodes.create({ metadata: { name: 'me' }, spec: { podCIDR: podCidr, podCIDRs: [podCidr] } }),
    annotate: (key: string, value: string | null) =>
      api.nodes.patchStatus('me', { metadata: { annotations: { [key]: value } } }),
    /** The stream has told the loss, and the publisher waits; no other limit is so short. */
    waiting: () => until(() => (clock.nextIn ?? 10_000) <= 5000, 'the wait before the next patch'),
  }
}

test('the condition comes with the files that pods need, as a change of ours', async (t) => {
  let podsCanStart = false
  const { api, clock, log, start, create, published, publish } = await setUp(t, () => ({ ...own, podsCanStart }))
  const conditionOf = (): unknown =>
    api.nodes.get('me')?.status?.conditions?.find(({ type }: { type: string }) => type === 'NetworkUnavailable')?.status
  create()
  start()
  await until(() => published() === '192.168.0.9', 'the lease')
  await until(() => api.watchCount === 1, 'quiet')
  assert.equal(conditionOf(), undefined)
  podsCanStart = true
  clock.advance(1100)
  publish()
  await until(() => conditionOf() === 'False', 'the condition')
  assert.equal(log.of('lease.republished').length, 0)
})

test('what somebody removed or altered is published again, and said', async (t) => {
  const { api, clock, log, start, create, annotate, published } = await setUp(t)
  create()
  start()
  await until(() => published() === '192.168.0.9', 'the first time')
  await until(() => api.watchCount === 1 && clock.pending === 1, 'quiet')
  clock.advance(6000)
  annotate(publicIp, null)
  await until(() => published() === '192.168.0.9', 'the address')
  clock.advance(6000)
  annotate(`${PREFIX}/backend-data`, '{"VNI":1,"VtepMAC":"02:00:00:00:00:66"}')
  await until(
    () => api.nodes.get('me')?.metadata.annotations?.[`${PREFIX}/backend-data`]?.includes('04:09') === true,
    'the MAC address',
  )
  assert.equal(log.of('lease.published').length, 1)
  assert.match(
    log.of('lease.republished')[0]?.message ?? '',
    /Node me did not say what we had published.*it had no .*public-ip/,
  )
})

test('the condition is set again when somebody else sets it', async (t) => {
  const { api, clock, start, create, published } = await setUp(t)
  create()
  start()
  await until(() => published() === '192.168.0.9', 'the first time')
  clock.advance(6000)
  api.nodes.patchStatus('me', { status: { conditions: [{ type: 'NetworkUnavailable', status: 'True' }] } })
  await until(() => api.nodes.get('me')?.status.conditions?.[0]?.status === 'False', 'the condition')
})

test('a quarrel that ends by itself needs no patch', async (t) => {
  const { api, clock, start, create, annotate, published, waiting } = await setUp(t)
  create()
  start()
  await until(() => published() === '192.168.0.9', 'the first time')
  const before = api.counters.patch
  annotate(publicIp, '10.66.0.1')
  await waiting()
  annotate(publicIp, '192.168.0.9')
  annotate('other', 'a mark that the stream has told everything')
  await until(() => api.watchCount === 1, 'the stream')
  await new Promise((resolve) => setTimeout(resolve, 30))
  clock.advance(5000)
  await until(() => clock.pending === 1, 'quiet')
  assert.equal(api.counters.patch, before)
})

test('the overwrite annotation is followed when it appears and when it vanishes', async (t) => {
  const { clock, start, create, annotate, published } = await setUp(t)
  create()
  start()
  await until(() => published() === '192.168.0.9', 'the first time')
  clock.advance(6000)
  annotate(`${publicIp}-overwrite`, '203.0.113.9')
  await until(() => published() === '203.0.113.9', 'the overwrite')
  clock.advance(6000)
  annotate(`${publicIp}-overwrite`, null)
  await until(() => published() === '192.168.0.9', 'the end of it')
})

test('our own Node deleted is waited for; when it returns, with another podCIDR too, it says at once who we are', async (t) => {
  const { api, clock, source, errors, start, create, published, publish } = await setUp(t)
  create()
  start()
  await until(() => published() === '192.168.0.9', 'the first time')
  clock.advance(1000)
  api.nodes.delete('me')
  await until(() => !source.view().synced, 'the loss')
  publish()
  await until(() => errors.length > 0, 'the refusal')
  assert.ok(errors[0] instanceof KubeError && errors[0].status === 404)
  create('10.42.19.0/24')
  await until(() => published() === '192.168.0.9', 'the second time')
  await until(() => source.view().own?.subnets.ipv4 === '10.42.19.0/24', 'the other podCIDR')
})

test('a server that asks for patience gets it, and not for ever', async (t) => {
  const server = await startScriptedHttp(t)
  const clock = createManualClock()
  const source = createKubeSource({
    config: {
      kubeconfigFile: undefined,
      apiUrl: server.url,
      annotationPrefix: PREFIX,
      setNodeNetworkUnavailable: false,
      node: { name: 'me' },
    },
    network: v4Network,
    log: createMemoryLog(),
    clock,
  })
  t.after(() => source.close())
  const me = JSON.stringify(nodeObject(flannelNode('me', 3), '5'))
  const answer = (response: { end(text: string): void }): void => response.end(me)
  const busy = (seconds: number) => refused(429, 'too many requests', { 'retry-after': String(seconds) })
  server.script(answer, busy(20), answer, busy(100_000), answer, answer)
  await assert.rejects(source.publish(own), /patch node me\/status: 429 too many requests/)
  for (const [patienceMs, requests] of [
    [20_000, 2],
    [300_000, 4],
  ] as const) {
    assert.equal(await source.publish(own), 'later')
    clock.advance(patienceMs - 1)
    assert.equal(await source.publish(own), 'later')
    assert.equal(server.requests.length, requests)
    clock.advance(1)
    await source.publish(own).catch(() => undefined)
  }
  assert.equal(server.requests.length, 6)
})
