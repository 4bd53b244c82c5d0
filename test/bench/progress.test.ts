import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { startLoopMonitor } from '../../bench/frame/loop-monitor.ts'
import { createProgressLine } from '../../bench/frame/progress.ts'

function stream(isTTY: boolean) {
  const written: string[] = []
  return { written, isTTY, columns: 20, write: (text: string) => written.push(text) }
}

test('elsewhere than on a terminal each step is a line, said once', () => {
  const out = stream(false)
  const line = createProgressLine(out)
  line.say('one')
  line.say('one')
  line.note('careful')
  line.say('two')
  line.clear()
  assert.deepEqual(out.written, ['one\n', 'careful\n', 'two\n'])
})

test('on a terminal the line is replaced, cut to its width, and taken away at the end', () => {
  const out = stream(true)
  const line = createProgressLine(out)
  line.say('x'.repeat(40))
  line.note('careful')
  line.clear()
  assert.deepEqual(out.written, [`\r\x1b[K${'x'.repeat(19)}`, '\r\x1b[Kcareful\n', '\r\x1b[K'])
})

test('the loop monitor sees a block of the event loop, at least as long as it was', async () => {
  const monitor = startLoopMonitor()
  await new Promise((resolve) => setTimeout(resolve, 5))
  const blocked = performance.now() + 40
  while (performance.now() < blocked);
  await new Promise((resolve) => setTimeout(resolve, 5))
  const { longestMs, longestOwnMs } = monitor.stop()
  assert.ok(longestMs >= 38, `${longestMs}`)
  assert.ok(longestOwnMs <= longestMs)
})

test('a block that lasts until the end is seen as well', () => {
  const monitor = startLoopMonitor()
  const blocked = performance.now() + 20
  while (performance.now() < blocked);
  assert.ok(monitor.stop().longestMs >= 18)
})
