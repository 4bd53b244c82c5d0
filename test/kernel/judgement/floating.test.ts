/**
 * An address that keepalived or kube-vip moves about (permanent, /32 or /128) beside the node's own (dynamic): the overlay
 * stays on the own one, waits for it when it goes, and is never left on the floating one when it is back.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { nodad } from '../handover/support/host.ts'
import { objectOf, peer } from '../handover/support/nodes.ts'
import type { Family } from '../healing/support/cluster.ts'
import {
  createPublishedHost,
  floating,
  ownAddress,
  PEER,
  type PublishedHost,
  settled,
} from './support/published-host.ts'

for (const family of ['ipv4', 'ipv6'] as const) {
  const OWN = ownAddress(family)
  const [VIP = ''] = floating(family).split('/')
  const add = `address add ${floating(family)} dev mgmt0${nodad(family)}`
  const create = (t: TestContext): Promise<PublishedHost> => createPublishedHost(t, family)
  const loseOwn = async ({ host, own }: PublishedHost): Promise<void> => {
    const from = host.log.length
    await host.ip(`address del ${own.split(' ')[0]} dev mgmt0`)
    const { message } = await host.said('underlay.waiting', from)
    assert.match(
      message,
      new RegExp(`${OWN}, the address of this node, is gone; unless it returns .*${VIP} on mgmt0 is used`),
    )
  }
  const giveOwn = ({ host, own }: PublishedHost): Promise<void> => host.ip(`address add ${own}`)
  /** Every address that was ever published, the first of each run left out. */
  const isNeverPublished = ({ host }: PublishedHost): void =>
    assert.ok(!host.log.some(({ event, message }) => event === 'underlay.chosen' && message.includes(VIP)))

  for (const first of ['the floating one', 'its own'] as const)
    test(`${family}: the overlay is on the node's own address, ${first} being there first`, kernelTests, async (t) => {
      const node = await create(t)
      if (first === 'the floating one')
        await node.host.ip(`address del ${node.own.split(' ')[0]} dev mgmt0`, add, `address add ${node.own}`)
      node.start()
      await node.livesOn(OWN)
      if (first === 'its own') await node.host.ip(add)
      await settled(node, family)
      await node.livesOn(OWN)
      isNeverPublished(node)
    })

  test(`${family}: an own address that goes for a moment is waited for, over a restart too`, kernelTests, async (t) => {
    const node = await create(t)
    node.start()
    await node.livesOn(OWN)
    await node.host.ip(add)
    await loseOwn(node)
    await giveOwn(node)
    await node.livesOn(OWN)
    await loseOwn(node)
    await node.stop()
    const from = node.host.log.length
    node.start()
    await node.host.said('underlay.waiting', from, ({ message }) =>
      message.includes(`${OWN}, the address of this node, is gone`),
    )
    await giveOwn(node)
    await node.livesOn(OWN)
    isNeverPublished(node)
  })

  test(
    `${family}: the floating address stands in after a while, and is left when the own one is back, over a restart too`,
    kernelTests,
    async (t) => {
      const node = await create(t)
      node.start({ fallbackAfterMs: 300 })
      await node.livesOn(OWN)
      await node.host.ip(add)
      await loseOwn(node)
      await node.livesOn(VIP)
      await giveOwn(node)
      await node.livesOn(OWN)
      await loseOwn(node)
      await node.livesOn(VIP)
      await node.stop()
      node.start()
      await settled(node, family)
      await node.livesOn(VIP)
      await giveOwn(node)
      await node.livesOn(OWN)
      const announced = node.host.log
        .filter(({ event }) => event === 'underlay.announcing')
        .map(({ message }) => message)
      assert.ok(!announced.some((message) => message.includes(VIP)), announced.join())
    },
  )

  test(
    `${family}: a floating address that a new node has before its own is left when that one comes`,
    kernelTests,
    async (t) => {
      const node = await create(t)
      const all = family === 'ipv4' ? '0.0.0.0/0' : '::/0'
      await node.host.ip(
        `address del ${node.own.split(' ')[0]} dev mgmt0`,
        add,
        `route add ${all} dev mgmt0 proto kernel`,
      )
      node.start({ ifaces: [] })
      await node.livesOn(VIP)
      await giveOwn(node)
      await node.livesOn(OWN)
    },
  )

  test(`${family}: another node that publishes this node's address does not move it`, kernelTests, async (t) => {
    const node = await createPublishedHost(t, family, [PEER])
    node.start()
    await node.livesOn(OWN)
    const from = node.host.log.length
    node.server.nodes.create(objectOf(peer('thief', { subnet: 30, at: 1 }), [family]))
    await node.host.said('leases.rejected', from)
    await node.host.ip(`address add ${second(family)} dev mgmt0${nodad(family)}`)
    await settled(node, family)
    await node.livesOn(OWN)
  })
}

/** Of the same kind as the node's own. */
function second(family: Family): string {
  return family === 'ipv4' ? '192.168.9.9/24' : 'fd00:9::9/64'
}
