/** kernel-facts 3: what cannot be changed in place, in the kernel's own words, and that packets follow what can. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../../lib/net/ip.ts'
import { kernelTests } from '../../support/netns.ts'
import { createNode, createPair, eventually, joinOverlay } from './support.ts'

const REFUSED = [
  { what: 'the port, even the same', args: ['dstport', '8472'], says: /Cannot change port/ },
  { what: 'the VNI', args: ['id', '2'], says: /Cannot change VNI/ },
  { what: 'GBP', args: ['gbp'], says: /cannot change GBP flag/ },
  { what: 'L2MISS', args: ['l2miss'], says: /cannot change L2MISS flag/ },
]

for (const { what, args, says } of REFUSED)
  test(`refused on an existing device: ${what}`, kernelTests, async (t) => {
    const node = await createNode(t, 'refused')
    await node.createVxlan({ local: parseIp('192.0.2.1') })
    await assert.rejects(node.ip('link', 'set', 'v1', 'type', 'vxlan', ...args), says)
  })

test('refused on an existing device: an MTU in the same message as a VXLAN attribute', kernelTests, async (t) => {
  const node = await createNode(t, 'refused')
  const v1 = await node.createVxlan({ local: parseIp('192.0.2.1') })
  const local = parseIp('192.0.2.2')
  await assert.rejects(node.rtnl.changeLink(v1, { mtu: 1300, vxlan: { local } }), /EOPNOTSUPP \(Cannot change mtu/)
  await node.rtnl.changeLink(v1, { mtu: 1300 })
  await node.rtnl.changeLink(v1, { vxlan: { local } })
})

test('`local` changes under traffic: the next packet leaves from the new address', kernelTests, async (t) => {
  const pair = await createPair(t)
  const { peer } = await joinOverlay(pair, 'ipv4')
  await pair.a.ip('address', 'replace', '192.0.2.77/24', 'dev', 'u0')
  await pair.a.ip('address', 'del', '192.0.2.1/24', 'dev', 'u0')
  await pair.a.ip('address', 'replace', '192.0.2.77/24', 'dev', 'u0')
  await pair.a.send(peer)
  assert.equal((await pair.a.counters('v1')).sendErrors, 1)
  await pair.a.rtnl.changeLink(await pair.a.index('v1'), { vxlan: { local: parseIp('192.0.2.77') } })
  await pair.a.send(peer)
  await eventually(async () => ((await pair.b.counters('v1')).received === 1 ? true : undefined))
})
