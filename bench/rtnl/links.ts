/** A network namespace with many links: veth pairs, as a node with many pods has them. Must not: measure. */
import { openRtnl } from '../../lib/rtnl/native.ts'
import { createNetns, type Scope } from '../../test/support/netns.ts'

/** `count`: how many there are, the namespace's own (lo) not counted. */
export async function createLinks(
  scope: Scope,
  wanted: number,
): Promise<{ readonly netns: string; readonly count: number }> {
  const netns = await createNetns(scope, 'links')
  const rtnl = openRtnl({ netns: netns.path })
  const pairs = wanted >> 1
  for (let i = 0; i < pairs; i += 1) await rtnl.createVeth({ ifname: `a${i}`, peer: { ifname: `b${i}` } })
  await rtnl.close()
  return { netns: netns.path, count: 2 * pairs }
}
