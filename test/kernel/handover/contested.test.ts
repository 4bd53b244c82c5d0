/**
 * An agent before this one may have decided a conflict otherwise: what it wrote for the other claim stays for ten minutes, so
 * that an upgrade by itself loses no packet; after that it goes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { createHost } from './support/host.ts'
import { merged, peer, tunnelled } from './support/nodes.ts'

const HOLDER = peer('holder', { subnet: 20, born: 10 })
/** It has another subnet, and the MAC of the holder at another address. */
const CLONE = peer('clone', { subnet: 21, at: 22, lladdr: 20, born: 20 })
/** A subnet around nobody's, with a MAC of its own: it was accepted before `INNER` was. */
const OTHER = peer('other', { subnet: 23, lladdr: 24, born: 40 })
const OWNER = peer('owner', { subnet: 23, at: 25, lladdr: 25, born: 30 })
const GONE = peer('gone', { subnet: 26, born: 50 })

for (const family of ['ipv4', 'ipv6'] as const)
  test(
    `${family}: nothing contested is deleted within ten minutes of a start, all else that nobody needs is`,
    kernelTests,
    async (t) => {
      const host = await createHost(t, { families: [family] })
      host.start()
      // As an agent that knew only these left it.
      host.nodes.tell({ list: [CLONE, OTHER, GONE] })
      await host.right([CLONE, OTHER, GONE])
      await host.stop()

      host.start({ contestedStayMs: undefined })
      host.nodes.tell({ list: [HOLDER, CLONE, OWNER, OTHER] })
      const right = merged(tunnelled(HOLDER, family), tunnelled(OWNER, family))
      const spared = {
        // The contested keys themselves are those of who holds them.
        neighbours: tunnelled(CLONE, family).neighbours,
        fdb: tunnelled(OTHER, family).fdb,
        routes: tunnelled(CLONE, family).routes,
      }
      await host.until(() => merged(right, spared))
      const rejected = host.nodes.view().rejected.map(({ node }) => node)
      assert.deepEqual(rejected.sort(), ['clone', 'other'])
      // By the keys of a few peers alone, too.
      const joining = peer('joining', { subnet: 27 })
      host.nodes.tell({ put: joining })
      await host.until(() => merged(right, spared, tunnelled(joining, family)))
      host.nodes.tell({ delete: joining })
      await host.until(() => merged(right, spared))
      await host.stop()

      host.start({ contestedStayMs: 1 })
      host.nodes.tell({ list: [HOLDER, CLONE, OWNER, OTHER] })
      await host.until(() => right)
    },
  )
