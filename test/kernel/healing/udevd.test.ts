/** systemd-udevd gives new interfaces another MAC address; whoever chose one at creation is left alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startUdevd, udevdTests } from '../../support/udevd.ts'
import { deviceName } from './support/cluster.ts'
import { createHealthyHost } from './support/host.ts'

test("udevd's MAC policy leaves a device alone that the agent makes, however often", udevdTests(), async (t) => {
  const host = await createHealthyHost(t, { families: ['ipv4', 'ipv6'] })
  await startUdevd(t, host.netns)
  const seen = host.events.lines.length
  for (let round = 0; round < 3; round += 1) {
    for (const family of host.expected.families) await host.ip(`link del ${deviceName(family)}`)
    await host.ready()
  }
  // udevd takes them in order: once it has chosen an address for this one, it has left ours alone.
  await host.ip('link add late0 type bridge')
  const lateOnes = (): number => host.events.lines.slice(seen).filter((line) => / late0:/.test(line)).length
  for (let at = 0; lateOnes() < 2; at = host.events.lines.length) await host.events.more(at, 1000)
  await host.right()
})

test('a device that udevd has given another MAC gets its own back', udevdTests(), async (t) => {
  const host = await createHealthyHost(t, { families: ['ipv4'] })
  await startUdevd(t, host.netns)
  const device = 'type vxlan id 1 dstport 8472 local 172.16.0.1 nolearning'
  await host.whileFrozen(() => host.ip('link del flannel.1', `link add flannel.1 ${device}`, 'link set flannel.1 up'))
  await host.ready()
  const [link] = JSON.parse(await host.netns.exec('ip', '-j', 'link', 'show', 'dev', 'flannel.1')) as {
    address: string
  }[]
  assert.equal(link?.address, host.expected.lladdrs.ipv4)
})
