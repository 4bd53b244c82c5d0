import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createProgress, inStep } from '../../lib/lab/progress.ts'
import { isOk, type LabReport, type OneWayReport, type ScenarioReport } from '../../lib/lab/report.ts'
import { renderScenarioStory, renderSummary } from '../../lib/lab/summary.ts'
import { renderScenarios, table } from '../../lib/lab/tables.ts'
import { parseIp } from '../../lib/net/ip.ts'
import type { Style } from '../../lib/util/style.ts'

const plain: Style = { good: (text) => text, bad: (text) => text, faint: (text) => text, strong: (text) => text }
const whole = { pairs: 2, reached: 2, missing: [] }
const quiet = { longestMs: 0, totalMs: 0, lost: 0, ended: true }
const scenario: ScenarioReport = {
  name: 'issue-2433',
  title: 'issue 2433: mgmt0 deleted and rebuilt',
  node: 'node1',
  outages: [
    { family: 'ipv4', pods: { ...quiet, totalMs: 152 }, underlay: { ...quiet, totalMs: 150 }, beyondUnderlayMs: 2 },
  ],
  steps: [],
  agentActed: { firstMs: 1, lastMs: 160 },
  bystandersLost: 0,
  recovered: true,
  oneWay: undefined,
  matrix: whole,
  timeline: [],
  silences: [],
  states: [],
}
const agent = {
  node: 'node1',
  running: true,
  readyAfterMs: 300,
  cpuMs: 120,
  rssBytes: 70e6,
  complaints: 0,
  rest: undefined,
}
const good: LabReport = {
  ok: true,
  error: undefined,
  log: [],
  options: {
    nodes: 2,
    pods: 1,
    families: ['ipv4'],
    backend: 'vxlan',
    pinDevice: false,
    agentProgram: undefined,
    confined: false,
    claims: 'annotations',
    kube: 'embedded',
    kubePrograms: undefined,
    scenarios: ['issue-2433'],
    repeats: 4,
    unannouncedSeconds: 3,
    restSeconds: 0,
  },
  bringUp: { fabricMs: 1, readyMs: 1, matrix: whole },
  cells: [],
  scenarios: [scenario],
  agents: [agent, { ...agent, node: 'node2' }],
  totalMs: 9_900,
}

test('a lab is well when every pair was reached each time and every agent still runs', () => {
  assert.equal(isOk(good), true)
})

const oneWay: OneWayReport = {
  families: [
    {
      family: 'ipv4',
      silentMs: [7.25, 5, 12.6],
      medianMs: 7.25,
      worstMs: 12.6,
      unannounced: { family: 'ipv4', ms: 3001, ended: false },
    },
  ],
  heardBy: 'tcpdump',
  announced: [
    { ip: parseIp('172.31.1.1'), own: true, times: 4 },
    { ip: parseIp('172.31.9.9'), own: false, times: 0 },
  ],
}
const announcing = (own: number, others: number): Partial<LabReport> => ({
  scenarios: [
    {
      ...scenario,
      oneWay: { ...oneWay, announced: oneWay.announced.map((one) => ({ ...one, times: one.own ? own : others })) },
    },
  ],
})
const resting = (lines: number, readinessChanges: number, ms = 30_000): Partial<LabReport> => ({
  agents: [agent, { ...agent, node: 'node2', rest: { ms, lines, readinessChanges } }],
})

const faults: readonly (readonly [string, Partial<LabReport>, RegExp])[] = [
  ['an early end', { error: 'the agent of node2 ended' }, /NOT well: the agent of node2 ended/],
  ['a lab that was never brought up', { bringUp: undefined }, /NOT well/],
  [
    'a silent pair at the start',
    { bringUp: { fabricMs: 1, readyMs: 1, matrix: { pairs: 2, reached: 1, missing: ['a → b (ipv4)'] } } },
    /silent: a → b \(ipv4\)[\s\S]*NOT well: pods were silent from the start/,
  ],
  ['no pair at all', { bringUp: { fabricMs: 1, readyMs: 1, matrix: { ...whole, pairs: 0, reached: 0 } } }, /NOT well/],
  ['probes that did not return', { scenarios: [{ ...scenario, recovered: false }] }, /silent after issue-2433/],
  [
    'a silent pair after a scenario',
    { scenarios: [{ ...scenario, matrix: { pairs: 2, reached: 1, missing: ['a → b (ipv4)'] } }] },
    /silent after issue-2433/,
  ],
  ['a scenario that was not played', { scenarios: [] }, /NOT well/],
  ['an agent that ended', { agents: [agent, { ...agent, node: 'node2', running: false }] }, /agents of node2 ended/],
  ['a missing agent', { agents: [agent] }, /NOT well/],
  ['an announced address of somebody else’s', announcing(4, 1), /NOT well: an agent announced what is not its own/],
  ['an own address that nobody announced', announcing(0, 0), /NOT well: an agent announced .* or not what is/],
  ['readiness that changes at rest', resting(0, 1), /NOT well: the agents of node2 did not keep quiet at rest/],
  ['a fourth line within a minute of rest', resting(4, 0), /node2 did not keep quiet/],
  ['more than three lines in each of two minutes of rest', resting(7, 0, 120_000), /node2 did not keep quiet/],
]
for (const [what, change, words] of faults) {
  test(`${what} is not well`, () => {
    const report = { ...good, ...change }
    assert.equal(isOk(report), false)
    assert.match(renderSummary({ ...report, ok: false }, plain).join('\n'), words)
  })
}

