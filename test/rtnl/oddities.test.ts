/** What the kernel accepts and few people write: every address, prefix and name of it has a value, and nothing is passed over. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Notification } from '../../lib/rtnl/index.ts'
import { unpackEntries } from '../../lib/rtnl/index.ts'
import { kernelTests } from '../support/netns.ts'
import { createStage, ipBatch, linkNamed, listen } from './support.ts'

const ROUTES = {
  ipv4: {
    '0.0.0.0/32': 'dev b0',
    '0.0.0.0/8': 'dev b0',
    '127.0.0.0/31': 'type blackhole',
    '224.0.0.0/4': 'dev b0',
    '240.0.0.0/4': 'type throw',
    '255.255.255.255/32': 'dev b0',
  },
  ipv6: {
    '::/128': 'dev b0',
    '::/96': 'dev b0',
    '::ffff:0:0/96': 'type unreachable',
    '::ffff:a01:0/112': 'dev b0',
    'fe00::/7': 'dev b0',
    'ff05::/16': 'dev b0',
  },
} as const

const NEIGHBOURS = ['0.0.0.0', '224.0.0.9', '255.255.255.255', '::ffff:102:305', 'ff02::99'] as const
const ADDRESSES = ['10.9.0.1', '224.0.0.5', '255.255.255.255', '::ffff:102:304'] as const
/** As they are read, and as the bytes that iproute2 is given. */
const NAMES = {
  é: Buffer.from('é'),
  "it's": Buffer.from('"it\'s"'),
  '...': Buffer.from('...'),
  '\ufeffq': Buffer.from('\ufeffq'),
  'n\ufffd\ufffd': Buffer.from([0x6e, 0xff, 0xfe]),
}
const TYPE = Buffer.from(' type bridge')

test(
  'odd routes, neighbours, addresses and names are dumped and heard, and none is passed over',
  kernelTests,
  async (t) => {
    const { rtnl, netns } = await createStage(t)
    await netns.exec('ip', 'link', 'add', 'b0', 'type', 'bridge')
    await netns.exec('ip', 'link', 'set', 'b0', 'up')
    const ears = listen(t, rtnl, ['link', 'address', 'neighbour', 'route'])
    const lines = [
      ...ADDRESSES.map((ip) => `addr add ${ip} dev b0`),
      ...Object.values(ROUTES).flatMap((routes) =>
        Object.entries(routes).map(([dst, rest]) =>
          rest.startsWith('type ') ? `route add ${rest.slice(5)} ${dst}` : `route add ${dst} ${rest}`,
        ),
      ),
      ...NEIGHBOURS.map((ip) => `neigh add ${ip} lladdr 02:00:00:00:00:01 dev b0`),
      'neigh add proxy 192.0.2.9 dev b0',
    ]
    const named = Object.values(NAMES).map((bytes) => Buffer.concat([Buffer.from('link add '), bytes, TYPE]))
    await ipBatch(t, netns, [...lines, ...named])
    await netns.exec('ip', 'link', 'add', 'last', 'type', 'bridge')
    await ears.until((n) => n.type === 'link' && n.link.ifname === 'last')

    const { ifindex } = await linkNamed(rtnl, 'b0')
    for (const family of ['ipv4', 'ipv6'] as const) {
      const routes = await rtnl.dumpRoutes(family)
      assert.equal(routes.unreadable, undefined)
      const seen = unpackEntries(routes.value).flatMap((entry) => (entry.kind === 'route' ? [entry.dst] : []))
      for (const dst of Object.keys(ROUTES[family])) assert.ok(seen.includes(dst as never), `${dst} is not in ${seen}`)
      const neighbours = await rtnl.dumpNeighbours(family, ifindex)
      assert.equal(neighbours.unreadable, undefined)
      const ips = unpackEntries(neighbours.value).map((entry) => (entry.kind === 'neighbour' ? entry.ip : ''))
      for (const ip of NEIGHBOURS)
        if (ip.includes(':') === (family === 'ipv6')) assert.ok(ips.includes(ip as never), ip)
    }
    const addresses = await rtnl.dumpAddresses()
    assert.equal(addresses.unreadable, undefined)
    for (const ip of ADDRESSES)
      assert.ok(
        addresses.value.some((each) => each.ip === ip),
        ip,
      )
    const links = await rtnl.dumpLinks()
    assert.equal(links.unreadable, undefined)
    for (const name of Object.keys(NAMES))
      assert.ok(
        links.value.some(({ ifname }) => ifname === name),
        name,
      )

    assert.deepEqual(
      ears.heard.filter(({ type }) => type === 'overrun'),
      [],
    )
    const heard = ears.heard.flatMap(wordsOf)
    const all = [...Object.keys(ROUTES.ipv4), ...Object.keys(ROUTES.ipv6), ...NEIGHBOURS, ...ADDRESSES]
    for (const word of [...all, ...Object.keys(NAMES)]) assert.ok(heard.includes(word), `${word} was not heard`)
  },
)

function wordsOf(news: Notification): string[] {
  if (news.type === 'link') return [news.link.ifname]
  if (news.type === 'address') return [news.address.ip]
  if (news.type !== 'entry') return []
  return unpackEntries(news.entry).map((entry) =>
    entry.kind === 'route' ? entry.dst : entry.kind === 'fdb' ? entry.lladdr : entry.ip,
  )
}
