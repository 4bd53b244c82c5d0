/** A lease source of the program around the agent: what it tells, what it is told, and its mistakes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCustomSource } from '../../lib/leases/custom.ts'
import type { LeaseContext, NodeLease } from '../../lib/leases/custom-port.ts'
import { containedLog } from '../../lib/module/contained-log.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { parseVni } from '../../lib/net/vni.ts'
import { vxlanBackend } from '../support/config.ts'
import { createManualClock } from '../support/manual-clock.ts'

const network = { ipv4: parseCidr('10.42.0.0/16'), ipv6: undefined, enableNftables: false, backend: vxlanBackend() }
const peer: NodeLease = {
  name: 'b',
  ipv4: { subnet: '10.42.2.0/24', underlay: '192.0.2.2', lladdr: '0e:00:00:00:00:02' },
}
const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

test('nodes that are told become peers, and our own entry is published when it differs', async () => {
  let context: LeaseContext | undefined
  const published: NodeLease[] = []
  const clock = createManualClock()
  const stood: string[] = []
  const log = {
    ...containedLog(undefined),
    stands: (what: { event: string; sentence: string | undefined }) =>
      void stood.push(`${what.event} ${what.sentence}`),
  }
  const source = createCustomSource({
    source: {
      start: (given) => {
        context = given
      },
      publish: async (own) => void published.push(own),
      close: () => undefined,
    },
    nodeName: 'a',
    network,
    log,
    clock,
  })
  let changes = 0
  source.start(() => (changes += 1))
  await settled()
  assert.equal(source.view().synced, false)
  const tell = context?.tell ?? assert.fail('not started')

  tell({ synced: false, because: 'half of it', nodes: [peer] })
  await settled()
  const half = source.view()
  assert.deepEqual([half.synced, !half.synced && half.because, half.peers.size, changes], [false, 'half of it', 1, 1])

  tell({ synced: true, nodes: [{ name: 'a', ipv4: { subnet: '10.42.1.0/24' } }, peer] })
  await settled()
  assert.deepEqual([source.view().synced, source.view().own?.subnets.ipv4], [true, '10.42.1.0/24'])
  const own = {
    vni: parseVni(1),
    ipv4: { underlay: parseIp('192.0.2.1'), lladdr: parseLladdr('0e:00:00:00:00:01') },
    ipv6: undefined,
  }
  assert.equal(await source.publish(own), 'accepted')
  const entry = { name: 'a', ipv4: { subnet: '10.42.1.0/24', underlay: '192.0.2.1', lladdr: '0e:00:00:00:00:01' } }
  assert.deepEqual(published, [entry])
  tell({ synced: true, nodes: [entry, peer] })
  await settled()
  await source.publish(own)
  assert.equal(published.length, 1, 'the source holds it')

  for (const wrong of [
    undefined,
    {},
    { synced: true },
    { synced: true, nodes: [{ name: 'c' }] },
    { synced: false, nodes: [] },
  ]) {
    tell(wrong as never)
    await settled()
    assert.equal(source.view().peers.size, 1)
    assert.match(stood.at(-1) ?? '', /^leases\.source-broken .*; what it told before stays$/)
  }
  await source.close()
})

test('one that throws is a fault, and a publication that never ends is given up', async () => {
  const clock = createManualClock()
  const stood: string[] = []
  const log = {
    ...containedLog(undefined),
    stands: (what: { sentence: string | undefined }) => void stood.push(String(what.sentence)),
  }
  let tell: LeaseContext['tell'] | undefined
  let aborted = false
  const source = createCustomSource({
    source: {
      start(context) {
        tell = context.tell
        throw new Error('no store')
      },
      publish: (_own, { signal }) => {
        signal.addEventListener('abort', () => (aborted = true))
        return new Promise(() => undefined)
      },
      close: () => Promise.reject(new Error('closed badly')),
    },
    nodeName: 'a',
    network,
    log,
    clock,
  })
  source.start(() => undefined)
  await settled()
  assert.match(stood.at(-1) ?? '', /no store/)
  tell?.({ synced: true, nodes: [{ name: 'a', ipv4: { subnet: '10.42.1.0/24' } }] })
  await settled()
  const publishing = assert.rejects(
    source.publish({ vni: undefined, ipv4: { underlay: parseIp('192.0.2.1'), lladdr: undefined }, ipv6: undefined }),
    /did not publish within 10 s/,
  )
  await settled()
  clock.advance(10_000)
  await publishing
  assert.equal(aborted, true)
  await source.close()
})
