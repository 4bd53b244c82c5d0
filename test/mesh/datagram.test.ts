/** The datagrams of probes, and what becomes of those that nobody of ours has sent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Answer,
  decodeDatagram,
  encodeAnswer,
  encodeQuestion,
  LEAST_SIZE,
  type Question,
} from '../../lib/mesh/datagram.ts'
import { createResponder } from '../../lib/mesh/responder.ts'
import { createManualClock } from '../support/manual-clock.ts'

const word = fc.integer({ min: 0, max: 0xffffffff })
const common = {
  path: fc.constantFrom('overlay' as const, 'underlay' as const),
  token: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  session: word,
}
const question: fc.Arbitrary<Question> = fc.record({
  kind: fc.constant('question' as const),
  ...common,
  size: fc.integer({ min: LEAST_SIZE, max: 9000 }),
})
const answer: fc.Arbitrary<Answer> = fc.record({ kind: fc.constant('answer' as const), ...common, received: word })

test('what was encoded is decoded, at its size', () => {
  fc.assert(
    fc.property(question, (one) => {
      const bytes = encodeQuestion(one)
      assert.equal(bytes.length, one.size)
      assert.deepEqual(decodeDatagram(bytes), { ...one })
    }),
  )
  fc.assert(fc.property(answer, (one) => assert.deepEqual(decodeDatagram(encodeAnswer(one)), { ...one })))
})

test('any other bytes, and what was cut or changed in its head, are nothing or another datagram, never an exception', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => void decodeDatagram(bytes)))
  fc.assert(
    fc.property(question, fc.nat(), (one, at) => {
      const bytes = encodeQuestion(one)
      assert.equal(decodeDatagram(bytes.subarray(0, at % bytes.length)), undefined)
      bytes[at % 5] = (bytes[at % 5] ?? 0) ^ 0xff
      assert.equal(decodeDatagram(bytes), undefined)
    }),
  )
})

test('an answer is never larger than its question, and there are five hundred a second at most', () => {
  const clock = createManualClock()
  const responder = createResponder(clock)
  const asked: Question = { kind: 'question', path: 'overlay', token: '0123456789abcdef', session: 7, size: LEAST_SIZE }
  const answers = Array.from({ length: 2000 }, () => responder.answer('n1', asked)).filter((one) => one !== undefined)
  assert.equal(answers.length, 500)
  assert.ok(answers.every(({ length }) => length === LEAST_SIZE))
  clock.advance(1000)
  const { token } = asked
  assert.deepEqual(decodeDatagram(responder.answer('n1', asked) ?? new Uint8Array()), {
    kind: 'answer',
    path: 'overlay',
    token,
    session: 7,
    received: 2001,
  })
})
