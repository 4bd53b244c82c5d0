import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createContainment } from '../../lib/agent/containment.ts'
import type { Log } from '../../lib/util/log.ts'
import { createStandingLog } from '../../lib/util/standing-log.ts'
import { createManualClock } from '../support/manual-clock.ts'

function setUp(onCaught: () => void = () => undefined) {
  const clock = createManualClock()
  const lines: string[] = []
  const log: Log = {
    debug() {},
    info: (event, message) => void lines.push(`info ${event} ${message}`),
    warn: (event, message) => void lines.push(`warn ${event} ${message}`),
    error: (event, message, fields) => void lines.push(`error ${event} ${message} ${fields?.error instanceof Error}`),
    with: () => log,
  }
  let answers = 0
  const standing = createStandingLog(log, clock)
  const containment = createContainment({
    clock,
    log,
    standing,
    onCaught() {
      answers += 1
      onCaught()
    },
  })
  return { clock, lines, containment, answers: () => answers }
}

test('an exception of a handler or a timer is told once in full, counted, and answered by a look at everything', async () => {
  const { clock, lines, containment, answers } = setUp()
  const handler = containment.guard((word: string) => {
    throw new TypeError(word)
  })
  handler('boom')
  assert.equal(answers(), 0)
  await clock.run(0)
  assert.equal(answers(), 1)
  containment.clock.after(5, () => handler('boom'))
  containment.clock.after(6, () => {
    throw new RangeError('other')
  })
  await clock.run(10)
  assert.equal(containment.caught, 3)
  assert.deepEqual(
    lines.filter((line) => line.startsWith('error')),
    [
      "error agent.exception a bug of vtepd's, contained: boom true",
      "error agent.exception a bug of vtepd's, contained: other true",
    ],
  )
})

test('answers that throw themselves come once a second, and the log hears of them once a minute', async () => {
  const { clock, lines, containment, answers } = setUp(() => {
    throw new Error('again')
  })
  containment.guard(() => {
    throw new Error('first')
  })()
  await clock.run(120_000)
  assert.ok(answers() >= 115 && answers() <= 125, `${answers()} answers`)
  assert.ok(lines.length <= 6, lines.join('\n'))
})

test('what did not happen again for a minute is over', async () => {
  const { clock, lines, containment } = setUp()
  containment.guard(() => {
    throw new Error('once')
  })()
  await clock.run(70_000)
  assert.match(lines.at(-1) ?? '', /info agent\.exceptions over: contained an exception 1 times/)
})

test('a handler that does not throw is handed its arguments', () => {
  const { containment } = setUp()
  const heard: unknown[] = []
  containment.guard((a: number, b: string) => void heard.push(a, b))(1, 'x')
  assert.deepEqual(heard, [1, 'x'])
})
