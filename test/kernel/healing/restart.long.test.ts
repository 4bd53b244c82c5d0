/**
 * The agent ends, in order or not, and another one takes over: what is right is adopted without a single write, what was
 * damaged in between is repaired, and nothing else. Writes are counted in what the kernel announces.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { claimOf, deviceName } from './support/cluster.ts'
import { createHealthyHost, createHost, type Host } from './support/host.ts'
import { VICTIM } from './support/table-damages.ts'

const FAMILIES = ['ipv4', 'ipv6'] as const

for (const pinned of [false, true]) {
  const title = pinned ? 'pinned' : 'unpinned'
  test(
    `${title}: after SIGTERM, SIGKILL and SIGINT another agent adopts everything with zero writes`,
    kernelTests,
    async (t) => {
      const host = await createHealthyHost(t, { families: FAMILIES, pinned, peers: 50 })
      for (const signal of ['SIGTERM', 'SIGKILL', 'SIGINT'] as const) {
        await end(host, signal)
        await host.right()
        const seen = await host.events.caughtUp()
        host.start()
        await host.ready()
        assert.deepEqual(await written(host, seen), [], `after ${signal}`)
      }
    },
  )

  test(
    `${title}: killed between the deletion of its devices and their return, the next agent makes them`,
    kernelTests,
    async (t) => {
      const host = await createHealthyHost(t, { families: FAMILIES, pinned })
      await host.whileFrozen(async () => {
        await host.ip('link del flannel.1', 'link del flannel-v6.1')
        host.agent.kill('SIGKILL')
      })
      await host.agent.ended
      host.start()
      await host.ready()
    },
  )

  test(`${title}: what was damaged while no agent ran is repaired, and only that`, kernelTests, async (t) => {
    const host = await createHealthyHost(t, { families: FAMILIES, pinned, peers: 20 })
    await end(host, 'SIGTERM')
    for (const family of FAMILIES) {
      const { overlay, lladdr, subnet, underlay } = claimOf(family, VICTIM)
      const name = deviceName(family)
      await host.ip(`neigh del ${overlay} dev ${name}`, `route del ${subnet} dev ${name}`)
      await host.bridge(`fdb del ${lladdr} dev ${name} dst ${underlay} self`)
    }
    const seen = await host.events.caughtUp()
    host.start()
    await host.ready()
    const lines = await written(host, seen)
    assert.equal(lines.length, 3 * FAMILIES.length, lines.join('\n'))
    for (const line of lines) assert.ok(namesVictim(line), line)
  })

  test(`${title}: an interface that was rebuilt while no agent ran is taken up`, kernelTests, async (t) => {
    const host = await createHealthyHost(t, { families: FAMILIES, pinned })
    await end(host, 'SIGKILL')
    await host.ip('link del mgmt0')
    await host.buildParent()
    host.start()
    await host.ready()
  })
}

test('a device that somebody made incompatibly before the start is replaced', kernelTests, async (t) => {
  const kinds = [
    'type bridge',
    'type vxlan id 99 dstport 8472 nolearning',
    'type vxlan id 1 dstport 4789 nolearning',
    'type vxlan id 1 dstport 8472 nolearning gbp',
    'type vxlan id 1 dstport 8472 nolearning l2miss',
    'type vxlan id 1 dstport 8472 group 239.1.1.1 dev eth0',
  ]
  for (const kind of kinds) {
    const host = await createHost(t, { families: ['ipv4'] })
    await host.buildParent()
    await host.ip(`link add flannel.1 ${kind}`, 'link set flannel.1 up', 'address add 10.0.1.0/32 dev flannel.1')
    host.start()
    await host.ready()
    await end(host, 'SIGTERM')
  }
})

test('a second agent says who holds the device and ends; the first goes on', kernelTests, async (t) => {
  const host = await createHealthyHost(t, { families: FAMILIES })
  const first = host.agent
  const seen = await host.events.caughtUp()
  host.start()
  const second = host.agent
  assert.equal(await second.ended, 1)
  const told = second.lines.map((line) => line.msg).join('\n')
  assert.ok(told.includes(`flannel.1 is already kept by vtepd (process ${first.pid})`), told)
  assert.deepEqual(await written(host, seen), [])
  await host.ip('link del flannel.1')
  await host.right()
})

async function end(host: Host, signal: NodeJS.Signals): Promise<void> {
  host.agent.kill(signal)
  await host.agent.ended
}

/** What was announced since, the kernel's own doings left out. */
async function written(host: Host, seen: number): Promise<string[]> {
  return (await host.events.since(seen)).filter((line) => !line.includes('fe80:'))
}

function namesVictim(line: string): boolean {
  return FAMILIES.some((family) => {
    const { overlay, lladdr, subnet } = claimOf(family, VICTIM)
    return [overlay, lladdr, subnet].some((mark) => line.includes(mark))
  })
}
