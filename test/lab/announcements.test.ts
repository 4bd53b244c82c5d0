/** What a peer hears of announcements: by tcpdump, and by its own neighbour tables. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { announcedIn, hearAnnouncements } from '../../lib/lab/announcements.ts'
import { linkOf } from '../../lib/lab/fabric.ts'
import { becomesTrue } from '../../lib/lab/waiting.ts'
import { FAMILIES, type Ip, parseIp } from '../../lib/net/ip.ts'
import { type Lladdr, parseLladdr } from '../../lib/net/lladdr.ts'
import { openRtnl } from '../../lib/rtnl/native.ts'
import { createNetns, kernelTests } from '../support/netns.ts'

const OWN = ['172.31.1.1', 'fd77::1:1'].map(parseIp)
const FLOATING = ['172.31.9.9', 'fd77::9:9'].map(parseIp)
const [OLD, NEW] = ['02:00:00:00:00:01', '02:00:00:00:00:02'].map(parseLladdr) as [Lladdr, Lladdr]

for (const [line, announced] of [
  ['1.2 ARP, Request who-has 172.31.1.1 (ff:ff:ff:ff:ff:ff) tell 172.31.1.1, length 28', '172.31.1.1'],
  ['1.2 ARP, Request who-has 172.31.1.1 tell 172.31.1.1, length 28', '172.31.1.1'],
  ['1.2 ARP, Request who-has 172.31.1.2 tell 172.31.1.1, length 28', undefined],
  ['1.2 ARP, Request who-has 172.31.1.1 tell 0.0.0.0, length 28', undefined],
  ['1.2 ARP, Reply 172.31.1.1 is-at 02:00:00:00:00:02, length 28', undefined],
  ['1.2 IP6 fd77::1:1 > ff02::1: ICMP6, neighbor advertisement, tgt is fd77::1:1, length 32', 'fd77::1:1'],
  ['1.2 IP6 fd77::1:1 > fd77::1:2: ICMP6, neighbor advertisement, tgt is fd77::1:1, length 32', undefined],
] as const) {
  test(`'${line.slice(4)}' announces ${announced ?? 'nothing'}`, () => assert.equal(announcedIn(line), announced))
}

const noTcpdump = spawnSync('tcpdump', ['--version']).error === undefined ? false : 'tcpdump is not installed'
for (const [heardBy, program, skip] of [
  ['tcpdump', 'tcpdump', kernelTests.skip || noTcpdump],
  ['neighbour tables', 'no-such-program', kernelTests.skip],
] as const) {
  test(`by ${heardBy}: what is announced is counted address by address`, { skip, timeout: 60_000 }, async (t) => {
    const [node, peer] = [await createNetns(t, 'node'), await createNetns(t, 'peer')]
    const [own, other] = [openRtnl({ netns: node.path }), openRtnl({ netns: peer.path })]
    t.after(() => Promise.all([own.close(), other.close()]))
    await own.createVeth({ ifname: 'mgmt0', lladdr: OLD, peer: { ifname: 'mgmt0', netns: peer.path } })
    for (const netns of [node, peer]) await netns.exec('ip', 'link', 'set', 'mgmt0', 'up')
    for (const ip of [...OWN, ...FLOATING])
      await peer.exec('ip', 'neigh', 'add', ip, 'lladdr', OLD, 'dev', 'mgmt0', 'nud', 'reachable')
    const known = new Map<Ip, Lladdr>([...OWN, ...FLOATING].map((ip) => [ip, OLD]))
    const ears = await hearAnnouncements(peer.name, other, FAMILIES, known, program)
    const { ifindex } = await linkOf(own, 'mgmt0')
    const believes = async (wanted: Lladdr): Promise<boolean> => {
      for (const ip of OWN) await own.announceAddress({ ifindex, ip, lladdr: NEW, router: false, override: true })
      const table = await peer.exec('ip', 'neigh')
      return OWN.every((ip) => table.includes(`${ip} dev mgmt0 lladdr ${wanted}`))
    }
    // IPv6 hears nothing before it has started on the link.
    assert.ok(await becomesTrue(() => believes(NEW), 10_000))
    const { heardBy: by, counts } = await ears.stop()
    assert.equal(by, heardBy)
    for (const ip of OWN) assert.ok((counts.get(ip) ?? 0) > 0, ip)
    for (const ip of FLOATING) assert.equal(counts.get(ip), undefined)
  })
}
