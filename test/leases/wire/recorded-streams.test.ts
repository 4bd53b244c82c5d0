/**
 * What a real kube-apiserver 1.34.4 sent (test/kube/record-streams.ts made recorded/), the same requests in JSON and in
 * protobuf: both decoders must read the same from it, and from nothing that was altered anything but a KubeError.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { KubeError } from '../../../lib/errors.ts'
import { PROTOBUF, readStatus } from '../../../lib/kube-api/status.ts'
import { allKeys, annotationKeys } from '../../../lib/leases/annotations.ts'
import type { NodeEvent, NodeFormat } from '../../../lib/leases/wire/kube-events.ts'
import { createNodeFormats } from '../../../lib/leases/wire/kube-formats.ts'
import { createProtobufFormat } from '../../../lib/leases/wire/kube-protobuf.ts'
import { NO_IPS } from '../../../lib/leases/wire/node-facts.ts'
import { PREFIX } from '../support.ts'

const wanted = allKeys(annotationKeys(PREFIX))
const formats = createNodeFormats()
const json = formats.of('application/json')
const protobuf = formats.of('application/vnd.kubernetes.protobuf;stream=watch')

const recorded = (format: 'json' | 'protobuf', name: string): Buffer =>
  readFileSync(path.join(import.meta.dirname, '..', 'recorded', format, name))
const both = (name: string): readonly (readonly [NodeFormat, Buffer])[] => [
  [json, recorded('json', name)],
  [protobuf, recorded('protobuf', name)],
]

function decode(format: NodeFormat, bytes: Buffer, cuts: readonly number[] = []): NodeEvent[] {
  const decoder = format.createDecoder(wanted, 'me')
  const borders = [0, ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return borders.slice(1).flatMap((end, index) => [...decoder.push(bytes.subarray(borders[index], end))])
}

const [fromJson, fromProtobuf] = both('watch').map(([format, bytes]) => decode(format, bytes))

test('both decoders read the same events from a watch', () => {
  assert.equal(json.name, 'json')
  assert.equal(protobuf.name, 'protobuf')
  assert.deepEqual(fromProtobuf, fromJson)
  const kinds = (fromProtobuf ?? []).map((event) => {
    if (event.kind === 'put') return `+${event.node.name}`
    return event.kind === 'delete' ? `-${event.name}` : event.kind
  })
  assert.deepEqual(kinds.slice(0, 9).join(' '), '+a +me +unmarked +young bookmark +a +young +unmarked -young')
})

test('of a real Node all that we keep is read', () => {
  const nodes = (fromProtobuf ?? []).flatMap((event) => (event.kind === 'put' ? [event.node] : []))
  const [a, me, unmarked, young, changed] = nodes
  assert.deepEqual(a?.annotations, {
    [`${PREFIX}/kube-subnet-manager`]: 'true',
    [`${PREFIX}/backend-type`]: 'vxlan',
    [`${PREFIX}/backend-data`]: '{"VNI":1,"VtepMAC":"0e:2a:00:00:00:01"}',
    [`${PREFIX}/public-ip`]: '172.16.0.1',
  })
  assert.match(a?.uid ?? '', /^[0-9a-f-]{36}$/)
  assert.match(a?.creationTimestamp ?? '', /^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z$/)
  assert.deepEqual(
    [a?.podCidrs, me?.podCidrs, young?.podCidrs],
    [['10.0.0.128/25'], ['10.0.1.0/25', 'fd00:42:0:1::/64'], []],
  )
  assert.deepEqual([a?.networkUnavailable, me?.networkUnavailable], [undefined, 'False'])
  assert.deepEqual([a?.internalIps, me?.internalIps], [NO_IPS, { ...NO_IPS, ipv4: '172.16.0.2' }])
  assert.deepEqual([unmarked?.annotations, young?.annotations], [{}, {}])
  assert.equal(changed?.annotations[`${PREFIX}/public-ip`], '172.16.9.9')
})

test('both read the same pages and lists', () => {
  for (const name of ['page', 'list']) {
    const [one, other] = both(name).map(([format, body]) => format.decodePage(body, wanted, 'me'))
    // The two requests were a moment apart: each has a version and a token of its own.
    assert.deepEqual(other?.nodes, one?.nodes)
    assert.match(`${one?.resourceVersion} ${other?.resourceVersion}`, /^[0-9]+ [0-9]+$/)
    assert.equal(other?.continue === undefined, name === 'list')
    assert.equal(other?.nodes.length, name === 'list' ? 4 : 2)
  }
})

test('both read the same one Node, the status of our own included', () => {
  const [one, other] = both('node').map(([format, body]) => format.decodeNode(body, wanted, 'me'))
  assert.deepEqual(other, one)
  assert.match(other?.resourceVersion ?? '', /^[0-9]+$/)
  assert.deepEqual(other?.node.podCidrs, ['10.0.1.0/25', 'fd00:42:0:1::/64'])
  assert.equal(other?.node.networkUnavailable, 'False')
  assert.equal(other?.node.internalIps.ipv4, '172.16.0.2')
  assert.throws(() => protobuf.decodeNode(recorded('protobuf', 'list'), wanted, 'me'), KubeError)
  assert.throws(() => json.decodeNode(Buffer.from('{}'), wanted, 'me'), KubeError)
})

test('of a watch of metadata alone both read all but the podCIDRs and the status', () => {
  const [one, other] = both('metadata').map(([format, bytes]) => decode(format, bytes))
  assert.deepEqual(other, one)
  const nodes = (events: readonly NodeEvent[] | undefined) =>
    (events ?? []).flatMap((event) => (event.kind === 'put' ? [event.node] : []))
  const whole = nodes(fromProtobuf).slice(0, 4)
  assert.deepEqual(
    nodes(other),
    whole.map((node) => ({ ...node, podCidrs: [], networkUnavailable: undefined, internalIps: NO_IPS })),
  )
  assert.deepEqual(other?.at(-1)?.kind, 'bookmark')
})

test('both read the same refusals, in the stream and instead of it', () => {
  const [one, other] = both('expired').map(([format, bytes]) => decode(format, bytes))
  assert.deepEqual(other, one)
  assert.match(JSON.stringify(other), /"status":410,"reason":"Expired: too old resource version/)
  const [words, otherWords] = both('forbidden').map(([format, body]) =>
    readStatus(format === json ? undefined : PROTOBUF, body),
  )
  assert.deepEqual(otherWords, words)
  assert.match(otherWords?.reason ?? '', /^Forbidden: nodes is forbidden: User "nobody"/)
})

test('wherever the network cuts the bytes, the events are the same', () => {
  const bytes = recorded('protobuf', 'watch')
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 40 }), (cuts) =>
      assert.deepEqual(decode(protobuf, bytes, cuts), fromJson),
    ),
    { numRuns: 60 },
  )
  const slowly = Array.from(bytes, (_, at) => at)
  assert.deepEqual(decode(protobuf, bytes, slowly), fromJson)
})

test('a frame is told only when it is whole', () => {
  const bytes = recorded('protobuf', 'expired')
  for (let end = 0; end < bytes.length; end += 1) assert.deepEqual(decode(protobuf, bytes.subarray(0, end)), [])
})

test('a frame beyond the bound ends the stream before it is read', () => {
  const decoder = createProtobufFormat(1000).createDecoder(wanted, 'me')
  assert.deepEqual([...decoder.push(Buffer.from([0, 0, 3]))], [])
  assert.throws(() => [...decoder.push(Buffer.from([233]))], /an event of 1001 bytes, more than 1000/)
})

const onlyTyped = (read: () => unknown): void => {
  try {
    read()
  } catch (error) {
    assert.ok(error instanceof KubeError, String(error))
  }
}

for (const [name, format] of [
  ['json', json],
  ['protobuf', protobuf],
] as const) {
  const files = ['watch', 'expired', 'page', 'forbidden'].map((file) => recorded(name, file))
  const altered = fc
    .tuple(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(3)), { minLength: 1, maxLength: 8 }),
    )
    .map(([bytes, changes]) => {
      let copy = Buffer.from(bytes)
      for (const [place, byte, how] of changes) {
        const at = place % copy.length
        if (how <= 1) copy[at] = byte
        else if (how === 2) copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + (byte % 40))])
        else copy = Buffer.concat([copy.subarray(0, at), Buffer.alloc(1 + (byte % 40), byte), copy.subarray(at)])
        if (copy.length === 0) copy = Buffer.from([byte])
      }
      return copy
    })
  const anything = fc.oneof(
    { weight: 4, arbitrary: altered },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  )

  test(`whatever the bytes, nothing but KubeError comes out of ${name}`, () => {
    fc.assert(
      fc.property(anything, (given) => {
        const bytes = Buffer.from(given)
        onlyTyped(() => decode(format, bytes))
        onlyTyped(() => format.decodePage(bytes, wanted, 'me'))
      }),
      { numRuns: 1500 },
    )
  })
}

test('a message whose lengths or types lie is refused', () => {
  const frame = (...bytes: number[]): Buffer => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return Buffer.concat([length, Buffer.from(bytes)])
  }
  for (const [bytes, reason] of [
    [frame(), /an event without an object/],
    [frame(0x12, 0x7f), /127 bytes announced, 0 left/],
    [frame(0x02), /field number 0/],
    [frame(0x0b), /wire type 3/],
    [frame(0x0a, ...new Array<number>(11).fill(0xff)), /a number without an end/],
    [frame(0x08, ...new Array<number>(10).fill(0x80), 0x01), /a number without an end/],
    [frame(0x12, 0x02, 0x0a, 0x00), /does not begin with k8s/],
    [frame(0x12, 0x06, 0x0a, 0x04, 0x6b, 0x38, 0x73, 0x00), /an event of type ""/],
    [
      frame(0x0a, 0x05, ...Buffer.from('ADDED'), 0x12, 0x06, 0x0a, 0x04, 0x6b, 0x38, 0x73, 0x00),
      /a Node without a name/,
    ],
  ] as const)
    assert.throws(
      () => decode(protobuf, bytes),
      (error) => error instanceof KubeError && reason.test(error.message),
      String(reason),
    )
})
