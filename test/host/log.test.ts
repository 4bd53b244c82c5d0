/** Lines of the real log: JSON for machines, one klog-like line for people. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LeaseError, NetlinkError } from '../../lib/errors.ts'
import { createLog } from '../../lib/host/log.ts'
import { errorInOneLine } from '../../lib/host/log-line.ts'
import type { Log, LogLevel } from '../../lib/util/log.ts'

function capture(format: 'text' | 'json', level: LogLevel = 'debug'): { log: Log; lines: string[] } {
  const lines: string[] = []
  return { log: createLog({ level, format, destination: { write: (line) => lines.push(line) } }), lines }
}
const refused = new NetlinkError({
  op: 'route.replace',
  subject: '10.42.1.0/24',
  errno: 100,
  errnoName: 'ENETDOWN',
  extack: 'Nexthop device is not up.',
})

test('a JSON line says when, how grave, what and which', () => {
  const { log, lines } = capture('json')
  const before = Number(process.hrtime.bigint()) / 1e6
  log.info('device.state', 'flannel.1 is ready', { family: 'ipv4', from: 'creating', nested: { a: [1] } })
  assert.equal(lines.length, 1)
  assert.ok(lines[0]?.endsWith('}\n'))
  const { time, monotonicMs, ...rest } = JSON.parse(lines[0] ?? '')
  assert.deepEqual(rest, {
    level: 'info',
    event: 'device.state',
    msg: 'flannel.1 is ready',
    family: 'ipv4',
    from: 'creating',
    nested: { a: [1] },
  })
  assert.equal(new Date(time).toISOString(), time)
  assert.ok(
    monotonicMs >= before - 0.001 && monotonicMs <= Number(process.hrtime.bigint()) / 1e6 + 0.001,
    'CLOCK_MONOTONIC',
  )
})

test('an error is an object with code, message, its own fields and its cause', () => {
  const { log, lines } = capture('json')
  log.error('x', 'failed', {
    error: new LeaseError('n1', 'subnet', 'bad', { cause: refused }),
    list: [refused],
    err: refused,
  })
  const { error, list, err } = JSON.parse(lines[0] ?? '')
  assert.equal(error.code, 'ERR_VTEPD_LEASE')
  assert.equal(error.node, 'n1')
  assert.equal(error.message, 'node n1: subnet: bad')
  assert.equal(error.cause.code, 'ERR_VTEPD_NETLINK')
  assert.equal(error.cause.errnoName, 'ENETDOWN')
  assert.equal(error.stack, undefined)
  assert.equal(list[0].extack, 'Nexthop device is not up.')
  assert.equal(err.code, 'ERR_VTEPD_NETLINK')
})

test('a surprise keeps its stack, and a chain of causes that closes on itself ends', () => {
  const { log, lines } = capture('json')
  const loop = new TypeError('a is undefined')
  loop.cause = loop
  log.error('x', 'bug', { error: loop, big: 10n })
  const { error, big } = JSON.parse(lines[0] ?? '')
  assert.match(error.stack, /TypeError: a is undefined\n +at /)
  assert.equal(big, '10')
})

test('a text line is one line: letter, local time, pid, event, message, fields', () => {
  const { log, lines } = capture('text')
  log.warn('lease.rejected', 'line one\n  line two', { node: 'a b', n: 3, list: [1, 2], error: refused })
  const [line = ''] = lines
  assert.match(
    line,
    /^W\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ lease\.rejected\] line one line two node="a b" n=3 list=\[1,2\] error=".*"\n$/,
  )
  assert.match(line, /ERR_VTEPD_NETLINK route\.replace 10\.42\.1\.0\/24: ENETDOWN \(Nexthop device is not up\.\)/)
  assert.equal(line.split('\n').length, 2)
})

test('each level has its letter, and a lower one is left out', () => {
  const { log, lines } = capture('text', 'warn')
  for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]('e', level)
  assert.deepEqual(
    lines.map((line) => line[0]),
    ['W', 'E'],
  )
})

test('with() puts its fields on every line, and a line may replace one', () => {
  const { log, lines } = capture('json')
  const inner = log.with({ family: 'ipv4', a: 1 }).with({ a: 2 })
  inner.info('e', 'm', { b: 3 })
  inner.info('e', 'm', { a: 4 })
  log.info('e', 'm')
  const objects = lines.map((line) => JSON.parse(line))
  assert.deepEqual(
    objects.map(({ family, a, b }) => [family, a, b]),
    [
      ['ipv4', 2, 3],
      ['ipv4', 4, undefined],
      [undefined, undefined, undefined],
    ],
  )
  assert.equal(lines[1]?.match(/"a":/g)?.length, 1)
})

test('an error in one line tells its cause too', () => {
  const error = new LeaseError('n1', 'subnet', 'bad', { cause: new Error('two\nlines') })
  assert.equal(errorInOneLine(error), 'ERR_VTEPD_LEASE node n1: subnet: bad; because: two lines')
  assert.equal(errorInOneLine('just text'), 'just text')
})

/** What a hostile Node can put into an annotation, and a hostile server into an answer. */
const HOSTILE = `\u001b[2J\u0007\u009b1m\u202egnp.exe\u2028\u200b\ud800 I0101 all is well\r\n${'x'.repeat(250_000)}`

test('what others wrote is short and printable in either format, in the message, the fields and the errors of a line', () => {
  const error = new LeaseError('n1', 'backend-data', HOSTILE, { cause: new TypeError(HOSTILE) })
  for (const format of ['text', 'json'] as const) {
    const { log, lines } = capture(format)
    log.with({ node: HOSTILE }).warn('lease.rejected', `not accepted: ${HOSTILE}`, {
      text: HOSTILE,
      list: [HOSTILE],
      map: { [HOSTILE]: HOSTILE },
      error,
      errors: [error],
    })
    assert.equal(lines.length, 1)
    const [line = ''] = lines
    assert.ok(line.length < 80_000, `${format}: ${line.length} characters`)
    const shown = format === 'json' ? JSON.stringify(JSON.parse(line), undefined, 0) : line
    assert.doesNotMatch(shown.slice(0, -1), /[\p{Cc}\u2028\u202e\u200b]/u)
    assert.match(line, /not accepted: \\+u\{1b\}\[2J/)
    assert.match(line, /more characters/)
    if (format === 'json') {
      const inside = (value: unknown): string[] =>
        typeof value === 'string'
          ? [value]
          : Object.entries(value ?? {}).flatMap(([key, part]) => [key, ...inside(part)])
      // A stack has lines.
      for (const text of inside(JSON.parse(line)))
        assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\u2028\u202e\u200b]/u)
    }
  }
})

test('printable text stays as it is, in whatever language', () => {
  const { log, lines } = capture('json')
  const text = 'Knoten „größer“ 節點 😀 10.42.0.0/16 {"VNI":1} \\ %s'
  log.info('a', text, { text })
  const { msg, text: field } = JSON.parse(lines[0] ?? '')
  assert.deepEqual([msg, field], [text, text])
})
