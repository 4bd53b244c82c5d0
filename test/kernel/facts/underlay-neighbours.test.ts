/** kernel-facts 7: who sends to a rebuilt interface keeps its old MAC until the interface announces itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { createNode, eventually, type Node } from './support.ts'

const A = ['192.0.2.1', '2001:db8::1']
const [FIRST, SECOND, THIRD] = ['02:00:00:00:00:11', '02:00:00:00:00:22', '02:00:00:00:00:33']

test(
  'a peer keeps the MAC of an interface that was rebuilt, and learns another one by an announcement',
  kernelTests,
  async (t) => {
    const [a, b] = [await createNode(t, 'a'), await createNode(t, 'b')]
    await addSwitch(b)
    await build(a, b, FIRST)
    for (const ip of A) await b.send(ip)
    await eventually(async () => ((await known(b)).every((mac) => mac === FIRST) ? true : undefined))

    await a.ip('link', 'del', 'u0')
    await build(a, b, SECOND)
    for (const ip of A) await b.send(ip)
    assert.deepEqual(await known(b), [FIRST, FIRST])

    await a.exec('sysctl', '-qw', 'net.ipv4.conf.u0.arp_notify=1', 'net.ipv6.conf.u0.ndisc_notify=1')
    // Again and again: a bridge port that has just come up lets nothing through.
    await eventually(async () => {
      for (const mac of [SECOND, THIRD]) await a.ip('link', 'set', 'u0', 'address', mac)
      return (await known(b)).every((mac) => mac === THIRD) ? true : undefined
    })
  },
)

/** br0, which has b's addresses, and a MAC of its own that no port changes; p0 keeps its carrier while the cable to a is away. */
async function addSwitch(b: Node): Promise<void> {
  await b.ip('link', 'add', 'br0', 'address', '02:00:00:00:00:b0', 'type', 'bridge')
  await b.ip('link', 'add', 'p0', 'master', 'br0', 'type', 'veth', 'peer', 'name', 'p1')
  for (const link of ['p0', 'p1', 'br0']) await b.ip('link', 'set', link, 'up')
  await b.ip('address', 'add', '192.0.2.2/24', 'dev', 'br0')
  await b.ip('address', 'add', '2001:db8::2/64', 'dev', 'br0', 'nodad')
}

/** a's u0 at this MAC, with a's addresses, on b's switch. */
async function build(a: Node, b: Node, mac: string): Promise<void> {
  await a.ip('link', 'add', 'u0', 'address', mac, 'type', 'veth', 'peer', 'name', 'c0', 'netns', b.name)
  await b.ip('link', 'set', 'c0', 'master', 'br0', 'up')
  await a.ip('link', 'set', 'u0', 'up')
  await a.ip('address', 'add', '192.0.2.1/24', 'dev', 'u0')
  await a.ip('address', 'add', '2001:db8::1/64', 'dev', 'u0', 'nodad')
}

/** What b knows of a's MAC, over IPv4 and IPv6. */
async function known(b: Node): Promise<string[]> {
  const entries: { dst: string; lladdr?: string }[] = JSON.parse(await b.ip('-json', 'neigh', 'show', 'dev', 'br0'))
  return A.map((ip) => entries.find(({ dst }) => dst === ip)?.lladdr ?? 'unknown')
}
