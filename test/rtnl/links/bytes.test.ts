import assert from 'node:assert/strict'
import test from 'node:test'
import { attributeAt, decodePayload, encodeMessage } from '../../../lib/netlink/message.ts'
import { linkAnswer } from '../../../lib/rtnl/links/read-link.ts'
import * as schema from '../../../lib/rtnl/links/schema.ts'

/** One attribute of a little-endian machine. */
function attribute(id: number, ...body: readonly number[]): number[] {
  const length = body.length + 4
  return [length & 0xff, length >> 8, id & 0xff, id >> 8, ...body, ...new Array((4 - (length & 3)) & 3).fill(0)]
}
const text = (value: string): number[] => [...Buffer.from(`${value}\0`)]
const HEAD = [0, 0, 1, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
const NAME = attribute(3, ...text('x0'))
const isLittle = { skip: new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? false : 'the bytes are little-endian' }

function read(...body: readonly number[]) {
  return decodePayload(linkAnswer, Uint8Array.from([...HEAD, ...NAME, ...body]))
}

test('a new VLAN device is asked for in the bytes that the kernel documents', isLittle, () => {
  const data = { id: 5, protocol: '802.1Q' }
  const value = { ifname: 'v5', parent: 2, linkinfo: { kind: 'vlan', data } }
  const bytes = encodeMessage(schema.RTM_NEWLINK, 0, schema.linkMessage, value)
  const kind = attribute(1, ...text('vlan'))
  const info = attribute(2 | 0x8000, ...attribute(1, 5, 0), ...attribute(5, 0x81, 0))
  assert.deepEqual(
    [...bytes.subarray(32)],
    [...attribute(3, ...text('v5')), ...attribute(5, 2, 0, 0, 0), ...attribute(18 | 0x8000, ...kind, ...info)],
  )
  const inner = bytes.length - 16
  assert.equal(attributeAt(bytes, schema.linkMessage, inner), 'linkinfo.vlan.id')
  assert.equal(attributeAt(bytes, schema.linkMessage, inner + 8), 'linkinfo.vlan.protocol')
  assert.equal(attributeAt(bytes, schema.linkMessage, inner - 4), 'linkinfo.vlan')
})

test('a team device and its port are known by their kinds', isLittle, () => {
  const team = read(...attribute(18, ...attribute(1, ...text('team'))))?.value
  assert.equal(team?.kind, 'team')
  const port = read(...attribute(18, ...attribute(4, ...text('team')), ...attribute(5, 1, 2, 3, 4)))
  assert.deepEqual([port?.value.kind, port?.value.portKind, port?.faults], ['', 'team', []])
})

test('a GRE tunnel with keys and encapsulation is read', isLittle, () => {
  const data = [
    ...attribute(2, 0xa0, 0),
    ...attribute(4, 0, 0, 0, 7),
    ...attribute(6, 192, 0, 2, 1),
    ...attribute(8, 64),
    ...attribute(10, 1),
    ...attribute(14, 2, 0),
    ...attribute(15, 1, 0),
    ...attribute(17, 0x13, 0x88),
  ]
  const link = read(
    ...attribute(1, 192, 0, 2, 1),
    ...attribute(18, ...attribute(1, ...text('gre')), ...attribute(2, ...data)),
  )
  assert.deepEqual(link?.faults, [])
  const { gre } = link?.value ?? {}
  assert.deepEqual(gre?.inFlags, { checksum: true, routing: false, key: true, sequence: false })
  assert.deepEqual(
    [gre?.inKey, gre?.local, gre?.ttl, gre?.pathMtuDiscovery, gre?.encapType, gre?.encapPort],
    [7, '192.0.2.1', 64, true, 'gue', 5000],
  )
})

test('what cannot be read is left out and named, the link is told all the same', isLittle, () => {
  const link = read(
    ...attribute(4, 1, 2),
    ...attribute(18, ...attribute(1, ...text('vxlan')), ...attribute(2, ...attribute(1, 9))),
  )
  assert.equal(link?.value.ifname, 'x0')
  assert.deepEqual(link?.faults, ['mtu', 'linkinfo.vxlan.vni'])
})

test('of any bytes of the kernel none makes reading fail', () => {
  let seed = 1
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return (seed >> 8) % below
  }
  const kinds = ['vxlan', 'bridge', 'vlan', 'bond', 'macvlan', 'geneve', 'gre', 'tun', 'veth', 'vrf', 'constructor']
  for (let i = 0; i < 20_000; i += 1) {
    const noise = (): number[] => Array.from({ length: random(24) }, () => random(256))
    const data = Array.from({ length: random(6) }, () => attribute(random(50), ...noise())).flat()
    const kind = kinds[random(kinds.length)] ?? ''
    const info = [
      ...attribute(1, ...text(kind)),
      ...attribute(2, ...data),
      ...attribute(4, ...text('bond')),
      ...attribute(5, ...data),
    ]
    assert.doesNotThrow(() => read(...attribute(18, ...info), ...attribute(random(70), ...noise()), ...noise()))
  }
})
