/** An address that is announced: a peer that has cached the old MAC has the new one at once. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { promisify } from 'node:util'
import {
  type Family,
  type Lladdr,
  type NeighbourEntry,
  type Notification,
  openRtnl,
  parseIp,
  parseLladdr,
  unpackEntries,
} from '../../lib/rtnl/index.ts'
import { kernelTests } from '../support/netns.ts'
import { patience } from '../support/patience.ts'
import { createStage, linkNamed, listen, type Stage } from './support.ts'

const run = promisify(execFile)
const bounded = { ...kernelTests, timeout: patience(60_000) }
const OLD = parseLladdr('02:00:00:00:00:10')
const NEW = parseLladdr('02:00:00:00:00:11')
const IP = { ipv4: parseIp('192.0.2.1'), ipv6: parseIp('2001:db8::1') }
const LINK_SCOPE = 253
const PEER = { ipv4: '192.0.2.2', ipv6: '2001:db8::2' }

interface Pair {
  readonly own: Stage
  readonly peer: Stage
}

/** Two hosts on one cable, each with an address of both families. */
async function createPair(t: Parameters<typeof createStage>[0]): Promise<Pair> {
  const [own, peer] = [await createStage(t), await createStage(t)]
  await own.rtnl.createVeth({ ifname: 'u0', lladdr: OLD, peer: { ifname: 'u0', netns: peer.netns.path } })
  const ready = [own, peer].map(({ rtnl }) =>
    listen(t, rtnl, ['address']).until((news) => news.type === 'address' && news.address.scope === LINK_SCOPE),
  )
  for (const [{ netns }, ips] of [
    [own, Object.values(IP)],
    [peer, Object.values(PEER)],
  ] as const) {
    // Nothing but what is tested may announce, and nothing may be forgotten meanwhile.
    await netns.exec('sysctl', '-qw', 'net.ipv4.conf.u0.arp_notify=0', 'net.ipv6.conf.u0.ndisc_notify=0')
    for (const ip of ips)
      await netns.exec('ip', 'addr', 'add', `${ip}/${ip.includes(':') ? 64 : 24}`, 'dev', 'u0', ...noDad(ip))
    await netns.exec('ip', 'link', 'set', 'u0', 'up')
  }
  // IPv6 hears nothing before it has started on a link, which comes up to a second after the carrier.
  await Promise.all(ready)
  return { own, peer }
}

function noDad(ip: string): string[] {
  return ip.includes(':') ? ['nodad'] : []
}

/** What the peer has cached of our address. */
async function cached({ rtnl }: Stage, family: Family): Promise<NeighbourEntry | undefined> {
  const { ifindex } = await linkNamed(rtnl, 'u0')
  return unpackEntries((await rtnl.dumpNeighbours(family, ifindex)).value).find(
    (entry) => entry.kind === 'neighbour' && entry.ip === IP[family],
  ) as NeighbourEntry | undefined
}

for (const family of ['ipv4', 'ipv6'] as const)
  for (const state of ['reachable', 'stale'])
    test(`a ${state} entry of a peer gets the new MAC at once, ${family}`, bounded, async (t) => {
      const { own, peer } = await createPair(t)
      await peer.netns.exec('ip', 'neigh', 'add', IP[family], 'lladdr', OLD, 'dev', 'u0', 'nud', state)
      assert.equal((await cached(peer, family))?.lladdr, OLD)
      await own.netns.exec('ip', 'link', 'set', 'u0', 'address', NEW)
      assert.equal((await cached(peer, family))?.lladdr, OLD)

      const ears = listen(t, peer.rtnl, ['neighbour'])
      const { ifindex } = await linkNamed(own.rtnl, 'u0')
      await own.rtnl.announceAddress({ ifindex, ip: IP[family], lladdr: NEW, router: false, override: true })
      await ears.until((news) => learnt(news) === NEW)
      assert.equal((await cached(peer, family))?.lladdr, NEW)
    })

function learnt(news: Notification): Lladdr | undefined {
  const [entry] = news.type === 'entry' ? unpackEntries(news.entry) : []
  return entry?.kind === 'neighbour' && Object.values(IP).includes(entry.ip) ? entry.lladdr : undefined
}

