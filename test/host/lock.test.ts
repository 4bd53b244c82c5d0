import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LockedError } from '../../lib/errors.ts'
import { askHolder, lockDevice } from '../../lib/host/lock.ts'

// Abstract sockets belong to the network namespace; the name keeps this run apart from any other on the host.
const device = `test-${process.pid}.1`

test('only one agent may keep a device, and the second is told who holds it', async () => {
  const lock = await lockDevice(device)
  await assert.rejects(
    lockDevice(device),
    (error) => error instanceof LockedError && error.message.includes(`process ${process.pid}`),
  )
  await lock.release()
})

test('a released lock can be taken again', async () => {
  const first = await lockDevice(device)
  await first.release()
  const second = await lockDevice(device)
  await second.release()
})

test('two devices have two locks', async () => {
  const locks = [await lockDevice(device), await lockDevice(`${device}2`)]
  for (const lock of locks) await lock.release()
})

test('nobody answers for a device that nobody keeps', async () => {
  assert.equal(await askHolder(`${device}-free`), undefined)
})
