/** What is heard of nftables on a real kernel: by whom it was changed does not matter, what is not watched is not told. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { openNftMonitor } from '../../lib/rtnl/native-nft-monitor.ts'
import type { NftNews, NftWatched } from '../../lib/rtnl/nft-monitor.ts'
import { createNetns, kernelTests, type Netns, type Scope } from '../support/netns.ts'
import { patience } from '../support/patience.ts'
import { runProgram } from '../support/run-program.ts'

const bounded = { ...kernelTests, timeout: patience(60_000) }

const OURS: NftWatched = { family: 'ipv4', table: 'flannel-ipv4' }
const POSTROUTING: NftWatched = { family: 'ipv4', table: 'nat', chain: 'POSTROUTING' }
const LAST: NftWatched = { family: 'ipv4', table: 'the-end' }

interface Ears {
  readonly heard: readonly NftNews[]
  /** Everything that was heard up to a change that is made last. */
  all(): Promise<readonly NftNews[]>
}

function listen(t: Scope, netns: Netns): Ears {
  const heard: NftNews[] = []
  let onLast: () => void = () => undefined
  const last = new Promise<void>((resolve) => {
    onLast = resolve
  })
  const monitor = openNftMonitor({
    netns: netns.path,
    watched: [OURS, POSTROUTING, LAST],
    onNews(news) {
      heard.push(...news)
      if (news.some((one) => one.type === 'touched' && one.watched === LAST)) onLast()
    },
  })
  t.after(() => monitor.close())
  return {
    heard,
    async all() {
      await netns.exec('nft', 'add', 'table', 'ip', 'the-end')
      await last
      return heard
    },
  }
}

const touched = (news: readonly NftNews[]): readonly (string | undefined)[] =>
  news.flatMap((one) =>
    one.type === 'touched' && one.watched !== LAST ? [one.watched.chain ?? one.watched.table] : [],
  )

test('a table of ours is heard: made, changed, and flushed with everything else', bounded, async (t) => {
  const netns = await createNetns(t)
  const ears = listen(t, netns)
  await netns.exec('nft', 'add table ip flannel-ipv4; add chain ip flannel-ipv4 postrtg')
  await netns.exec('nft', 'add rule ip flannel-ipv4 postrtg accept')
  await netns.exec('nft', 'flush ruleset')
  const news = touched(await ears.all())
  assert.ok(news.length >= 1 && news.every((one) => one === 'flannel-ipv4'), news.join())
})

test(
  'iptables-nft is heard where it touches the chain, not where it touches another of that table',
  bounded,
  async (t) => {
    const netns = await createNetns(t)
    await netns.exec('iptables-nft', '-t', 'nat', '-A', 'POSTROUTING', '-j', 'ACCEPT')
    const ears = listen(t, netns)
    await netns.exec('iptables-nft', '-t', 'nat', '-N', 'KUBE-SERVICES')
    await netns.exec('iptables-nft', '-t', 'nat', '-A', 'KUBE-SERVICES', '-j', 'RETURN')
    assert.deepEqual(touched(await ears.all()), [])
    const other = listen(t, netns)
    await netns.exec('iptables-nft', '-t', 'nat', '-F', 'POSTROUTING')
    await netns.exec('nft', 'delete', 'table', 'ip', 'the-end')
    assert.deepEqual(touched(await other.all()), ['POSTROUTING'])
  },
)

/** A sanitizer slows down nft too, which is started with it. */
const MANY = process.env.LD_PRELOAD === undefined ? 80_000 : 4_000
test(`${MANY} rules of others are not told, and a change of ours behind them is`, bounded, async (t) => {
  const netns = await createNetns(t)
  const ears = listen(t, netns)
  const rules = Array.from(
    { length: MANY },
    (_, i) => `add rule ip other c ip daddr 10.${i >> 16}.${(i >> 8) & 255}.${i & 255} accept\n`,
  )
  const load = await runProgram('ip', ['netns', 'exec', netns.name, 'nft', '-f', '-'], {
    input: `add table ip other\nadd chain ip other c\n${rules.join('')}`,
    timeoutMs: patience(50_000),
  })
  assert.equal(load.outcome === 'exited' && load.status, 0, JSON.stringify(load).slice(0, 300))
  await netns.exec('nft', 'add', 'table', 'ip', 'flannel-ipv4')
  const news = await ears.all()
  // The kernel's queue may have overflowed: that is told, and then whoever is concerned looks.
  const overrun = news.some(({ type }) => type === 'overrun')
  assert.ok(overrun || touched(news).length > 0)
  assert.ok(news.length < 20, `${news.length} news`)
})

test('in a namespace that is not there opening says why, and closing twice is closing once', bounded, async (t) => {
  assert.throws(
    () => openNftMonitor({ netns: '/run/netns/none-such', watched: [OURS], onNews: () => undefined }),
    /ENOENT.*none-such/,
  )
  const netns = await createNetns(t)
  const monitor = openNftMonitor({ netns: netns.path, watched: [], onNews: () => undefined })
  monitor.close()
  monitor.close()
})