test('a lab is well when an agent announced what is its own, and said little at rest', () => {
  for (const change of [announcing(4, 0), resting(3, 0), resting(6, 0, 120_000)])
    assert.equal(isOk({ ...good, ...change }), true)
})

test('the summary shows one-way traffic with a row a family, and what each agent did at rest', () => {
  const lines = renderSummary({ ...good, scenarios: [{ ...scenario, oneWay }], ...resting(1, 0) }, plain)
  const rows = lines.map((line) => line.trimEnd().replace(/ {2,}/g, '|'))
  const at = rows.findIndex((row) => row.startsWith('silent from address'))
  assert.deepEqual(rows.slice(at, at + 2), [
    'silent from address to first packet, one way|median|worst|unannounced|announced (tcpdump)|addresses of others',
    'IPv4|3 rebuilds|7.3 ms|13 ms|> 3001 ms|4 times|0 times',
  ])
  assert.ok(
    rows.includes('node2|running|300 ms|0.12 s|70 MB|0|1 lines, 0 changes of readiness in 30 s'),
    rows.join('\n'),
  )
})

test('the summary shows a row a scenario and family, a row an agent, and the verdict', () => {
  const lines = renderSummary(good, plain)
  assert.deepEqual(lines, [
    '',
    'scenario                                     pods silent  nodes silent  beyond that   agent acted  pairs reached',
    'issue 2433: mgmt0 deleted and rebuilt  IPv4       152 ms        150 ms       2.0 ms  +1 … +160 ms         2 of 2',
    '',
    'agent           ready after     CPU  memory  warnings',
    'node1  running       300 ms  0.12 s   70 MB         0',
    'node2  running       300 ms  0.12 s   70 MB         0',
    '',
    'all is well: every pod reached every pod, no agent ended (9.9 s)',
  ])
})

test('what went wrong in a scenario stands below its timeline', () => {
  const missing = Array.from({ length: 12 }, (_, index) => `pair ${index}`)
  const lines = renderScenarioStory(
    { ...scenario, recovered: false, bystandersLost: 3, matrix: { pairs: 12, reached: 0, missing } },
    plain,
  )
  assert.deepEqual(lines.slice(0, 2), [
    '    some of the probed pairs did not answer again in time',
    '    3 probes between other nodes were lost meanwhile',
  ])
  assert.equal(lines.at(-1), '    … and 2 more')
})

test('the steps of a scenario stand below it, each with what it cost', () => {
  const away = (family: 'ipv4' | 'ipv6', totalMs: number) => ({
    family,
    pods: { ...quiet, totalMs },
    underlay: quiet,
    beyondUnderlayMs: totalMs,
  })
  const steps = [
    { title: 'first', fromMs: 0, outages: [away('ipv4', 0), away('ipv6', 0)] },
    { title: 'second', fromMs: 900, outages: [away('ipv4', 21), away('ipv6', 12)] },
  ]
  const rows = renderScenarios([{ ...scenario, title: 'all', outages: [away('ipv4', 21), away('ipv6', 12)], steps }])
  assert.deepEqual(
    rows.map((row) => row.trimEnd().replace(/ {2,}/g, '|')),
    [
      'scenario|pods silent|nodes silent|beyond that|agent acted|pairs reached',
      'all|IPv4|21 ms|0.0 ms|21 ms|+1 … +160 ms|2 of 2',
      '|IPv6|12 ms|0.0 ms|12 ms',
      '|first|IPv4|0.0 ms|0.0 ms|0.0 ms',
      '|IPv6|0.0 ms|0.0 ms|0.0 ms',
      '|second|IPv4|21 ms|0.0 ms|21 ms',
      '|IPv6|12 ms|0.0 ms|12 ms',
    ],
  )
})

test('columns are as wide as their widest cell', () => {
  assert.deepEqual(
    table(
      [
        ['a', 'bb'],
        ['ccc', 'd'],
      ],
      [0],
    ),
    ['a    bb', 'ccc   d'],
  )
})

function capture(isTTY: boolean) {
  const written: string[] = []
  return { written, stream: { isTTY, columns: 20, write: (text: string) => written.push(text) } }
}

test('off a terminal each step is one plain line, without control characters', async () => {
  const { written, stream } = capture(false)
  const progress = createProgress(stream, {})
  await inStep(progress, 'network', async (step) => {
    step.update('1 of 3')
    return { value: undefined, good: true, detail: '3 nodes' }
  })
  await assert.rejects(
    inStep(progress, 'agents', async () => {
      throw new Error('boom')
    }),
    /boom/,
  )
  assert.deepEqual(written, ['✓ network  3 nodes\n', '✗ agents\n'])
})

test('on a terminal the running step is redrawn below what is printed, cut to the width, and gone at the end', () => {
  const { written, stream } = capture(true)
  const progress = createProgress(stream, { NO_COLOR: '1' })
  const step = progress.step('a title that is longer than the line')
  progress.print(['hello'])
  step.done('')
  const screen = written.join('').replaceAll('\r\x1b[K', '<clear>')
  assert.match(screen, /^<clear>\S a title that is l<clear>hello\n<clear>\S a title that is l<clear>/)
  assert.ok(screen.endsWith('<clear>✓ a title that is longer than the line\n'), screen)
})

test('colours are for terminals, and only without NO_COLOR', () => {
  assert.equal(createProgress(capture(true).stream, {}).style.good('x'), '\x1b[32mx\x1b[0m')
  assert.equal(createProgress(capture(true).stream, { NO_COLOR: '1' }).style.good('x'), 'x')
  assert.equal(createProgress(capture(false).stream, {}).style.good('x'), 'x')
})
