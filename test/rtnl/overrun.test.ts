/**
 * Lost messages: whoever dumps at each overrun, and follows what comes after it, ends with what the kernel has. After
 * ENOBUFS the kernel drops on in silence until the queue has been read empty, which is what the second overrun is for.
 */
import assert from 'node:assert/strict'
import test from 'node:test'
import { type Entry, openRtnl, type Rtnl, unpackEntries } from '../../lib/rtnl/index.ts'
import { kernelTests } from '../support/netns.ts'
import { patience } from '../support/patience.ts'
import { batchOf, createStage, linkNamed, peerEntries, type Stage } from './support.ts'

const ROUNDS = 8
const NEIGHBOURS = 4000

test('a follower that dumps at each overrun ends with what the kernel has', {
  ...kernelTests,
  timeout: patience(240_000),
}, async (t) => {
  const stage = await createStage(t)
  const writer = openRtnl({ netns: stage.netns.path })
  t.after(() => writer.close())
  let overruns = 0
  for (let round = 0; round < ROUNDS; round += 1) overruns += await follow(stage, writer, `b${round}`)
  assert.ok(overruns >= ROUNDS, `the queue was full ${overruns} times`)
})

/** One round on a bridge of its own; how many overruns were told. */
async function follow({ rtnl }: Stage, writer: Rtnl, ifname: string): Promise<number> {
  await writer.createBridge({ ifname })
  const { ifindex } = await linkNamed(rtnl, ifname)
  const entries = Array.from({ length: NEIGHBOURS }, (_, i) => peerEntries(ifindex, 'ipv4', i)[0] as Entry)
  const mine = async () => new Set(unpackEntries((await rtnl.dumpNeighbours('ipv4', ifindex)).value).map(keyOf))
  const heard = new Map<string, boolean>()
  let dumped: Promise<Set<string>> = Promise.resolve(new Set())
  let overruns = 0
  let ended = (): void => undefined
  const end = new Promise<void>((resolve) => {
    ended = resolve
  })
  const monitor = rtnl.monitor({
    groups: ['neighbour', 'link'],
    families: ['ipv4'],
    receiveBufferBytes: 1 << 20,
    onNotifications(list) {
      for (const news of list) {
        if (news.type === 'overrun') {
          overruns += 1
          heard.clear()
          dumped = mine()
        } else if (news.type === 'entry') {
          for (const entry of unpackEntries(news.entry)) heard.set(keyOf(entry), news.action === 'set')
        } else if (news.type === 'link' && news.link.ifname === `${ifname}end`) ended()
      }
      standStill()
    },
  })
  await writer.applyEntries(batchOf('create', entries))
  await writer.applyEntries(
    batchOf(
      'delete',
      entries.filter((_, i) => i % 3 !== 0),
    ),
  )
  await sayUntilHeard(writer, `${ifname}end`, end)
  const followed = await dumped
  for (const [key, there] of heard) there ? followed.add(key) : followed.delete(key)
  monitor.close()
  assert.deepEqual([...followed].sort(), [...(await mine())].sort())
  return overruns
}

function keyOf(entry: Entry): string {
  return entry.kind === 'neighbour' ? entry.ip : ''
}

// The reader that is too slow.
function standStill(): void {
  const until = process.hrtime.bigint() + 1_500_000n
  while (process.hrtime.bigint() < until);
}

/** The mark itself may be lost: it is repeated until it comes through. */
async function sayUntilHeard(writer: Rtnl, ifname: string, heard: Promise<void>): Promise<void> {
  let done = false
  const end = heard.then(() => {
    done = true
  })
  await writer.createBridge({ ifname })
  const { ifindex } = await linkNamed(writer, ifname)
  for (let mtu = 1400; !done; mtu = mtu === 1400 ? 1401 : 1400) {
    await writer.changeLink(ifindex, { mtu })
    await Promise.race([end, new Promise((resolve) => setImmediate(resolve))])
  }
}
