/** What the storm and the measurements found once: addresses that do not qualify, quarrels that are none, a better choice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { createHealthyHost } from './support/host.ts'
import { underlayPrefix } from './support/surroundings.ts'

for (const pinned of [false, true])
  test(
    `${pinned ? 'pinned' : 'unpinned'}: an interface that loses its global IPv6 address and keeps its link-local one takes no entry with it`,
    kernelTests,
    async (t) => {
      const host = await createHealthyHost(t, { families: ['ipv6'], pinned })
      // The link-local address has passed duplicate address detection.
      const settled = async () =>
        (await host.netns.exec('ip', '-6', 'address', 'show', 'dev', 'mgmt0', 'scope', 'link', '-tentative')).includes(
          'fe80',
        )
      for (let at = 0; !(await settled()); at = host.events.lines.length) await host.events.more(at, 500)
      const [seen, said] = [await host.events.caughtUp(), host.agent.lines.length]
      await host.ip(`address del ${underlayPrefix('ipv6')} dev mgmt0`)
      await host.agent.until('underlay.waiting', () => true, said)
      await host.right()
      await host.ip(`address add ${underlayPrefix('ipv6')} dev mgmt0 nodad`)
      await host.ready()
      assert.deepEqual(
        (await host.events.since(seen)).filter((line) => line.startsWith('Deleted') && line.includes('flannel-v6.1')),
        [],
      )
    },
  )

test(
  'a device that is deleted again and again is made at full speed, and nobody is accused',
  kernelTests,
  async (t) => {
    const host = await createHealthyHost(t, { families: ['ipv4'] })
    for (let i = 0; i < 8; i += 1) {
      await host.ip('link del flannel.1')
      await host.ready()
    }
    assert.deepEqual(
      host.agent.lines.filter(({ event }) => event === 'repair.fight').map(({ msg }) => msg),
      [],
    )
  },
)

test('the first choice is taken again when it has an address again', kernelTests, async (t) => {
  const host = await createHealthyHost(t, { families: ['ipv4'], choice: ['--iface=mgmt0', '--iface=mgmt1'] })
  await host.buildParent({ name: 'mgmt1', addresses: ['192.168.7.1/24'] })
  const first = host.expected
  await host.ip('address flush dev mgmt0')
  host.expected = { ...first, underlay: { ipv4: '192.168.7.1' } }
  await host.ready()
  await host.ip('address add 172.16.0.1/12 dev mgmt0')
  host.expected = first
  await host.ready()
})
