/** What a queue of lines keeps, drops and tells while its reader reads, stops, and reads again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLineQueue, type LineQueue } from '../../lib/host/line-queue.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'

interface Reader {
  readonly queue: LineQueue
  readonly clock: ManualClock
  /** All that was taken. */
  text: string
  /** Bytes that can be written before it is read again; undefined: nobody reads any more. */
  room: number | undefined
  puts: number
}

/** `onPause` is what happens while `flush` stops the thread. */
function reader(onPause: (reader: Reader) => void = () => {}): Reader {
  const clock = createManualClock()
  const it: Reader = {
    clock,
    text: '',
    room: Number.POSITIVE_INFINITY,
    puts: 0,
    queue: createLineQueue({
      put(bytes) {
        it.puts += 1
        if (it.room === undefined) throw new Error('EPIPE')
        const taken = Math.min(it.room, bytes.length)
        it.room -= taken
        it.text += Buffer.from(bytes.subarray(0, taken))
        return taken
      },
      clock,
      pause(ms) {
        clock.advance(ms)
        onPause(it)
      },
      describeGap: (lines) => `[${lines}]\n`,
      capacity: 30,
    }),
  }
  return it
}

test('while it is read, each line is written before write() returns, and no timer runs', () => {
  const it = reader()
  it.queue.write('one\n')
  assert.equal(it.text, 'one\n')
  it.queue.write('two\n')
  assert.equal(it.text, 'one\ntwo\n')
  assert.equal(it.clock.pending, 0)
})

test('lines wait in their order for a reader that stopped, without a try for each of them', () => {
  const it = reader()
  it.room = 0
  for (const line of ['one\n', 'two\n', 'three\n']) it.queue.write(line)
  assert.deepEqual([it.text, it.puts], ['', 1])
  it.room = Number.POSITIVE_INFINITY
  it.clock.advance(100)
  assert.equal(it.text, 'one\ntwo\nthree\n')
  assert.equal(it.clock.pending, 0)
})

test('beyond the bound the oldest lines go, and one line in their place says how many', () => {
  const it = reader()
  it.room = 0
  for (let n = 10; n < 20; n += 1) it.queue.write(`line${n}\n`)
  it.room = Number.POSITIVE_INFINITY
  it.clock.advance(100)
  assert.equal(it.text, '[6]\nline16\nline17\nline18\nline19\n')
  it.queue.write('next\n')
  assert.ok(it.text.endsWith('line19\nnext\n'), 'told once')
})

test('a line whose beginning was written is finished, whatever is dropped behind it', () => {
  const it = reader()
  it.room = 3
  for (let n = 10; n < 20; n += 1) it.queue.write(`line${n}\n`)
  it.room = Number.POSITIVE_INFINITY
  it.clock.advance(100)
  assert.equal(it.text, 'line10\n[5]\nline16\nline17\nline18\nline19\n')
})

test('a line that is longer than the bound is written whole to who reads, and dropped where nobody does', () => {
  const it = reader()
  const long = `${'x'.repeat(50)}\n`
  it.queue.write(long)
  assert.equal(it.text, long)
  it.room = 0
  it.queue.write('a\n')
  it.queue.write(long)
  it.queue.write('b\n')
  it.room = Number.POSITIVE_INFINITY
  it.clock.advance(100)
  assert.equal(it.text, `${long}[2]\nb\n`)
})

test('a reader that is gone costs one try a line, no timer, and is told of the gap if one comes again', () => {
  const it = reader()
  it.room = undefined
  for (let n = 0; n < 5; n += 1) it.queue.write('lost\n')
  assert.deepEqual([it.puts, it.clock.pending], [5, 0])
  it.room = Number.POSITIVE_INFINITY
  it.queue.write('seen\n')
  assert.equal(it.text, '[5]\nseen\n')
})

test('a reader that goes in the middle of a line costs that line too, and the next begins a line of its own', () => {
  const it = reader()
  it.room = 2
  it.queue.write('one\n')
  it.queue.write('two\n')
  it.room = undefined
  it.clock.advance(100)
  it.room = Number.POSITIVE_INFINITY
  it.queue.write('three\n')
  assert.equal(it.text, 'on\n[2]\nthree\n')
})

test('flush waits for a slow reader, and no longer than it may for one that never reads', () => {
  const slow = reader((it) => {
    it.room = 3
  })
  slow.room = 0
  for (let n = 10; n < 20; n += 1) slow.queue.write(`line${n}\n`)
  slow.queue.flush(1000)
  assert.equal(slow.text, '[6]\nline16\nline17\nline18\nline19\n')

  const never = reader()
  never.room = 0
  never.queue.write('one\n')
  never.queue.flush(1000)
  assert.equal(never.text, '')
  assert.ok(never.clock.now() >= 1000 && never.clock.now() < 1100)
})
