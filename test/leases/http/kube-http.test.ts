import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { eachChunk } from '../../../lib/leases/http/kube-body.ts'

test('a body is read to its end', async () => {
  const body = new PassThrough()
  const heard: string[] = []
  const read = eachChunk(body, (chunk) => void heard.push(chunk.toString()))
  body.write('one')
  body.end('two')
  await read
  assert.deepEqual(heard, ['one', 'two'])
})

test('a body that is cut off, with an error or without, rejects', async () => {
  for (const [error, reason] of [
    [new Error('broken'), /broken/],
    [undefined, /the connection was closed/],
  ] as const) {
    const body = new PassThrough()
    const read = eachChunk(body, () => undefined)
    body.destroy(error)
    await assert.rejects(read, reason)
  }
})

test('what the reader throws ends the body', async () => {
  const body = new PassThrough()
  const read = eachChunk(body, () => {
    throw new Error('not understood')
  })
  body.write('x')
  await assert.rejects(read, /not understood/)
  assert.ok(body.destroyed)
})
