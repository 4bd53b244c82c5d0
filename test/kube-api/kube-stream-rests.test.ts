/** When a body is read that comes piece by piece: at once, together, or as fast as it comes. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import { mock, type TestContext, test } from 'node:test'
import { BURST_BYTES, createKubeStream, REST_MS } from '../../lib/kube-api/kube-stream.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function setUp(t: TestContext) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.after(() => mock.timers.reset())
  const body = new PassThrough({ highWaterMark: 1 << 20 })
  const stream = createKubeStream(Object.assign(body, { headers: {} }) as unknown as IncomingMessage)
  let read = 0
  const over = stream.read((bytes) => {
    read += bytes.length
  })
  return {
    stream,
    over,
    body,
    come: async (...pieces: number[]) => {
      for (const length of pieces) body.write(Buffer.alloc(length))
      await turn()
    },
    pass: async (ms: number) => {
      mock.timers.tick(ms)
      await turn()
    },
    get read() {
      return read
    },
  }
}

test('until it gathers, all is read as it comes', async (t) => {
  const body = setUp(t)
  for (let i = 1; i <= 50; i += 1) {
    await body.come(1000)
    assert.equal(body.read, 1000 * i)
  }
})

test('a piece after a silence is read at once, what follows it closely together after a rest, however many they are', async (t) => {
  const body = setUp(t)
  body.stream.gather()
  await body.come(7)
  assert.equal(body.read, 7)
  for (let i = 0; i < 100; i += 1) await body.come(100)
  await body.pass(REST_MS - 1)
  assert.equal(body.read, 7)
  await body.pass(1)
  assert.equal(body.read, 10_007)
  await body.pass(10 * REST_MS)
  await body.come(1)
  assert.equal(body.read, 10_008)
})

test('a burst is read as fast as it comes, however long', async (t) => {
  const body = setUp(t)
  body.stream.gather()
  await body.come(BURST_BYTES / 2, BURST_BYTES / 2)
  for (let i = 2; i < 50; i += 1) {
    await body.come(BURST_BYTES)
    assert.equal(body.read, BURST_BYTES * i)
    if (i % 5 === 0) await body.pass(REST_MS)
  }
})

test('its end and its loss are told though it rests, and nothing is left behind', async (t) => {
  const ended = setUp(t)
  ended.stream.gather()
  await ended.come(1)
  await ended.come(1)
  ended.body.end()
  await ended.pass(REST_MS)
  await ended.over
  mock.timers.reset()
  const lost = setUp(t)
  lost.stream.gather()
  await lost.come(1)
  lost.body.destroy(new Error('cut'))
  await assert.rejects(lost.over, /cut/)
})
