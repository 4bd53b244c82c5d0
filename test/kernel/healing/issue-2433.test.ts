/**
 * flannel issue 2433, for which vtepd exists: on an IPv4-only k3s node NetworkManager rebuilt the management interface, the
 * kernel deleted flannel.1 with it, and the re-creation looked into an IPv6 address list that is always empty there; the
 * panic ended k3s. Whoever survived had a device without entries, and pods stayed cut off until a restart.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { kernelTests } from '../../support/netns.ts'
import { createHealthyHost, type Host } from './support/host.ts'
import { createRandom } from './support/random.ts'

for (const pinned of [true, false]) {
  test(
    `issue 2433, IPv4-only, ${pinned ? 'pinned as by flannel' : 'unpinned'}: the interface is rebuilt with a new ifindex, and the overlay is back without a restart`,
    kernelTests,
    async (t) => {
      const host = await createHealthyHost(t, { families: ['ipv4'], pinned, withoutIpv6: true })
      const [parent, device] = [await ifindexOf(host, 'mgmt0'), await ifindexOf(host, 'flannel.1')]
      const seen = await host.events.caughtUp()

      await host.ip('link del mgmt0')
      await host.agent.until('underlay.waiting')
      await host.buildParent()
      await host.ready()

      assert.notEqual(await ifindexOf(host, 'mgmt0'), parent, 'the interface is another one')
      const died = (await host.events.since(seen)).some((line) => /^Deleted \d+: flannel\.1/.test(line))
      assert.equal(died, pinned, 'the kernel takes a pinned device with its parent, and only that')
      assert.equal((await ifindexOf(host, 'flannel.1')) === device, !pinned)
      assert.equal(host.agent.lines.filter((line) => line.event === 'run.start').length, 1, 'the process lived on')
      const links = await host.netns.exec('ip', '-o', 'link', 'show')
      assert.ok(!links.includes('flannel-v6'), 'nothing of IPv6 was made')
    },
  )
}

const SEED = 2433

test(
  `thirty rebuilds with pauses of 0 to 300 ms, the device deleted or set down in between at random (seed ${SEED})`,
  kernelTests,
  async (t) => {
    const hosts = await Promise.all([
      createHealthyHost(t, { families: ['ipv4', 'ipv6'], pinned: true }),
      createHealthyHost(t, { families: ['ipv4', 'ipv6'], parent: 'bridge' }),
    ])
    await Promise.all(
      hosts.map(async (host, number) => {
        const random = createRandom(SEED + number)
        for (let round = 0; round < 30; round += 1) {
          await host.ip('link del mgmt0')
          await molest(host, random.pick(['nothing', 'nothing', 'del', 'down']))
          await delay(random.integer(301))
          await host.buildParent()
          await molest(host, random.pick(['nothing', 'nothing', 'del', 'down']))
        }
        await host.ready()
      }),
    )
  },
)

/** Both devices, where they are there at this moment. */
async function molest(host: Host, how: 'nothing' | 'del' | 'down'): Promise<void> {
  if (how === 'nothing') return
  for (const device of ['flannel.1', 'flannel-v6.1']) {
    const words = how === 'del' ? ['del', device] : ['set', device, 'down']
    await host.netns.exec('ip', 'link', ...words).catch((error: Error) => {
      assert.match(error.message, /Cannot find device/)
    })
  }
}

async function ifindexOf(host: Host, name: string): Promise<number> {
  const [link] = JSON.parse(await host.netns.exec('ip', '-j', 'link', 'show', 'dev', name)) as { ifindex: number }[]
  return link?.ifindex ?? 0
}
