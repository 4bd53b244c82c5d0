/**
 * One peer in 5,000 that the kernel refuses: the other 4,999 are all there, the refused entry is named once, tried again
 * with growing pauses only, keeps nobody waiting, and comes in when its cause has gone.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../lib/host/clock.ts'
import type { Rtnl } from '../../../lib/rtnl/port.ts'
import { kernelTests } from '../../support/netns.ts'
import { claimOf, type Family } from '../healing/support/cluster.ts'
import { createHost, eventually, nodad } from './support/host.ts'
import { type Lines, merged, peer, tunnelled } from './support/nodes.ts'

const PEERS = 5000
const BAD = 2500
const NODES = Array.from({ length: PEERS }, (_, i) => peer(`node-${i + 2}`, { subnet: i + 2 }))

/** One batch in which the kernel refused something. */
interface Attempt {
  readonly atMs: number
  readonly entries: number
}

/** The shortest pause of the reconciler, with its jitter. */
const SHORTEST_PAUSE_MS = 15

/**
 * The gateway of a peer's route is an address of this host: EINVAL for both families (kernel-facts 4). The address stands
 * on the loopback, whose routes are in no table that an agent looks at: only the address itself is heard of.
 */
for (const family of ['ipv4', 'ipv6'] as const)
  test(`${family}: one bad peer in 5,000`, kernelTests, async (t) => {
    const host = await createHost(t, { families: [family] })
    const { overlay, subnet } = claimOf(family, BAD)
    const address = `${overlay}/${family === 'ipv4' ? 32 : 128}`
    await host.ip(`address add ${address} dev lo${nodad(family)}`)
    const attempts: Attempt[] = []
    host.start({ wrap: (rtnl) => noting(rtnl, attempts) })
    host.nodes.tell({ list: NODES })
    await host.until(allButTheBadRoute)

    const [joining, leaving] = [peer('joining', { subnet: 6000 }), peer('joining', { subnet: 6001 })]
    for (const node of [joining, leaving]) {
      host.nodes.tell({ put: node })
      await host.until((each) => merged(allButTheBadRoute(each), tunnelled(node, each)))
    }
    host.nodes.tell({ delete: leaving })
    await host.until(allButTheBadRoute)
    await eventually(
      () => attempts.length >= 6,
      () => `only ${attempts.length} attempts`,
    )

    const lines = host.log.filter(({ event }) => event === 'peers.entry-failed').map(({ message }) => message)
    assert.equal(lines.length, 1, lines.join('\n'))
    assert.match(lines[0] ?? '', new RegExp(`^route\\.\\w+ ${subnet}: EINVAL`))
    const elapsedMs = systemClock.now() - (attempts[0]?.atMs ?? 0)
    const most = 3 + Math.log2(1 + elapsedMs / SHORTEST_PAUSE_MS)
    assert.ok(attempts.length <= most, `${attempts.length} attempts in ${elapsedMs} ms, at most ${most}`)
    const again = attempts.slice(1).map(({ entries }) => entries)
    // And, while what was written is not confirmed yet, the peer that joins.
    assert.ok(Math.max(...again) <= 2, `only what failed is tried again: batches of ${again} entries`)
    assert.equal(again.at(-1), 1)

    const seen = host.log.length
    await host.ip(`address del ${address} dev lo`)
    await host.right(NODES)
    await host.atRest(NODES)
    assert.deepEqual(
      host.log.slice(seen).filter(({ event }) => event === 'peers.entry-failed'),
      [],
    )
  })

/** The neighbour and the FDB entry of the bad peer are as good as any. */
function allButTheBadRoute(family: Family): Lines {
  const all = merged(...NODES.map((node) => tunnelled(node, family)))
  const { subnet } = claimOf(family, BAD)
  return { ...all, routes: all.routes.filter((line) => !line.startsWith(`unicast ${subnet} `)) }
}

function noting(rtnl: Rtnl, attempts: Attempt[]): Rtnl {
  return {
    ...rtnl,
    async applyEntries(batch) {
      const result = await rtnl.applyEntries(batch)
      if (result.failures.length > 0) attempts.push({ atMs: systemClock.now(), entries: batch.length })
      return result
    },
  }
}
