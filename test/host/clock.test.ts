/** The real clock is CLOCK_MONOTONIC, and its timers fire once, not early, and not when cancelled. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { systemClock } from '../../lib/host/clock.ts'

test('now() counts milliseconds of the same clock in every thread', async () => {
  const worker = new Worker(
    'require("node:worker_threads").parentPort.postMessage(Number(process.hrtime.bigint()) / 1e6)',
    { eval: true },
  )
  const before = systemClock.now()
  const [inside] = await once(worker, 'message')
  const after = systemClock.now()
  assert.ok(before <= inside && inside <= after, `${before} ${inside} ${after}`)
})

test('after() fires once, not before its time, and in the order of the delays', async () => {
  const fired: string[] = []
  await new Promise<void>((resolve) => {
    systemClock.after(20, () => {
      fired.push('late')
      resolve()
    })
    systemClock.after(6, () => fired.push('early'))
    systemClock.after(5, () => fired.push('cancelled')).cancel()
    systemClock.after(-5, () => fired.push('past'))
  })
  assert.deepEqual(fired, ['past', 'early', 'late'])
})

test('no timer fires before now() has reached its time', async () => {
  const early: number[] = []
  const fire = (delayMs: number): Promise<void> => {
    const due = systemClock.now() + delayMs
    return new Promise((resolve) => {
      systemClock.after(delayMs, () => {
        if (systemClock.now() < due) early.push(delayMs)
        resolve()
      })
    })
  }
  for (let i = 0; i < 100; i += 1) await fire(i / 13)
  assert.deepEqual(early, [])
})

test('a delay longer than a Node timer can hold does not fire at once, and cancelling it twice is fine', async () => {
  let fired = false
  const timer = systemClock.after(2 ** 40, () => {
    fired = true
  })
  await new Promise<void>((resolve) => systemClock.after(5, resolve))
  timer.cancel()
  timer.cancel()
  assert.equal(fired, false)
})
