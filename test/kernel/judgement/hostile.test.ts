/**
 * Whatever stands in the kernel beside the overlay, a dual-stack agent goes on, heals what happens to its devices meanwhile,
 * and starts beside it; what stands in the way of a peer it names, in one line.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { claimOf, deviceName, type Family } from '../healing/support/cluster.ts'
import { createHealthyHost, type Host } from '../healing/support/host.ts'
import { ODD_LINK, ODDITIES } from './support/oddities.ts'
import { FORWARDING, shell } from './support/shell.ts'

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6']

test('an agent goes on, heals and says nothing, whatever the kernel holds beside it', kernelTests, async (t) => {
  const host = await createHealthyHost(t, { families: FAMILIES, crowded: true })
  await shell(host.netns, ...FORWARDING, ...ODD_LINK)
  for (const { name, lines, perhaps = [] } of ODDITIES)
    await t.test(name, async () => {
      const from = host.agent.lines.length
      await shell(host.netns, ...lines, ...perhaps.map((line) => `${line} 2>/dev/null || true`))
      for (const family of FAMILIES) await host.ip(`link del ${deviceName(family)}`)
      await host.ready()
      assert.deepEqual(complaints(host, from), [])
    })
  await t.test('all of it at the start', async () => {
    host.agent.kill('SIGTERM')
    assert.equal(await host.agent.ended, 0)
    for (const family of FAMILIES) await host.ip(`link del ${deviceName(family)}`)
    host.start()
    await host.ready()
    assert.deepEqual(complaints(host, 0), [])
  })
})

/** What makes a route odd; `via` a gateway on the underlay. */
const IN_THE_WAY: readonly { readonly name: string; readonly words: (family: Family) => readonly string[] }[] = [
  { name: 'a nexthop object', words: (family) => [`nexthop add id 1 via ${gateway(family)} dev mgmt0`, 'nhid 1'] },
  { name: 'a nexthop object that is a blackhole', words: () => ['nexthop add id 1 blackhole', 'nhid 1'] },
  {
    name: 'several next hops',
    words: (family) => [
      `nexthop via ${gateway(family)} dev mgmt0 nexthop via ${gateway(family, 3)} dev mgmt0 weight 2`,
    ],
  },
  {
    name: 'encapsulation',
    words: (family) => [`encap ip${family === 'ipv6' ? '6' : ''} id 5 dst ${gateway(family)} dev mgmt0`],
  },
  {
    name: 'a gateway of the other family',
    words: (family) => (family === 'ipv4' ? [`via inet6 ${gateway('ipv6')} dev mgmt0`] : [`dev mgmt0`]),
  },
]

test('an odd route in front of a peer is named in one line, and nothing else is said', kernelTests, async (t) => {
  const host = await createHealthyHost(t, { families: FAMILIES, crowded: true })
  await shell(host.netns, ...FORWARDING)
  for (const family of FAMILIES)
    for (const { name, words } of IN_THE_WAY) await t.test(`${family}: ${name}`, () => isNamed(host, family, words))
})

async function isNamed(host: Host, family: Family, words: (family: Family) => readonly string[]): Promise<void> {
  const flag = family === 'ipv4' ? '-4' : '-6'
  const { subnet } = claimOf(family, 2)
  const from = host.agent.lines.length
  const before = words(family).slice(0, -1)
  await shell(
    host.netns,
    ...before.map((line) => `ip ${flag} ${line}`),
    `ip ${flag} route add ${subnet} metric 1 ${words(family).at(-1)}`,
  )
  const named = await host.agent.until('agent.not-ready', () => true, from)
  assert.ok(named.msg.includes(`packets to ${subnet} of node-2 take`), named.msg)
  const remedy = /\(if nobody needs it: (ip route del [^)]*)\)/.exec(named.msg)?.[1]
  await shell(host.netns, `${remedy}`, ...before.map(() => 'ip nexthop del id 1'))
  await host.agent.until('agent.ready', () => true, from)
  await host.right()
  const others = complaints(host, from).filter((line) => !/^(peers\.shadowed|way\.inner) /.test(line))
  assert.deepEqual(others, [])
}

function gateway(family: Family, number = 4): string {
  return family === 'ipv4' ? `172.16.0.25${number}` : `fd00:1::f${number}`
}

function complaints({ agent }: Host, from: number): string[] {
  const loud = agent.lines.slice(from).filter(({ level }) => level === 'warn' || level === 'error')
  return loud.map(({ event, msg }) => `${event} ${msg}`)
}
