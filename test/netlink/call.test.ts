/** A signal and a time limit on a call, over a socket of the addon whose answers the test gives. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import { OUTCOME_DONE, OUTCOME_REFUSED, OUTCOME_SOCKET } from '../../lib/addon/abi.ts'
import type { Outcome } from '../../lib/addon/addon.ts'
import { type CallOptions, createCaller } from '../../lib/netlink/call.ts'

const DONE: Outcome = { kind: OUTCOME_DONE, errno: 0, text: '', offset: 0 }
const CANCELLED: Outcome = { kind: OUTCOME_SOCKET, errno: constants.errno.ECANCELED, text: 'not sent', offset: 0 }

/** `withdrawn`: what a call that is withdrawn ends with, as the addon's does: ECANCELED, or how it ended before. */
function createSocket(withdrawn: Outcome) {
  const names: number[] = []
  const together: number[][] = []
  const settle = new Map<number, (outcome: Outcome) => void>()
  let next = 0
  const call = createCaller({
    nameNext(id) {
      names.push(id)
      next = id
    },
    withdraw(words) {
      const ids = [...new Uint32Array(words.buffer)]
      together.push(ids)
      for (const id of ids) settle.get(id)?.(withdrawn)
    },
  })
  const start = () =>
    new Promise<Outcome>((resolve) => {
      settle.set(next, resolve)
      next = 0
    })
  return { names, together, settle, call: (options?: CallOptions) => call(options, start) }
}

test('a call without a signal and a limit has no number; each of the others has one of its own', async () => {
  const { names, settle, call } = createSocket(CANCELLED)
  const plain = call()
  settle.get(0)?.(DONE)
  assert.equal(await plain, DONE)
  const limited = [call({ timeoutMs: 60_000 }), call({ signal: new AbortController().signal })]
  for (const id of names) settle.get(id)?.(DONE)
  assert.deepEqual(await Promise.all(limited), [DONE, DONE])
  assert.deepEqual(names, [1, 2])
})

test('an abort withdraws it, and it rejects with the reason; before the call nothing begins', async () => {
  const { names, call } = createSocket(CANCELLED)
  const controller = new AbortController()
  const reason = new Error('enough')
  const rejected = assert.rejects(call({ signal: controller.signal }), reason)
  controller.abort(reason)
  await rejected
  await assert.rejects(call({ signal: controller.signal }), reason)
  assert.deepEqual(names, [1])
})

test('all calls of a signal are withdrawn in one, and those of another are not; what has ended is no longer named', async () => {
  const { settle, together, call } = createSocket(CANCELLED)
  const [first, other] = [new AbortController(), new AbortController()]
  const calls = [first, first, other, first].map(({ signal }) => call({ signal, timeoutMs: 60_000 }))
  settle.get(2)?.(DONE)
  assert.equal(await calls[1], DONE)
  first.abort()
  const ends = await Promise.allSettled(calls.toSpliced(2, 1))
  assert.deepEqual(
    ends.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected'],
  )
  other.abort()
  await assert.rejects(calls[2] as Promise<Outcome>, { name: 'AbortError' })
  assert.deepEqual(together, [[1, 4], [3]])
})

test('calls whose limits end together are withdrawn in one', async () => {
  // This thread may be put aside between the two: then their limits do not end together.
  for (let tries = 0; tries < 100; tries += 1) {
    const { together, call } = createSocket(CANCELLED)
    const outcomes = await Promise.all([call({ timeoutMs: 2 }), call({ timeoutMs: 2 })])
    assert.deepEqual(
      outcomes.map(({ errno }) => errno),
      [constants.errno.ETIMEDOUT, constants.errno.ETIMEDOUT],
    )
    if (together.length === 1) return assert.deepEqual(together, [[1, 2]])
  }
  assert.fail('never in one')
})

test('a limit withdraws it, and it is a failure of the socket that says the limit', async () => {
  const { call } = createSocket(CANCELLED)
  const outcome = await call({ timeoutMs: 1 })
  assert.deepEqual([outcome.kind, outcome.errno], [OUTCOME_SOCKET, constants.errno.ETIMEDOUT])
  assert.match(outcome.text, /limit of 1 ms is over; not sent/)
})

test('what ended before it could be withdrawn is told as it ended', async () => {
  const refused: Outcome = { kind: OUTCOME_REFUSED, errno: constants.errno.EEXIST, text: '', offset: 0 }
  for (const late of [DONE, refused]) {
    const controller = new AbortController()
    const ended = createSocket(late).call({ signal: controller.signal })
    controller.abort()
    assert.equal(await ended, late)
    assert.equal(await createSocket(late).call({ timeoutMs: 1 }), late)
  }
})

test('a socket that is closed cancels calls, and neither signal nor limit is blamed', async () => {
  const { settle, call } = createSocket(CANCELLED)
  const ended = call({ timeoutMs: 60_000, signal: new AbortController().signal })
  settle.get(1)?.(CANCELLED)
  assert.equal(await ended, CANCELLED)
})
