import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BURST_BYTES, createReadPace, TICK_MS } from '../../../lib/leases/http/read-pace.ts'

/** A socket of which the test says when bytes come: they are read at once while it is open, else when it goes on. */
function setUp() {
  let now = 0
  let ticking: { tick: () => void; next: number } | undefined
  let resumed = 0
  let open = true
  const pace = createReadPace(
    () => {
      resumed += 1
      open = true
    },
    {
      now: () => now,
      every(ms, tick) {
        const mine = { tick, next: now + ms }
        ticking = mine
        return () => {
          if (ticking === mine) ticking = undefined
        }
      },
    },
  )
  return {
    pace,
    come(bytes: number): void {
      if (!pace.mayGoOn(bytes)) open = false
    },
    pass(ms: number): void {
      const until = now + ms
      while (ticking !== undefined && ticking.next <= until) {
        now = ticking.next
        ticking.next += TICK_MS
        ticking.tick()
      }
      now = until
    },
    get open() {
      return open
    },
    get resumed() {
      return resumed
    },
    get ticking() {
      return ticking !== undefined
    },
  }
}

test('until it is slowed everything is read as it comes', () => {
  const socket = setUp()
  for (let i = 0; i < 100; i += 1) socket.come(10_000)
  assert.deepEqual([socket.open, socket.ticking], [true, false])
})

test('bytes after a silence are not waited with, and what follows them closely comes at the next tick', () => {
  const socket = setUp()
  socket.pace.slow()
  socket.pass(1000)
  socket.come(7000)
  assert.deepEqual([socket.open, socket.ticking], [true, false])
  socket.pass(TICK_MS - 1)
  socket.come(7000)
  assert.deepEqual([socket.open, socket.ticking], [false, true])
  // Had been read from the socket already.
  socket.come(7000)
  assert.equal(socket.open, false)
  socket.pass(TICK_MS)
  assert.deepEqual([socket.open, socket.resumed, socket.ticking], [true, 1, true])
})

test('nothing between two ticks ends them', () => {
  const socket = setUp()
  socket.pace.slow()
  socket.come(1)
  socket.come(1)
  socket.pass(TICK_MS)
  assert.equal(socket.ticking, true)
  socket.pass(TICK_MS)
  assert.deepEqual([socket.open, socket.ticking, socket.resumed], [true, false, 1])
  socket.come(1)
  assert.equal(socket.open, true)
})

test('a burst is read as fast as it comes, however long', () => {
  const socket = setUp()
  socket.pace.slow()
  socket.come(1)
  socket.come(16_384)
  assert.equal(socket.open, false)
  for (let bytes = 16_384; bytes < BURST_BYTES; bytes += 16_384) socket.come(16_384)
  for (let i = 0; i < 1000; i += 1) {
    socket.come(16_384)
    assert.equal(socket.open, true)
  }
  socket.pass(TICK_MS)
  socket.come(16_384)
  assert.equal(socket.open, false)
})

test('nothing is resumed any more once it has been stopped', () => {
  const socket = setUp()
  socket.pace.slow()
  socket.come(1)
  socket.come(1)
  socket.pace.stop()
  socket.pass(10 * TICK_MS)
  assert.deepEqual([socket.resumed, socket.ticking], [0, false])
})

test('whatever comes and when, no byte waits longer than a tick, and without bytes nothing ticks for long', () => {
  const step = fc.tuple(fc.nat(40), fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 70_000 })))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const socket = setUp()
      socket.pace.slow()
      let waited = 0
      for (const [ms, bytes] of steps) {
        for (let i = 0; i < ms; i += 1) {
          socket.pass(1)
          waited = socket.open ? 0 : waited + 1
          assert.ok(waited < TICK_MS, `${waited} ms`)
        }
        if (bytes > 0 && socket.open) socket.come(bytes)
      }
      socket.pass(3 * TICK_MS)
      assert.deepEqual([socket.open, socket.ticking], [true, false])
    }),
  )
})
