import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { LeaseError } from '../../../lib/errors.ts'
import { parseViewFile, renderViewFile } from '../../../lib/leases/kube/view-file.ts'
import { NO_IPS } from '../../../lib/leases/wire/node-facts.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import { claim4, claim6, flannelNode, held, lease } from '../support.ts'

const internalIps = { ipv4: parseIp('172.16.0.9'), ipv6: parseIp('fd07::9') }
const own = flannelNode('me', 9, { networkUnavailable: 'False', internalIps })
const position = { version: '12345', ownVersion: '17' }
const base = { givenName: '{"name":"me"}', position, own }
const fault = new LeaseError('c', 'spec.podCIDRs', 'no ipv4 podCIDR is assigned')
const claims = [
  held(lease('a', { ipv4: claim4(1), ipv6: claim6(1) }, '2026-01-01T00:00:00Z', 'uid-a')),
  held(lease('b', { ipv6: claim6(2, { vni: '16777215' }) })),
  held(lease('ä "\n', { ipv4: { ...claim4(3), vni: undefined } }, 's')),
  { ...held(lease('c', { ipv4: claim4(4) }, 's', 'uid-c')), held: { ipv4: 1, ipv6: 0 } },
  { ...held(lease('c', { ipv6: claim6(3) }, 's', 'uid-c')), faults: [fault] },
  {
    claim: { ...lease('d', {}, 's', 'uid-d'), ipv4: { ...claim4(5), underlay: undefined } },
    faults: [],
    held: { ipv4: 3, ipv6: 0 },
  },
  { claim: undefined, faults: [new LeaseError('d', 'x', 'ä "\n'), new LeaseError('d', 'y', 'z')], held: undefined },
]
/** A piece is valid until the next. */
const collect = (pieces: Iterable<Uint8Array>): Buffer =>
  Buffer.concat(Array.from(pieces, (piece) => Buffer.from(piece)))
const render = (): Buffer => collect(renderViewFile({ ...base, claims }, 'ours'))

test('a view comes back as it was', () => {
  assert.deepEqual(parseViewFile(render(), 'ours'), { ...base, claims })
  for (const view of [
    { ...base, claims: [] },
    { ...base, position: undefined, claims },
  ])
    assert.deepEqual(parseViewFile(collect(renderViewFile(view, 'ours')), 'ours'), view)
})

test('the text of many peers is made in pieces of one buffer, whatever its characters and its longest line', () => {
  const long = (text: string): typeof own => ({ ...own, annotations: { 'example.com/x': text } })
  for (const [node, mine] of [
    ['node', own],
    ['ä€', long('€'.repeat(30_000))],
    ['x'.repeat(25_000), long('x'.repeat(21_000))],
  ] as const) {
    const many = Array.from({ length: 3000 }, (_, i) =>
      held(lease(i % 1000 ? `n-${i}` : `${node}-${i}`, { ipv4: claim4(i % 250) }, 's')),
    )
    const lengths: number[] = []
    const buffers = new Set<ArrayBufferLike>()
    const whole = collect(
      (function* () {
        for (const piece of renderViewFile({ ...base, own: mine, claims: many }, 'ours')) {
          lengths.push(piece.length)
          buffers.add(piece.buffer)
          yield piece
        }
      })(),
    )
    assert.ok(lengths.length > 3 && lengths.every((length) => length > 0 && length < 100_000), String(lengths))
    assert.ok(buffers.size < 7, `${buffers.size} buffers for ${lengths.length} pieces`)
    assert.deepEqual(parseViewFile(whole, 'ours'), { ...base, own: mine, claims: many })
  }
})

test('the view of another network is refused', () => {
  assert.throws(() => parseViewFile(render(), 'theirs'), /another network/)
})

const sealed = (...lines: string[]): Buffer => {
  const body = lines.map((line) => `${line}\n`).join('')
  const sha256 = createHash('sha256').update(body).digest('hex')
  return Buffer.from(`${body}${JSON.stringify({ sha256 })}\n`)
}
const head = '{"format":"vtepd-view","version":2,"binding":"ours","givenName":"me"}'

test('a view without VNIs, InternalIPs and a position comes back without them', () => {
  const { internalIps: _, ...before } = own
  const row = '["a","s",["10.42.1.0/24","192.168.0.1","02:00:00:00:04:01"],null]'
  assert.deepEqual(parseViewFile(sealed(head, JSON.stringify(before), row), 'ours'), {
    givenName: 'me',
    position: undefined,
    own: { ...own, internalIps: NO_IPS },
    claims: [held(lease('a', { ipv4: { ...claim4(1), vni: undefined } }, 's'))],
  })
})

test('of an InternalIP that is none, nothing is believed', () => {
  for (const odd of ['x', 7, null, [], { ipv4: 'x', ipv6: 7 }])
    assert.deepEqual(
      parseViewFile(sealed(head, JSON.stringify({ ...own, internalIps: odd })), 'ours').own.internalIps,
      NO_IPS,
    )
})

test('a text of another kind or version is refused', () => {
  for (const [bytes, reason] of [
    [Buffer.from(''), /damaged/],
    [Buffer.from('\n'), /damaged/],
    [Buffer.from('{"sha256":"x"}\n'), /damaged/],
    [sealed('{"format":"other"}'), /no view of vtepd/],
    [sealed('{"format":"vtepd-view","version":1,"binding":"ours"}'), /of version 1, not 2/],
    [sealed(head), /lacks our own Node/],
    [sealed(head, JSON.stringify(own), '{}'), /a line that is no peer/],
    [sealed(head, JSON.stringify(own), '["a","s",[1],null]'), /a peer that is none/],
    [sealed(head, JSON.stringify(own), '["a","s",["10.42.1.0","x","y"],null]'), /is not a CIDR/],
    [sealed(head, JSON.stringify(own), '["a","",null,null,[7]]'), /holds nothing known/],
    [sealed(head, JSON.stringify(own), '["a","",null,null,null,[7]]'), /a fault that is none/],
    [
      sealed(head, JSON.stringify(own), '["a","s",["10.42.1.0/24","192.168.0.1","02:00:00:00:04:01","x"],null]'),
      /VNI NaN/,
    ],
  ] as const)
    assert.throws(
      () => parseViewFile(bytes, 'ours'),
      (error) => error instanceof RangeError && reason.test(error.message),
    )
})

test('wherever the text was cut or altered, it is refused', () => {
  const whole = render()
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
      const damaged = cut ? whole.subarray(0, at) : Buffer.from(whole)
      if (!cut) damaged[at] = byte
      if (damaged.equals(whole)) return
      assert.throws(() => parseViewFile(damaged, 'ours'), RangeError)
    }),
    { numRuns: 500 },
  )
})
