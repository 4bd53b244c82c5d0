/**
 * Hand-overs as a cluster makes them: Nodes on an API server, heard through the agent's own stream. While it runs, and
 * while nobody answers: then nothing goes until everything has been listed anew.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ApiServer } from '../../../lib/lab/api-server/api-server.ts'
import { kernelTests } from '../../support/netns.ts'
import type { Family } from '../healing/support/cluster.ts'
import { eventually, type Host } from './support/host.ts'
import { objectOf, type PeerNode, peer } from './support/nodes.ts'
import { createServedHost } from './support/served-host.ts'

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6']
const BYSTANDER = peer('bystander', { subnet: 7, born: 1 })
const A = peer('a', { subnet: 20, born: 10 })
const B = peer('b', { subnet: 21, born: 20 })
const HEIR = peer('heir', { subnet: 20, at: 31, lladdr: 31, born: 50 })
const A_AGAIN = peer('a', { subnet: 20, at: 32, lladdr: 32, born: 60, uid: 'a2' })
const A_ELSEWHERE = peer('a', { subnet: 22, born: 70, uid: 'a3' })
const B_MOVED = peer('b', { subnet: 21, at: 33, lladdr: 33, born: 20 })

for (const watchList of [true, false])
  test(`through the stream, ${watchList ? 'listed by it' : 'listed by pages'}`, kernelTests, async (t) => {
    const { server, host } = await createCluster(t, { watchList })
    for (const node of [BYSTANDER, A, B]) create(server, node)
    await host.right([BYSTANDER, A, B])
    const remove = (node: PeerNode): void => server.nodes.delete(node.name)

    await t.test('a podCIDR passes on, its first owner going first', async () => {
      remove(A)
      create(server, HEIR)
      await host.right([BYSTANDER, B, HEIR])
    })
    await t.test('a podCIDR passes on, its next owner coming first', async () => {
      // Older, and yet it has to wait.
      create(server, A)
      remove(B)
      await host.right([BYSTANDER, HEIR])
      create(server, B)
      remove(HEIR)
      await host.right([BYSTANDER, B, A])
      remove(A)
      await host.right([BYSTANDER, B])
    })
    await t.test('a node is made anew with another MAC, then with another podCIDR', async () => {
      for (const next of [A, A_AGAIN, A_ELSEWHERE, A]) {
        if (server.nodes.get('a') !== undefined) server.nodes.delete('a')
        create(server, next)
        await host.right([BYSTANDER, B, next])
      }
    })
    await t.test('a node gets another MAC and address', async () => {
      for (const next of [B_MOVED, B]) {
        server.nodes.update(objectOf(next, FAMILIES))
        await host.right([BYSTANDER, A, next])
      }
    })
    for (const forgets of [false, true])
      await t.test(
        `all of it while the server is away, and ${forgets ? 'has forgotten' : 'knows'} what came`,
        async () => {
          server.setUnavailable(true)
          const seen = host.log.length
          remove(A)
          create(server, HEIR)
          server.nodes.update(objectOf(B_MOVED, FAMILIES))
          if (forgets) server.compact()
          await host.said('leases.kube', seen)
          await host.right([BYSTANDER, A, B])
          server.setUnavailable(false)
          await host.right([BYSTANDER, B_MOVED, HEIR])
          remove(HEIR)
          create(server, A)
          server.nodes.update(objectOf(B, FAMILIES))
          await host.right([BYSTANDER, A, B])
        },
      )
    await t.test('the server is restored to an older state, and then lives on', async () => {
      const backup = server.backup()
      remove(A)
      create(server, HEIR)
      await host.right([BYSTANDER, B, HEIR])
      server.restore(backup)
      // A version beyond the server's is answered by silence; the end of the watch tells.
      await eventually(
        () => server.watchCount > 0,
        () => 'the agent does not watch again',
      )
      server.endWatches()
      await host.right([BYSTANDER, A, B])
      remove(A)
      create(server, HEIR)
      await host.right([BYSTANDER, B, HEIR])
    })
    const marks = [' 10.0.7.0', 'fd42:0:0:7::']
    const heard = await host.events.since(0)
    const lost = heard.filter((line) => /^Deleted/.test(line) && marks.some((mark) => line.includes(mark)))
    assert.deepEqual(lost, [], 'a peer that has nothing to do with it')
  })

/** An API server with our own Node, and an agent that follows it. */
async function createCluster(
  t: TestContext,
  { watchList }: { readonly watchList: boolean },
): Promise<{ server: ApiServer; host: Host }> {
  const { server, host, source } = await createServedHost(t, FAMILIES, { watchList, keepsView: true })
  host.start({ source })
  return { server, host }
}

function create(server: ApiServer, node: PeerNode): void {
  server.nodes.create(objectOf(node, FAMILIES))
}
