import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { directRoutes } from '../../lib/overlay/direct.ts'
import { packEntries, type RouteEntry } from '../../lib/rtnl/entries.ts'

const DEVICE = parseIfindex(9)

function route(dst: string, part: Partial<RouteEntry> = {}): RouteEntry {
  return {
    kind: 'route',
    dst: parseCidr(dst),
    metric: 0,
    gateway: undefined,
    oif: parseIfindex(2),
    onlink: false,
    protocol: 2,
    type: 1,
    scope: 253,
    extras: true,
    dead: false,
    multipath: false,
    ...part,
  }
}

const gateway = parseIp('192.168.1.254')
const onLink = (ip: string, ...routes: RouteEntry[]) =>
  directRoutes('ipv4', packEntries(routes), DEVICE).onLink(parseIp(ip))

test('an address of a connected subnet is on-link, one behind the default gateway is not', () => {
  const table = [route('0.0.0.0/0', { gateway, protocol: 3 }), route('192.168.1.0/24')]
  assert.equal(onLink('192.168.1.7', ...table), 2)
  assert.equal(onLink('203.0.113.7', ...table), undefined)
  assert.equal(onLink('203.0.113.7', route('192.168.1.0/24')), undefined, 'no route at all')
})

test('the longest prefix decides, and of one prefix the lowest metric', () => {
  assert.equal(onLink('192.168.1.7', route('192.168.1.0/24'), route('192.168.1.7/32', { gateway })), undefined)
  assert.equal(onLink('192.168.1.7', route('192.168.1.7/32'), route('192.168.1.0/24', { gateway })), 2)
  const second = route('192.168.1.0/24', { gateway, metric: 100 })
  assert.equal(onLink('192.168.1.7', route('192.168.1.0/24'), second), 2)
  assert.equal(onLink('192.168.1.7', second, route('192.168.1.0/24', { metric: 200 })), undefined)
})

test('blackholes, dead routes and routes of several next hops lead nowhere directly', () => {
  assert.equal(onLink('192.168.1.7', route('192.168.1.0/24', { type: 6, oif: undefined })), undefined)
  assert.equal(onLink('192.168.1.7', route('192.168.1.0/24', { dead: true })), undefined)
  assert.equal(onLink('192.168.1.7', route('192.168.1.0/24', { oif: undefined })), undefined)
  assert.equal(onLink('192.168.1.7', route('192.168.1.0/24', { multipath: true })), undefined)
})

test('our own routes and device are no way for outer packets', () => {
  assert.equal(onLink('192.168.1.7', route('192.168.1.0/24', { oif: DEVICE })), undefined)
  assert.equal(onLink('192.168.1.7', route('192.168.1.0/24', { protocol: 118 })), undefined)
})

test('the signature changes with the answers, and not with our own routes or the order of the dump', () => {
  const signature = (...routes: RouteEntry[]) => directRoutes('ipv4', packEntries(routes), DEVICE).signature
  const [a, b] = [route('192.168.1.0/24'), route('10.0.0.0/8', { gateway })]
  assert.equal(signature(a, b), signature(b, a))
  assert.equal(signature(a, b), signature(a, b, route('10.42.2.0/24', { protocol: 118 })))
  assert.notEqual(signature(a, b), signature(a))
  assert.notEqual(signature(a), signature(route('192.168.1.0/24', { gateway })))
})

test('IPv6 works alike', () => {
  const { onLink: direct } = directRoutes(
    'ipv6',
    packEntries([route('fd00:1::/64'), route('::/0', { gateway: parseIp('fe80::1') })]),
    DEVICE,
  )
  assert.equal(direct(parseIp('fd00:1::7')), 2)
  assert.equal(direct(parseIp('fd00:2::7')), undefined)
})