test('an advertisement without override leaves what is cached, and the router flag arrives', bounded, async (t) => {
  const { own, peer } = await createPair(t)
  await peer.netns.exec('ip', 'neigh', 'add', IP.ipv6, 'lladdr', OLD, 'dev', 'u0', 'nud', 'reachable')
  const { ifindex } = await linkNamed(own.rtnl, 'u0')
  const announcement = { ifindex, ip: IP.ipv6, router: true }
  await own.rtnl.announceAddress({ ...announcement, lladdr: NEW, override: false })
  const ears = listen(t, peer.rtnl, ['neighbour'])
  await own.rtnl.announceAddress({ ...announcement, lladdr: OLD, override: true })
  // NTF_ROUTER.
  await ears.until((news) => {
    const [entry] = news.type === 'entry' ? unpackEntries(news.entry) : []
    return entry?.kind === 'neighbour' && entry.ip === IP.ipv6 && (entry.flags & 0x80) !== 0
  })
  assert.equal((await cached(peer, 'ipv6'))?.lladdr, OLD)
})

test('an announcement leaves no socket behind, in another namespace and in our own', bounded, async (t) => {
  const { own } = await createPair(t)
  const here = openRtnl()
  t.after(() => here.close())
  const { ifindex } = await linkNamed(own.rtnl, 'u0')
  const lo = await linkNamed(here, 'lo')
  const descriptors = (): number => readdirSync('/proc/self/fd').length
  const before = descriptors()
  for (let i = 0; i < 50; i += 1)
    for (const ip of Object.values(IP)) {
      await own.rtnl.announceAddress({ ifindex, ip, lladdr: OLD, router: false, override: true })
      await here.announceAddress({ ifindex: lo.ifindex, ip, lladdr: OLD, router: false, override: true })
    }
  assert.equal(descriptors(), before)
})

test('a link that is gone or down is an errno, and a closed door answers', bounded, async (t) => {
  const { rtnl, netns } = await createStage(t)
  await netns.exec('ip', 'link', 'add', 'b0', 'type', 'bridge')
  const { ifindex } = await linkNamed(rtnl, 'b0')
  for (const ip of Object.values(IP)) {
    const announcement = { ifindex, ip, lladdr: OLD, router: false, override: true }
    const refused = (errnoName: string) => ({ code: 'ERR_VTEPD_NETLINK', op: 'address.announce', errnoName })
    await assert.rejects(rtnl.announceAddress(announcement), refused('ENETDOWN'))
    await assert.rejects(rtnl.announceAddress({ ...announcement, ifindex: 9999 as never }), refused('ENXIO'))
    for (const wrong of ['0.0.0.0', '224.0.0.1', '::', 'ff02::1', '127.0.0.1'])
      await assert.rejects(rtnl.announceAddress({ ...announcement, ip: parseIp(wrong) }), RangeError)
  }
  await rtnl.close()
  const late = rtnl.announceAddress({ ifindex, ip: IP.ipv4, lladdr: OLD, router: false, override: true })
  await assert.rejects(late, { errnoName: 'ECANCELED' })
})

const ROOT = path.resolve(import.meta.dirname, '../..')
/** Run without CAP_NET_RAW: opens the namespace given and prints how an announcement ends. */
const PROGRAM = `
import { openRtnl, parseIp, parseLladdr } from './lib/rtnl/index.ts'
const rtnl = openRtnl()
const announcement = { ifindex: 1, ip: parseIp('192.0.2.1'), lladdr: parseLladdr('02:00:00:00:00:10') }
const error = await rtnl.announceAddress({ ...announcement, router: false, override: true }).catch((error) => error)
console.log(JSON.stringify([error?.code, error?.errnoName, error?.message]))
await rtnl.close()
`

test('without CAP_NET_RAW the error names it, and everything else goes on', bounded, async () => {
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', PROGRAM]
  const { stdout } = await run('setpriv', ['--bounding-set', '-net_raw', ...node], { cwd: ROOT })
  const [code, errnoName, message] = JSON.parse(stdout)
  assert.deepEqual([code, errnoName], ['ERR_VTEPD_NETLINK_SOCKET', 'EPERM'])
  assert.match(message, /^address\.announce: EPERM \(192\.0\.2\.1 on ifindex 1: socket; CAP_NET_RAW, .* is missing\)$/)
})
