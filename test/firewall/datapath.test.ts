/** What the rules do to packets, seen at the far end: who keeps its address, who does not, and what a repair costs. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { loadAddon } from '../../lib/addon/addon.ts'
import { createIptables } from '../../lib/firewall/iptables.ts'
import { createNftables } from '../../lib/firewall/nftables.ts'
import type { PacketFilter, WantedRules } from '../../lib/firewall/port.ts'
import { systemClock } from '../../lib/host/clock.ts'
import type { Family } from '../../lib/net/ip.ts'
import { openNftMonitor } from '../../lib/rtnl/native-nft-monitor.ts'
import { kernelTests, type Netns } from '../support/netns.ts'
import { patience } from '../support/patience.ts'
import { createPodNetwork, PLACES } from './pod-network.ts'
import { runIn, WANTED } from './support.ts'

const bounded = { ...kernelTests, timeout: patience(120_000) }

function filterIn(t: TestContext, kind: PacketFilter['kind'], family: Family, netns: Netns): PacketFilter {
  const parts = {
    family,
    run: runIn(netns),
    clock: systemClock,
    openMonitor: (options: Parameters<typeof openNftMonitor>[0]) => openNftMonitor({ ...options, netns: netns.path }),
    readSizes: (of: number, tables: readonly string[]) => loadAddon().readXtablesSizes(netns.path, of, tables),
    tables: async () => [],
  }
  const filter = kind === 'nftables' ? createNftables(parts) : createIptables(parts)
  t.after(() => filter.close())
  return filter
}

for (const kind of ['nftables', 'iptables'] as const)
  for (const family of ['ipv4', 'ipv6'] as const)
    test(`${kind}, ${family}: who sees whom under which address`, bounded, async (t) => {
      const { node, seen } = await createPodNetwork(t, family)
      const at = PLACES[family]
      const filter = filterIn(t, kind, family, node)
      assert.equal((await filter.ensure(WANTED[family])).outcome, 'written')
      const found = {
        'a pod, of the outside': await seen('pod', at.outside),
        'a pod, of a client on another interface': await seen('pod', at.client),
        'a pod, of a pod of another node': await seen('pod', at.remotePod),
        'a pod of another node, of a pod': await seen('outside', at.pod, at.remotePod),
        'this node, of its pod': await seen('node', at.pod, at.node.gateway),
        'this node, of a pod of another node': await seen('node', at.remotePod, at.node.overlay),
        'the outside, of a pod of this node': await seen('outside', at.pod, at.outside),
        'a client, of a pod of this node': await seen('client', at.pod),
        'a client, of a pod of another node': await seen('client', at.remotePod),
      }
      assert.deepEqual(found, {
        'a pod, of the outside': at.node.underlay,
        'a pod, of a client on another interface': at.node.toClient,
        'a pod, of a pod of another node': at.pod,
        'a pod of another node, of a pod': at.remotePod,
        'this node, of its pod': at.node.gateway,
        'this node, of a pod of another node': at.node.overlay,
        'the outside, of a pod of this node': at.outside,
        'a client, of a pod of this node': at.client,
        'a client, of a pod of another node': at.node.toPods,
      })
    })

test(
  'what kube-proxy marked is left to it, also where another program has set a bit beside its',
  bounded,
  async (t) => {
    const { node, seen } = await createPodNetwork(t, 'ipv4')
    const at = PLACES.ipv4
    const filter = filterIn(t, 'nftables', 'ipv4', node)
    await node.exec(
      'nft',
      'add table ip marks; add chain ip marks c { type filter hook forward priority mangle; }; add rule ip marks c meta mark set 0x4001',
    )
    // The outside knows the way to pods here.
    await filter.ensure(WANTED.ipv4)
    assert.equal(await seen('pod', at.outside), at.pod)
    await filter.ensure({ ...WANTED.ipv4, style: 'flannel' })
    assert.equal(await seen('pod', at.outside), at.node.underlay, "flannel's own rule does not see it")
  },
)

test('while rules are exchanged again and again no connection leaves with a pod’s address', bounded, async (t) => {
  const { node, seenOfMany } = await createPodNetwork(t, 'ipv4')
  const at = PLACES.ipv4
  const filter = filterIn(t, 'nftables', 'ipv4', node)
  const variants: readonly WantedRules[] = [
    WANTED.ipv4,
    { ...WANTED.ipv4, style: 'flannel' },
    { ...WANTED.ipv4, fullyRandom: false },
  ]
  await filter.ensure(WANTED.ipv4)
  let exchanges = 0
  const exchange = async (): Promise<void> => {
    for (; exchanges < 20; exchanges += 1) {
      const result = await filter.ensure(variants[(exchanges + 1) % variants.length] ?? WANTED.ipv4)
      assert.equal(result.outcome, 'written', JSON.stringify(result))
    }
  }
  const exchanging = exchange()
  const sources = new Set<string>()
  do for (const source of await seenOfMany('pod', at.outside, 200)) sources.add(source)
  while (exchanges < 20)
  await exchanging
  assert.deepEqual([...sources], [at.node.underlay])
  const failed = (await node.exec('cat', '/proc/net/stat/nf_conntrack'))
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  const column = failed[0]?.indexOf('insert_failed') ?? -1
  assert.ok(
    column >= 0 && failed.slice(1).every((row) => Number.parseInt(row[column] ?? '', 16) === 0),
    'insert_failed',
  )
})

test('a flush and the repair cost an open connection nothing: its address and port stay', bounded, async (t) => {
  const { node, connect } = await createPodNetwork(t, 'ipv4')
  const at = PLACES.ipv4
  const filter = filterIn(t, 'nftables', 'ipv4', node)
  await filter.ensure(WANTED.ipv4)
  const send = await connect('pod', at.outside)
  const before = await send()
  assert.ok(before.startsWith(`${at.node.underlay} `), before)
  await node.exec('nft', 'flush', 'ruleset')
  await filter.ensure(WANTED.ipv4)
  assert.equal(await send(), before)
})
