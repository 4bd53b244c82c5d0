import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planLab } from '../../lib/lab/address-plan.ts'
import { matrixResult, renderMatrix } from '../../lib/lab/matrix.ts'
import { compareOutages } from '../../lib/lab/outages.ts'
import { bystanderPairs, matrixPairs, netnsOf, scenarioPairs, underlayTwin } from '../../lib/lab/probe-pairs.ts'
import { createProbeRound } from '../../lib/lab/probe-round.ts'
import { decodeProbe, encodeProbe, type PairResult } from '../../lib/lab/prober-protocol.ts'

const plan = planLab({ nodes: 3, pods: 2, families: ['ipv4', 'ipv6'] })
const [victim] = plan.nodes
assert.ok(victim !== undefined)

function result(runs: PairResult['runs'], arrived = 10): PairResult {
  return { sent: 10, arrived, medianUs: arrived === 0 ? undefined : 42.4, runs }
}

test('the matrix holds each ordered pair of pods once a family', () => {
  const pairs = matrixPairs(plan)
  assert.equal(pairs.length, 6 * 5 * 2)
  assert.equal(new Set(pairs.map((pair) => `${pair.from.ip} ${pair.to.ip}`)).size, pairs.length)
})

test('a scenario probes every other node both ways, and the underlay of the same nodes', () => {
  const pairs = scenarioPairs(plan, victim)
  const names = pairs.filter((pair) => pair.family === 'ipv6').map((pair) => `${pair.from.netns} ${pair.to.netns}`)
  assert.deepEqual(names, [
    'node1-pod1 node2-pod1',
    'node2-pod1 node1-pod1',
    'node1 node2',
    'node2 node1',
    'node1-pod1 node3-pod1',
    'node3-pod1 node1-pod1',
    'node1 node3',
    'node3 node1',
  ])
  for (const pair of pairs.filter((candidate) => candidate.layer === 'overlay')) {
    const twin = pairs[underlayTwin(pair, pairs)]
    assert.deepEqual(
      [twin?.layer, twin?.family, twin?.from.node, twin?.to.node],
      ['underlay', pair.family, pair.from.node, pair.to.node],
    )
  }
})

test('bystanders exist from three nodes on', () => {
  assert.deepEqual(netnsOf(bystanderPairs(plan, victim)), ['node2-pod1', 'node3-pod1'])
  const small = planLab({ nodes: 2, pods: 1, families: ['ipv4'] })
  const [first] = small.nodes
  assert.ok(first !== undefined)
  assert.deepEqual(bystanderPairs(small, first), [])
})

test('a large lab is probed from the victim to a few nodes only', () => {
  const large = planLab({ nodes: 20, pods: 1, families: ['ipv4'] })
  const [first] = large.nodes
  assert.ok(first !== undefined)
  assert.equal(scenarioPairs(large, first).length, 4 * 4)
})

test('the silence beyond the underlay is taken pair by pair and direction by direction', () => {
  const pairs = scenarioPairs(planLab({ nodes: 2, pods: 1, families: ['ipv4'] }), victim)
  assert.deepEqual(
    pairs.map((pair) => pair.layer),
    ['overlay', 'overlay', 'underlay', 'underlay'],
  )
  const run = (fromMs: number, toMs: number) => result([{ fromMs, toMs, lost: 1, ended: true }])
  const [outage] = compareOutages(['ipv4'], pairs, [run(0, 50), run(0, 30), run(0, 10), run(0, 28)])
  assert.equal(outage?.pods.totalMs, 50)
  assert.equal(outage?.underlay.totalMs, 28)
  assert.equal(outage?.beyondUnderlayMs, 40)
})

test('pods that were silent for a shorter time than their nodes were not silent beyond them', () => {
  const pairs = scenarioPairs(planLab({ nodes: 2, pods: 1, families: ['ipv4'] }), victim)
  const run = result([{ fromMs: 0, toMs: 50, lost: 1, ended: true }])
  assert.equal(compareOutages(['ipv4'], pairs, [result([]), result([]), run, run])[0]?.beyondUnderlayMs, 0)
})

test('a probe keeps its three numbers; other bytes are nobody’s probe', () => {
  assert.deepEqual(decodeProbe(encodeProbe(7, 0xffffffff, 3)), { round: 7, pair: 0xffffffff, sequence: 3 })
  assert.equal(decodeProbe(Buffer.from('hello')), undefined)
})

test('a round counts each probe once, whatever comes twice or unasked', () => {
  const round = createProbeRound(2)
  assert.equal(round.sent(0, 0), 0)
  assert.equal(round.sent(0, 2), 1)
  round.sent(1, 2)
  round.arrived(0, 1, 2.5)
  round.arrived(0, 1, 9)
  round.arrived(0, 7, 9)
  round.arrived(5, 0, 9)
  assert.equal(round.hasArrived(0), true)
  assert.equal(round.hasArrived(1), false)
  const [first, second] = round.results()
  assert.deepEqual(first, {
    sent: 2,
    arrived: 1,
    medianUs: 500,
    runs: [{ fromMs: 0, toMs: 2, lost: 1, ended: true }],
  })
  assert.equal(second?.medianUs, undefined)
  assert.equal(round.leastInARow({ sinceMs: 0, settledMs: 10 }), 0)
})

test('the first arrival after a moment is told pair by pair, in the receiver’s time, late ones included', () => {
  const round = createProbeRound(2)
  for (let sequence = 0; sequence < 9; sequence += 1) round.sent(0, sequence * 2)
  round.arrived(0, 1, 3)
  round.arrived(0, 0, 20)
  round.arrived(0, 8, 20.5)
  assert.deepEqual(
    [0, 3, 19, 20, 21].map((sinceMs) => round.arrivals(sinceMs)),
    [
      [3, null],
      [20, null],
      [20, null],
      [20.5, null],
      [null, null],
    ],
  )
})

test('a probe that arrives after five later ones were sent is late: it counts as arrived, and as silence', () => {
  const round = createProbeRound(1)
  for (let sequence = 0; sequence < 7; sequence += 1) round.sent(0, sequence * 2)
  round.arrived(0, 0, 12.1)
  round.arrived(0, 1, 12.1)
  for (let sequence = 2; sequence < 7; sequence += 1) round.arrived(0, sequence, 12.2)
  const [result] = round.results()
  assert.equal(result?.arrived, 7)
  assert.deepEqual(result?.runs, [{ fromMs: 0, toMs: 2, lost: 1, ended: true }])
})

test('a matrix names the pairs that nothing reached, and shows them as silent', () => {
  const small = planLab({ nodes: 2, pods: 1, families: ['ipv4'] })
  const matrix = matrixResult(matrixPairs(small), [result([]), result([], 0)])
  assert.equal(matrix.reached, 1)
  assert.deepEqual(matrix.missing, ['node2-pod1 → node1-pod1 (ipv4)'])
  assert.deepEqual(renderMatrix(matrix), [
    'IPv4, µs   node1-pod1 node2-pod1',
    'node1-pod1          ·         42',
    'node2-pod1     silent          ·',
  ])
})

test('a pair without a result counts as not reached', () => {
  assert.equal(matrixResult(matrixPairs(plan), []).reached, 0)
})

test('a matrix too wide for a terminal is not drawn', () => {
  const wide = planLab({ nodes: 11, pods: 1, families: ['ipv4'] })
  assert.deepEqual(renderMatrix(matrixResult(matrixPairs(wide), [])), [])
})
