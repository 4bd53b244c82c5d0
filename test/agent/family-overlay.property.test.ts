/**
 * Whatever happened: once it stops, and what is needed is there, the kernel has exactly what is desired, nothing foreign
 * was touched, nothing was deleted on an incomplete view, and no link was written to after its end was announced.
 * VTEPD_PROPERTY_RUNS sets the number of histories for each world. VTEPD_PROPERTY_SEED is the seed: `npm test` draws the
 * same ones every time, `npm run test:histories` (random) others.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ENTRY_BYTES, OP_DELETE } from '../../lib/addon/abi.ts'
import type { EntryTable } from '../../lib/rtnl/entries.ts'
import {
  createFakeNode,
  type FakeNode,
  IPV4,
  IPV6,
  MODES,
  type Mode,
  UNDERLAY_IFNAME,
  type World,
} from './support/fake-node.ts'
import { type Debts, EXPANDERS, type Happening, happen, happenings, peerSets } from './support/history.ts'

const RUNS = Number(process.env.VTEPD_PROPERTY_RUNS ?? 100)
const SEED = process.env.VTEPD_PROPERTY_SEED ?? '2433'

/** Long enough for every back-off, shorter than the audit: healing must not depend on it. */
const QUIET_MS = 44_000

for (const world of [IPV4, IPV6])
  for (const mode of MODES)
    test(`histories end as desired: ${world.family}, ${mode}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(happenings, { maxLength: 30 }),
          fc.constantFrom(...Object.values(EXPANDERS)),
          fc.option(peerSets),
          (history, expand, peers) => runHistory(world, mode, expand(history), peers),
        ),
        { numRuns: RUNS, ...(SEED === 'random' ? {} : { seed: Number(SEED) }) },
      )
    })

/** `last`: told at the end; null: the last view of the history stays, unless it is incomplete, so that nothing calls for a round. */
async function runHistory(
  world: World,
  mode: Mode,
  history: readonly Happening[],
  last: readonly (readonly [number, number])[] | null,
) {
  const node = createFakeNode(world, { mode })
  const foreign = plantForeign(node)
  const watch = watchWrites(node)
  const debts: Debts = { underlayAway: false, over: false }
  try {
    let told: string | undefined
    for (const happening of history) {
      await happen(node, happening, debts)
      await node.settle()
      watch.settled()
      if (happening.do === 'restart') told = undefined
      const { own } = node.overlay
      // With host-gw it is the underlay's, which is nobody's business.
      if (mode === 'host-gw') continue
      told ??= own?.device.lladdr
      assert.equal(own?.device.lladdr ?? told, told, 'others were told this lladdr')
    }
    debts.over = true
    await makePossible(node, debts)
    if (last !== null || !node.synced) node.setPeers(new Map(last ?? node.peers), true)
    const { peers } = node
    await node.clock.run(QUIET_MS)
    assert.deepEqual(node.actual(), node.desired(peers), JSON.stringify(node.overlay.state))
    assert.equal(node.overlay.unready, undefined)
    assert.deepEqual(node.deviceFaults(), [])
    assert.deepEqual(foreign(), [], 'foreign entries are as they were')
    assert.deepEqual(watch.faults, [])
    node.kernel.clearLog()
    await node.clock.run(1000)
    assert.deepEqual(node.kernel.writes, { links: 0, addresses: 0, entries: 0 }, 'at rest nothing is written')
  } finally {
    await node.overlay.stop()
  }
}

/** What other programs have; returns what of it is missing. It lives on links that no history touches. */
function plantForeign({ kernel, world }: FakeNode): () => string[] {
  const { admin } = kernel
  admin.addNic('cni0')
  admin.setUp('cni0')
  admin.addAddress('cni0', world.family === 'ipv4' ? '10.42.1.1/24' : 'fd00:42:0:1::1/64')
  admin.replaceRoute({ dst: world.family === 'ipv4' ? '172.16.0.0/16' : 'fd00:99::/64', dev: 'cni0', metric: 7 })
  admin.replaceNeighbour('cni0', world.family === 'ipv4' ? '10.42.1.9' : 'fd00:42:0:1::9', '12:00:00:00:00:55')
  const own = new RegExp(`"(ifindex|oif)":${kernel.link('cni0')?.ifindex}\\b`)
  const lines = (): string[] =>
    kernel
      .text()
      .split('\n')
      .filter((line) => own.test(line))
  const before = lines()
  assert.ok(before.length >= 4, kernel.text())
  return () => before.filter((line) => !lines().includes(line))
}

/** Notes deletes while the view is incomplete, and writes to a link whose end the agent had heard of. */
function watchWrites(node: FakeNode) {
  const { kernel } = node
  const faults: string[] = []
  const staleWrites = new Map<number, number>()
  let calm = 0
  /** The view was incomplete when everything was last at rest: a round that began with a complete one is over. */
  let incomplete = false
  kernel.onRequest('before', ({ request, args }) => {
    if (request !== 'applyEntries' || !incomplete || node.synced) return
    const { bytes, length } = args[0] as EntryTable
    for (let i = 0; i < length; i += 1)
      if (bytes[i * ENTRY_BYTES] === OP_DELETE) faults.push('an entry was deleted on an incomplete view')
  })
  return {
    faults,
    settled(): void {
      for (const { number, request, stale } of kernel.log)
        if (number > calm && stale.length > 0 && !/^dump|^resolve/.test(request))
          staleWrites.set(stale[0] ?? 0, (staleWrites.get(stale[0] ?? 0) ?? 0) + 1)
      incomplete = !node.synced
      calm = kernel.log.at(-1)?.number ?? calm
      for (const [ifindex, count] of staleWrites)
        if (count > 2) faults.push(`${count} writes to the dead link ${ifindex}`)
    },
  }
}

/** Ends what keeps a device from being possible: it is for others to end, not for the agent. */
async function makePossible(node: FakeNode, debts: Debts): Promise<void> {
  const { kernel, world, clock } = node
  kernel.faults.clear()
  await clock.run(debts.underlayAway ? 6000 : 0)
  const { admin } = kernel
  admin.deleteLink('other0')
  admin.deleteAway(world.device)
  if (kernel.link(UNDERLAY_IFNAME) === undefined) admin.addNic(UNDERLAY_IFNAME)
  admin.setUp(UNDERLAY_IFNAME)
  const addressed = kernel.snapshot().addresses.some(({ ip }) => ip === world.underlay || ip === world.otherUnderlay)
  if (!addressed) admin.addAddress(UNDERLAY_IFNAME, `${world.underlay}/${world.prefix}`)
}
