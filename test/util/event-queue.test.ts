import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createEventQueue } from '../../lib/util/event-queue.ts'

function queueOf(limit: number, signal?: AbortSignal) {
  let left = 0
  const onLeave = () => {
    left += 1
  }
  const queue = createEventQueue<string>({ limit, overflow: (lost) => `${lost} lost`, onLeave, signal })
  return { queue, left: () => left }
}

async function read(queue: AsyncIterable<string>): Promise<string[]> {
  const events: string[] = []
  for await (const event of queue) events.push(event)
  return events
}

test('what was pushed before the end is read, in order, and the reader has left once', async () => {
  const { queue, left } = queueOf(5)
  for (const event of ['a', 'b', 'c']) queue.push(event)
  queue.end()
  queue.push('d')
  queue.end(new Error('late'))
  assert.deepEqual(await read(queue.iterator), ['a', 'b', 'c'])
  assert.deepEqual(await queue.iterator.next(), { done: true, value: undefined })
  assert.equal(left(), 1)
})

test('a reader that waits gets the next event, and the error of the end', async () => {
  const { queue } = queueOf(5)
  const first = queue.iterator.next()
  queue.push('a')
  assert.deepEqual(await first, { done: false, value: 'a' })
  const second = queue.iterator.next()
  queue.end(new Error('gone'))
  await assert.rejects(second, /gone/)
  assert.equal((await queue.iterator.next()).done, true)
})

test('beyond the limit all that waits is one overflow, and what comes later follows it', async () => {
  const { queue } = queueOf(3)
  for (const event of ['a', 'b', 'c', 'd', 'e']) queue.push(event)
  queue.end()
  assert.deepEqual(await read(queue.iterator), ['4 lost', 'e'])
})

test('a signal drops what waits and throws its reason; leaving early stops whoever pushes', async () => {
  const controller = new AbortController()
  const { queue, left } = queueOf(3, controller.signal)
  queue.push('a')
  controller.abort(new Error('enough'))
  await assert.rejects(read(queue.iterator), /enough/)
  assert.equal(left(), 1)
  const other = queueOf(3)
  other.queue.push('a')
  for await (const event of other.queue.iterator) {
    assert.equal(event, 'a')
    break
  }
  assert.equal(other.left(), 1)
  await assert.rejects(read(queueOf(3, AbortSignal.abort(new Error('before'))).queue.iterator), /before/)
})
