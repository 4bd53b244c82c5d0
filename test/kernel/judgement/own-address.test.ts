/**
 * The overlay stays on the address that belongs to the node. Beside it: an address that keepalived or kube-vip moves about
 * (permanent, /32 or /128; the node's own is dynamic), another default route, another node that claims to have it.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { nodad } from '../handover/support/host.ts'
import { objectOf, peer } from '../handover/support/nodes.ts'
import type { Family } from '../healing/support/cluster.ts'
import { createPublishedHost, floating, ownAddress, type PublishedHost, settled } from './support/published-host.ts'
import { SIDE_BY_SIDE } from './support/side-by-side.ts'

/** A node with what happens to its addresses. */
interface Node extends PublishedHost {
  readonly family: Family
  readonly own: string
  readonly vip: string
  lose(): Promise<void>
  /** The address that floats comes. */
  float(): Promise<void>
  loseOwn(): Promise<void>
  giveOwn(): Promise<void>
  /** What was announced before has been looked at. */
  settled(): Promise<void>
}

async function createNode(t: TestContext, family: Family): Promise<Node> {
  const node = await createPublishedHost(t, family)
  const { host } = node
  const own = ownAddress(family)
  const [vip = ''] = floating(family).split('/')
  const lose = (): Promise<void> => host.ip(`address del ${node.ownWords.split(' ')[0]} dev mgmt0`)
  return {
    ...node,
    family,
    own,
    vip,
    lose,
    float: () => host.ip(`address add ${floating(family)} dev mgmt0${nodad(family)}`),
    async loseOwn() {
      const from = host.log.length
      await lose()
      const { message } = await host.said('underlay.waiting', from)
      assert.match(message, isGone(own, vip))
    },
    giveOwn: () => host.ip(`address add ${node.ownWords}`),
    settled: () => settled(node, family),
  }
}

function isGone(own: string, vip: string): RegExp {
  return new RegExp(`${own}, the address of this node, is gone; unless it returns .*${vip} on mgmt0 is used`)
}

function isNeverUsed({ host, vip }: Node): void {
  assert.ok(!host.log.some(({ event, message }) => event === 'underlay.chosen' && message.includes(vip)))
}

const CASES: readonly (readonly [name: string, run: (node: Node) => Promise<void>])[] = [
  [
    'a floating address that was there first is not taken',
    async (node) => {
      await node.lose()
      await node.float()
      await node.giveOwn()
      node.start()
      await node.livesOn(node.own)
      await node.settled()
      isNeverUsed(node)
    },
  ],
  [
    'a floating address that comes later is not taken',
    async (node) => {
      node.start()
      await node.livesOn(node.own)
      await node.float()
      await node.settled()
      await node.livesOn(node.own)
      isNeverUsed(node)
    },
  ],
  [
    'an own address that goes for a moment is waited for, over a restart too',
    async (node) => {
      node.start()
      await node.livesOn(node.own)
      await node.float()
      await node.loseOwn()
      await node.giveOwn()
      await node.livesOn(node.own)
      await node.loseOwn()
      await node.stop()
      const from = node.host.log.length
      node.start()
      await node.host.said('underlay.waiting', from, ({ message }) => isGone(node.own, node.vip).test(message))
      await node.giveOwn()
      await node.livesOn(node.own)
      isNeverUsed(node)
    },
  ],
  [
    'the floating address stands in after a while, is not announced, and is left when the own one is back, over a restart too',
    async (node) => {
      node.start({ fallbackAfterMs: 300 })
      await node.livesOn(node.own)
      await node.float()
      await node.loseOwn()
      await node.livesOn(node.vip)
      await node.giveOwn()
      await node.livesOn(node.own)
      await node.loseOwn()
      await node.livesOn(node.vip)
      await node.stop()
      node.start()
      await node.settled()
      await node.livesOn(node.vip)
      await node.giveOwn()
      await node.livesOn(node.own)
      const announced = node.host.log.filter(({ event }) => event === 'underlay.announcing')
      assert.ok(!announced.some(({ message }) => message.includes(node.vip)))
    },
  ],
  [
    'a floating address that a new node has before its own is left when that one comes',
    async (node) => {
      await node.lose()
      await node.float()
      await node.host.ip(`route add ${everything(node.family)} dev mgmt0 proto kernel`)
      node.start({ ifaces: [] })
      await node.livesOn(node.vip)
      await node.giveOwn()
      await node.livesOn(node.own)
    },
  ],
  [
    'the better of two default routes may go and come, and nothing is published',
    async (node) => {
      const { family, host } = node
      const route = (verb: string, link: string, metric: number): string =>
        `route ${verb} ${everything(family)} dev ${link} proto kernel metric ${metric}`
      await host.ip(
        'link add mgmt1 type veth peer name far1',
        'link set mgmt1 up',
        'link set far1 up',
        `address add ${second(family)} dev mgmt1${nodad(family)}`,
        route('add', 'mgmt0', 100),
        route('add', 'mgmt1', 200),
      )
      node.start({ ifaces: [] })
      await node.livesOn(node.own)
      for (const verb of ['del', 'add']) {
        await host.ip(route(verb, 'mgmt0', 100))
        await node.settled()
      }
      await host.ip(route('add', 'mgmt1', 50))
      await node.settled()
      await node.livesOn(node.own)
      assert.equal(host.log.filter(({ event }) => event === 'lease.published').length, 1)
    },
  ],
  [
    "another node that publishes this node's address does not move it",
    async (node) => {
      const { family, host, server } = node
      node.start()
      await node.livesOn(node.own)
      const from = host.log.length
      server.nodes.create(objectOf(peer('thief', { subnet: 30, at: 1 }), [family]))
      await host.said('leases.rejected', from)
      await host.ip(`address add ${second(family)} dev mgmt0${nodad(family)}`)
      await node.settled()
      await node.livesOn(node.own)
    },
  ],
]

for (const family of ['ipv4', 'ipv6'] as const)
  test(`${family}: the overlay stays on the node's own address`, SIDE_BY_SIDE, async (t) => {
    await Promise.all(CASES.map(([name, run]) => t.test(name, async (t) => run(await createNode(t, family)))))
  })

function everything(family: Family): string {
  return family === 'ipv4' ? '0.0.0.0/0' : '::/0'
}

/** Of the same kind as the node's own. */
function second(family: Family): string {
  return family === 'ipv4' ? '192.168.9.9/24' : 'fd00:9::9/64'
}
