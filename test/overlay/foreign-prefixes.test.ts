import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RTN_UNICAST, RTPROT_KERNEL, RTPROT_VTEPD } from '../../lib/addon/abi.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { foreignPrefixes } from '../../lib/overlay/plan/foreign-prefixes.ts'
import { packEntries, type RouteEntry } from '../../lib/rtnl/entries.ts'
import { atOnce } from '../../lib/util/slices.ts'

const DEVICE = parseIfindex(7)
const BRIDGE = parseIfindex(9)

function route(dst: string, change: Partial<RouteEntry> = {}): RouteEntry {
  return {
    kind: 'route',
    dst: parseCidr(dst),
    metric: 3,
    gateway: parseIp('10.42.2.0'),
    oif: DEVICE,
    onlink: true,
    protocol: RTPROT_VTEPD,
    type: RTN_UNICAST,
    scope: 0,
    extras: false,
    dead: false,
    multipath: false,
    ...change,
  }
}

test('a prefix is foreign where somebody else has a route inside the network, whatever its metric', () => {
  const connected = { gateway: undefined, oif: BRIDGE, onlink: false, protocol: RTPROT_KERNEL }
  const actual = packEntries([
    route('10.42.2.0/24'),
    route('10.42.3.0/24', { ...connected, metric: 77 }),
    route('10.42.4.0/25', connected),
    route('192.168.9.0/24', connected),
  ])
  const isForeign = atOnce(foreignPrefixes(actual, parseCidr('10.42.0.0/16'), DEVICE))
  const asks = (...prefixes: string[]): boolean => isForeign(packEntries(prefixes.map((dst) => route(dst))))
  assert.equal(asks('10.42.2.0/24'), false, 'our own')
  assert.equal(asks('10.42.3.0/24'), true)
  assert.equal(asks('10.42.2.0/24', '10.42.3.0/24'), true, 'any of several')
  assert.equal(asks('10.42.4.0/24'), false, 'another length is another prefix')
  assert.equal(asks('192.168.9.0/24'), false, 'outside the network nothing is planned')
})
