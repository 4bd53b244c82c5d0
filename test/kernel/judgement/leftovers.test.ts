/**
 * Routes that an earlier flannel may have left in front of a peer's, on another device or past ours: removed only where all of
 * the conditions hold, twice at most; everything else is named with its device, and the node is not ready.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { createHost, type Host, type StartOptions } from '../handover/support/host.ts'
import { OWN, type PeerNode, peer } from '../handover/support/nodes.ts'
import { claimOf } from '../healing/support/cluster.ts'
import { rows } from './support/shell.ts'

const HIDDEN = peer('hidden', { subnet: 20 })
const OTHER = peer('other', { subnet: 21 })
const { subnet, overlay, underlay } = claimOf('ipv4', 20)

/** flannel's own words for a route. */
const FORMS = [
  ['on the device of another VNI', `${subnet} via ${overlay} dev flannel.7 onlink`],
  ['on flannel-wg', `${subnet} via ${overlay} dev flannel-wg onlink`],
  ['of host-gw', `${subnet} via ${underlay} dev mgmt0`],
] as const

/** Each lacks one condition. */
const OTHERS: readonly {
  readonly name: string
  readonly route: string
  readonly hidden?: PeerNode
  readonly start?: StartOptions
}[] = [
  ...FORMS.flatMap(([form, route]) => [
    { name: `${form}, of another protocol`, route: `${route} proto static` },
    { name: `${form}, of another metric`, route: `${route} metric 3` },
    { name: `${form}, to a peer that publishes another VNI`, route, hidden: { ...HIDDEN, vni: 7 } },
    { name: `${form}, beside a flannel that runs`, route, start: { rival: () => 'flanneld (process 812)' } },
    { name: `${form}, for a part of the subnet`, route: route.replace('/24', '/25') },
    { name: `${form}, with more to it`, route: `${route} mtu 1300` },
  ]),
  { name: 'through a gateway that is not the peer', route: `${subnet} via 172.16.0.254 dev mgmt0` },
  {
    name: 'through the overlay address on a device that is not flannel’s',
    route: `${subnet} via ${overlay} dev other0 onlink`,
  },
  { name: 'through the overlay address, past our device', route: `${subnet} via ${overlay} dev mgmt0 onlink` },
  { name: 'without a gateway', route: `${subnet} dev flannel-wg` },
  { name: 'to nowhere', route: `blackhole ${subnet}` },
]

for (const [form, route] of FORMS)
  test(`what flannel left ${form} is removed, twice, and then named as long as it stands`, kernelTests, async (t) => {
    const host = await createCrowdedHost(t)
    for (const round of ['before the start', 'first', 'second', 'third'] as const) {
      const from = host.log.length
      if (round !== 'first') await host.ip(`route add ${route}`)
      if (round === 'before the start') {
        await begin(host)
        continue
      }
      if (round === 'third') {
        const { message } = await host.said('agent.not-ready', from)
        assert.ok(message.includes(`packets to ${subnet} of hidden take \`${subnet} via`), message)
        assert.ok((await host.netns.exec('ip', 'route', 'show', subnet)).includes(route.split(' ')[4] ?? ''))
        await host.ip(`route del ${route}`)
        await host.said('agent.ready', from)
      }
      await host.atRest([OTHER, HIDDEN])
      assert.equal(await wayTo(host), 'flannel.1')
    }
    const removed = host.log.filter(({ event }) => event === 'peers.leftover-removed')
    assert.equal(removed.length, 2)
  })

test(
  'a route that lacks one of the conditions stays, is named with its device, and makes the node unready',
  kernelTests,
  async (t) => {
    for (const one of OTHERS) await t.test(one.name, (t) => stays(t, one))
  },
)

async function stays(t: TestContext, { route, hidden = HIDDEN, start = {} }: (typeof OTHERS)[number]): Promise<void> {
  const host = await createCrowdedHost(t)
  await begin(host, hidden, start)
  const from = host.log.length
  await host.ip(`route add ${route}`)
  const device = / dev (\S+)/.exec(route)?.[1] ?? 'none'
  const { message } = await host.said('peers.shadowed', from)
  assert.match(message, new RegExp(`packets to ${subnet} of hidden take .*(dev ${device}|blackhole)`))
  await host.said('agent.not-ready', from)
  // Everything that was told before has been worked off.
  host.foreign = { ipv4: { neighbours: [], fdb: [], routes: await foreignRoutes(host) } }
  assert.equal(host.foreign.ipv4?.routes.length, 1)
  await host.atRest([OTHER, hidden])
  assert.deepEqual(
    host.log.filter(({ event }) => event === 'peers.leftover-removed'),
    [],
  )
}

async function createCrowdedHost(t: TestContext): Promise<Host> {
  const host = await createHost(t, { families: ['ipv4'] })
  await host.ip(
    `link add flannel.7 type vxlan id 7 dstport 8472 local ${claimOf('ipv4', OWN).underlay} nolearning`,
    'link set flannel.7 up',
    'tuntap add flannel-wg mode tun',
    'link set flannel-wg up',
    'link add other0 type bridge',
    'link set other0 up',
  )
  return host
}

async function begin(host: Host, hidden = HIDDEN, options: StartOptions = {}): Promise<void> {
  host.start(options)
  host.nodes.tell({ list: [OTHER, hidden] })
  await host.said('agent.ready', 0)
}

/** As iproute2 shows them, without ours. */
async function foreignRoutes(host: Host): Promise<readonly string[]> {
  const { routes } = await host.read('ipv4')
  return routes.filter((line) => !line.includes('proto 118'))
}

/** The link by which a packet to a pod of the hidden peer leaves. */
async function wayTo(host: Host): Promise<unknown> {
  const [route] = await rows(host.netns, `ip -j route get ${overlay.replace(/0$/, '9')}`)
  return route?.dev
}
