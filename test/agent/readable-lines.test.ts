/** What a person reads of an agent that is damaged in many ways: rounded figures, and nothing said twice in one line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderTextLine } from '../../lib/host/log-line.ts'
import type { Log, LogFields } from '../../lib/util/log.ts'
import { createFakeNode, UNDERLAY_IFNAME } from './support/fake-node.ts'

/** A log in the form that stands on standard error. */
function createTextLog(lines: string[], base: LogFields = {}): Log {
  const at = (level: string) => (event: string, msg: string, fields?: LogFields) => {
    const line = { level, time: '2026-11-29T12:00:00.000Z', monotonicMs: 1, event, msg, ...base, ...fields }
    lines.push(renderTextLine(JSON.stringify(line)).trimEnd())
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => createTextLog(lines, { ...base, ...fields }),
  }
}

/** Behind `event] `. */
const textOf = (line: string): string => line.slice(line.indexOf('] ') + 2)

/** Figures with more digits than anybody reads; addresses are none. */
function unrounded(line: string): readonly string[] {
  const figures = textOf(line).match(/(?<![\w.:])\d+\.\d+(?![\w.:])/g) ?? []
  return figures.filter((figure) => figure.replace('.', '').replace(/^0+/, '').length > 3)
}

/** Parts of a sentence that stand in it twice. */
function repeated(line: string): readonly string[] {
  const parts = textOf(line)
    .split(/[:;,"()] | \w+="/)
    .map((part) => part.replace(/["()]+$/, '').trim())
    .filter((part) => part.length > 9)
  return parts.filter((part, index) => parts.indexOf(part) !== index)
}

test('every line of a damaged agent has rounded figures and says nothing twice', async () => {
  const lines: string[] = []
  const node = createFakeNode(undefined, { log: createTextLog(lines) })
  const { admin, faults } = node.kernel
  node.setPeers(new Map([1, 2, 3, 4].map((n) => [n + 1, n + 1])))
  await node.clock.run(1000.0625)
  admin.deleteLink('flannel.1')
  await node.clock.run(333.3125)
  admin.setMtu('flannel.1', 1400)
  admin.deleteRoute({ dst: '10.42.2.0/24' })
  await node.clock.run(777.7)
  admin.removeAddress(UNDERLAY_IFNAME, '192.168.1.1/24')
  await node.clock.run(65_000)
  admin.addAddress(UNDERLAY_IFNAME, '192.168.1.1/24')
  await node.clock.run(2000)
  admin.deleteLink(UNDERLAY_IFNAME)
  await node.clock.run(2000)
  faults.inject({
    on: 'applyEntries',
    times: 3,
    fault: { kind: 'errno', errno: 22, entries: (entry) => entry.kind === 'route' && entry.dst === '10.42.3.0/24' },
  })
  admin.deleteRoute({ dst: '10.42.3.0/24' })
  for (let times = 0; times < 20; times += 1) {
    admin.deleteRoute({ dst: '10.42.4.0/24' })
    await node.clock.run(600)
  }
  assert.ok(new Set(lines.map((line) => line.split('] ')[0]?.split(' ').at(-1))).size > 8, lines.join('\n'))
  assert.deepEqual(
    lines.filter((line) => unrounded(line).length > 0),
    [],
  )
  assert.deepEqual(
    lines.filter((line) => repeated(line).length > 0),
    [],
  )
})

test('a figure with many digits and a reason that is said twice are found', () => {
  assert.deepEqual(unrounded('I x] healed in 6.0123 ms, 192.168.1.1 and 12.5 ms'), ['6.0123'])
  assert.deepEqual(repeated('I x] device: ready -> blind: the device was deleted because="the device was deleted"'), [
    'the device was deleted',
  ])
})
