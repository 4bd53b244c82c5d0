/**
 * An underlay without room for IPv6 in dual stack: IPv4 does not suffer, no file promises IPv6, one sentence says why; and
 * IPv6 is there again as soon as there is room.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { createHost, type Host } from '../healing/support/host.ts'
import { underlayPrefix } from '../healing/support/surroundings.ts'
import { complaints, FAMILIES } from './support/pod-host.ts'
import { FORWARDING, shell } from './support/shell.ts'
import { SIDE_BY_SIDE } from './support/side-by-side.ts'

/** Below 1350 the overlay has no room for IPv6's 1280; below 1280 the kernel takes IPv6 from the interface itself. */
const NARROW = [1280, 1349, 1279, 800]

for (const pinned of [false, true])
  test(
    `${pinned ? 'pinned' : 'unpinned'}: an underlay that is too narrow for IPv6, or becomes so`,
    SIDE_BY_SIDE,
    async (t) => {
      await Promise.all(NARROW.map((mtu) => t.test(`${mtu} bytes`, (t) => isBorne(t, mtu, pinned))))
    },
  )

async function isBorne(t: TestContext, mtu: number, pinned: boolean): Promise<void> {
  const host = await createHost(t, { families: FAMILIES, crowded: true, pinned })
  await shell(host.netns, ...FORWARDING)
  const whole = host.expected
  const onlyIpv4 = { ...whole, families: ['ipv4'] as const, underlayMtu: mtu }
  await host.buildParent({ mtu, addresses: [underlayPrefix('ipv4'), ...(mtu < 1280 ? [] : [underlayPrefix('ipv6')])] })
  host.start()
  host.expected = onlyIpv4
  await host.ready()
  await isNarrow(host, mtu, 0)

  await host.ip('link set mgmt0 mtu 1500')
  if (mtu < 1280) await host.ip(`address add ${underlayPrefix('ipv6')} dev mgmt0 nodad`)
  host.expected = whole
  await host.ready()

  const from = host.agent.lines.length
  const seen = await host.events.caughtUp()
  await host.ip(`link set mgmt0 mtu ${mtu}`)
  host.expected = onlyIpv4
  await host.ready()
  await isNarrow(host, mtu, from)
  const lost = (await host.events.since(seen)).filter((line) => /^Deleted (10\.|0e:2a:04:)/.test(line))
  assert.deepEqual(lost, [])
  assert.deepEqual(
    host.agent.lines
      .slice(from)
      .filter(({ event }) => event === 'agent.not-ready')
      .map(({ msg }) => msg),
    [],
  )

  const back = host.agent.lines.length
  await host.ip('link set mgmt0 mtu 1500')
  if (mtu < 1280) await host.ip(`address add ${underlayPrefix('ipv6')} dev mgmt0 nodad`)
  host.expected = whole
  await host.ready()
  assert.deepEqual(complaints(host, back), [])
}

/** Of IPv6 one sentence, and nothing else. */
async function isNarrow(host: Host, mtu: number, from: number): Promise<void> {
  const env = readFileSync(`${host.folder.path}/subnet.env`, 'utf8')
  assert.ok(env.includes(`FLANNEL_MTU=${mtu - 50}\n`) && !env.includes('IPV6'), env)
  const told = await host.agent.until(
    'device.not-ready',
    ({ level, family }) => level === 'warn' && family === 'ipv6',
    from,
  )
  assert.match(told.msg, new RegExp(`MTU ${mtu} of mgmt0 is too small`))
  assert.deepEqual(complaints(host, from), [`device.not-ready ${told.msg}`])
}
