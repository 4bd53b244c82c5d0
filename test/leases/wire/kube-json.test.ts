import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KubeError } from '../../../lib/errors.ts'
import { allKeys, annotationKeys } from '../../../lib/leases/annotations.ts'
import type { NodeEvent } from '../../../lib/leases/wire/kube-events.ts'
import { createJsonFormat } from '../../../lib/leases/wire/kube-json.ts'
import { bookmark, errorEvent, event, nodeObject, page } from '../../support/scripted-http.ts'
import { flannelNode, PREFIX } from '../support.ts'

const keys = annotationKeys(PREFIX)
const wanted = allKeys(keys)
const format = createJsonFormat()

function decode(text: string, cuts: readonly number[] = []): NodeEvent[] {
  const decoder = format.createDecoder(wanted, 'me')
  const bytes = Buffer.from(text)
  const borders = [0, ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return borders.slice(1).flatMap((end, index) => [...decoder.push(bytes.subarray(borders[index], end))])
}

const lines = [
  event('ADDED', flannelNode('a', 1), '5'),
  event('MODIFIED', { name: 'b' }, '6'),
  event('DELETED', flannelNode('c', 3), '7'),
  event('ADDED', { ...flannelNode('ä "},"spec":{ ,"status":{ ,"managedFields":[', 4) }, '8'),
  bookmark('9'),
  bookmark('10', true),
  errorEvent(410, 'too old resource version'),
]
const events: NodeEvent[] = [
  { kind: 'put', node: flannelNode('a', 1), resourceVersion: '5' },
  { kind: 'put', node: { ...flannelNode('b', 2), annotations: {}, podCidrs: [] }, resourceVersion: '6' },
  { kind: 'delete', name: 'c', resourceVersion: '7' },
  { kind: 'put', node: flannelNode('ä "},"spec":{ ,"status":{ ,"managedFields":[', 4), resourceVersion: '8' },
  { kind: 'bookmark', resourceVersion: '9', initialEventsEnd: false },
  { kind: 'bookmark', resourceVersion: '10', initialEventsEnd: true },
  { kind: 'error', status: 410, reason: 'too old resource version' },
]

test('each event is read as it is told, wherever the network cuts the bytes', () => {
  const text = lines.map((line) => `${line}\n`).join('')
  assert.deepEqual(decode(text), events)
  fc.assert(fc.property(fc.array(fc.nat(), { maxLength: 30 }), (cuts) => assert.deepEqual(decode(text, cuts), events)))
})

test('a line is told only when it is whole', () => {
  assert.deepEqual(decode(lines[0] ?? ''), [])
  assert.deepEqual(decode('\n\n'), [])
})

test('only of our own Node are the condition and the addresses read', () => {
  const status = {
    conditions: [{ type: 'NetworkUnavailable', status: 'True' }],
    addresses: [{ type: 'InternalIP', address: '172.16.0.9' }],
  }
  const statusOf = (name: string) => {
    const line = JSON.stringify({ type: 'ADDED', object: { ...nodeObject({ name }, '1'), status } })
    const [told] = decode(`${line}\n`)
    return told?.kind === 'put' ? [told.node.networkUnavailable, told.node.internalIps.ipv4] : assert.fail()
  }
  assert.deepEqual(statusOf('me'), ['True', '172.16.0.9'])
  assert.deepEqual(statusOf('other'), [undefined, undefined])
})

test('an event whose members stand in another order is read all the same', () => {
  const { metadata, spec, status } = nodeObject(flannelNode('a', 1), '5') as Record<string, Record<string, unknown>>
  const { managedFields, ...rest } = metadata ?? {}
  const objects: object[] = [
    { status, spec, metadata },
    { metadata: { managedFields, ...rest }, spec, status },
    { spec, metadata, status },
    { metadata: rest, status, spec },
    { metadata: rest, spec },
    { metadata: { name: 'a', managedFields, ...rest }, spec, status },
  ]
  for (const object of objects) {
    assert.deepEqual(decode(`${JSON.stringify({ type: 'ADDED', object })}\n`), [events[0]], JSON.stringify(object))
    assert.deepEqual(decode(`${JSON.stringify({ object, type: 'ADDED' })}\n`), [events[0]])
    assert.deepEqual(decode(`${JSON.stringify({ type: 'ADDED', object }).replaceAll(':{', ': {')}\n`), [events[0]])
  }
})

test('what is no event ends the stream with KubeError', () => {
  for (const line of [
    'x',
    '{}',
    '[]',
    'null',
    '{"type":"ADDED"}',
    '{"type":"ADDED","object":{}}',
    '{"type":"NEW","object":{}}',
    '{"type":"BOOKMARK","object":{}}',
  ])
    assert.throws(() => decode(`${line}\n`), KubeError, line)
})

test('a line beyond the bound ends the stream before it fills the memory', () => {
  const decoder = createJsonFormat(1000).createDecoder(wanted, 'me')
  for (let i = 0; i < 10; i += 1) assert.deepEqual([...decoder.push(Buffer.alloc(100, 'x'))], [])
  assert.throws(() => [...decoder.push(Buffer.from('x'))], /an event of more than 1000 bytes/)
})

test('whatever the bytes, the decoder yields events or throws KubeError', () => {
  const piece = fc.oneof(fc.string(), fc.constantFrom(...lines), fc.constant('\n'), fc.json())
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.nat(), fc.nat(), (pieces, at, length) => {
      const text = `${pieces.join('\n')}\n`
      const start = at % text.length
      try {
        decode(text.slice(0, start) + text.slice(start + (length % 20)))
      } catch (error) {
        assert.ok(error instanceof KubeError, String(error))
      }
    }),
    { numRuns: 1000 },
  )
})

test('a page is read with its version and the token of the next', () => {
  const read = (text: string) => format.decodePage(Buffer.from(text), wanted, 'me')
  assert.deepEqual(read(page([flannelNode('a', 1)], '7', 'more')), {
    nodes: [flannelNode('a', 1)],
    resourceVersion: '7',
    continue: 'more',
  })
  assert.equal(read(page([], '7')).continue, undefined)
  assert.deepEqual(read('{"metadata":{"resourceVersion":"7"},"items":null}').nodes, [])
  for (const text of ['', '{}', '[]', '{"items":{}}', '{"items":[{}]}'])
    assert.throws(() => read(text), KubeError, text)
})
