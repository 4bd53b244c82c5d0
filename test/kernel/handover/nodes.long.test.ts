/**
 * What one node claims goes to another, or changes under the same name: whatever the order in which the events come, the
 * tables end as the whole set of Nodes says, a claim in dispute stays with the older Node until that gives it up, and
 * nobody else's entries are touched. Each history runs event by event, and in dual stack also all at once and in the
 * middle of many other changes (then the agent compares everything instead of the changed peers).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { kernelTests } from '../../support/netns.ts'
import { claimOf, type Family } from '../healing/support/cluster.ts'
import { HISTORIES, type History } from './support/histories.ts'
import { createHost, type Host } from './support/host.ts'
import { direct, marksOf, type PeerNode, peer, tunnelled, withClaimOf } from './support/nodes.ts'

const BYSTANDER = peer('bystander', { subnet: 7, born: 1 })
/** More changes than the agent plans by their keys alone. */
const CROWD = Array.from({ length: 40 }, (_, i) => peer(`crowd-${i}`, { subnet: 3000 + i, born: 5 }))

type Pace = 'event by event' | 'all at once' | 'among many'

const CONFIGURATIONS: readonly { readonly families: readonly Family[]; readonly paces: readonly Pace[] }[] = [
  { families: ['ipv4'], paces: ['event by event'] },
  { families: ['ipv6'], paces: ['event by event'] },
  { families: ['ipv4', 'ipv6'], paces: ['all at once', 'among many'] },
]

for (const { families, paces } of CONFIGURATIONS)
  for (const pace of paces)
    test(`${families.join(' and ')}, ${pace}: the tables follow whoever owns a claim`, kernelTests, async (t) => {
      const host = await createHost(t, { families })
      host.start()
      for (const history of HISTORIES) await t.test(history.name, () => follows(host, history, pace))
    })

/** The underlay addresses that lie behind a gateway, by their nodes' numbers: a claim that moves changes its shape too. */
const FAR = [21, 31, 33, 36]

test('with direct routing the tables follow too, between direct routes and VXLAN', kernelTests, async (t) => {
  const far = new Set(FAR.flatMap((number) => [claimOf('ipv4', number).underlay, claimOf('ipv6', number).underlay]))
  const host = await createHost(t, {
    families: ['ipv4', 'ipv6'],
    shape: (node, family) =>
      far.has(node.claims[family]?.underlay ?? '') ? tunnelled(node, family) : direct(node, family, 'mgmt0'),
  })
  await host.ip(
    ...FAR.map((number) => `route add ${claimOf('ipv4', number).underlay} via 172.16.0.254 dev mgmt0 proto static`),
    ...FAR.map((number) => `route add ${claimOf('ipv6', number).underlay} via fd00:1::fe dev mgmt0 proto static`),
  )
  host.foreign = { ipv4: await host.read('ipv4'), ipv6: await host.read('ipv6') }
  host.start({ backend: { DirectRouting: true } })
  for (const history of HISTORIES) await t.test(history.name, () => follows(host, history, 'event by event'))
})

test('a node that loses its claim of one family keeps the other', kernelTests, async (t) => {
  const host = await createHost(t, { families: ['ipv4', 'ipv6'] })
  host.start()
  for (const family of host.families) {
    const holder = peer('holder', { subnet: 20, born: 10 })
    const half = withClaimOf(
      peer('half', { subnet: 21, born: 70 }),
      family,
      peer('half', { subnet: 20, at: 21, lladdr: 21 }),
    )
    const left: PeerNode = { ...half, claims: { ...half.claims, [family]: undefined } }
    host.nodes.tell({ list: [BYSTANDER, holder] })
    await host.atRest([BYSTANDER, holder])
    host.nodes.tell({ put: half })
    await host.atRest([BYSTANDER, holder, left])
    assert.match(host.nodes.view().rejected.join(), new RegExp(`half: ${family} subnet: .* holder, which holds it`))
    host.nodes.tell({ delete: holder })
    await host.atRest([BYSTANDER, half])
  }
})

async function follows(host: Host, history: History, pace: Pace): Promise<void> {
  const first = [BYSTANDER, ...history.before]
  host.nodes.tell({ list: [...first, ...(history.unseen ?? [])] })
  await host.right(first)
  const seen = await host.events.caughtUp()
  await run(host, history, pace)
  const marks = marksOf(BYSTANDER)
  const touched = (await host.events.since(seen)).filter((line) => marks.some((mark) => line.includes(mark)))
  assert.deepEqual(touched, [], 'a peer that has nothing to do with it')
}

async function run(host: Host, { before, steps }: History, pace: Pace): Promise<void> {
  const withBystander = (peers: readonly PeerNode[]): PeerNode[] => [BYSTANDER, ...peers]
  const lists = (event: (typeof steps)[number]['tell'][number]) =>
    'list' in event ? { ...event, list: withBystander(event.list) } : event
  const end = withBystander(steps.at(-1)?.stands ?? [])
  if (pace === 'event by event') {
    let last = before
    for (const { tell, stands } of steps) {
      host.nodes.tell(...tell.map(lists))
      // What changes nothing would be right before the agent has seen it.
      if (isDeepStrictEqual(stands, last)) await host.atRest(withBystander(stands))
      else await host.right(withBystander(stands))
      last = stands
    }
    return host.atRest(end)
  }
  const all = steps.flatMap(({ tell }) => tell.map(lists))
  if (pace === 'all at once') {
    host.nodes.tell(...all)
    return host.atRest(end)
  }
  host.nodes.tell(...all, ...CROWD.map((put) => ({ put })))
  return host.atRest([...end, ...CROWD])
}
