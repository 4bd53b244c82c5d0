import assert from 'node:assert/strict'
import { test } from 'node:test'
import { momentText, timeScale } from '../../../lib/lab/picture/scale.ts'
import { joinRuns, scenesOf } from '../../../lib/lab/picture/scenes.ts'
import { HOSTILE, rebuilt, stepped } from './support.ts'

test('an axis has round ticks inside of it, and keeps what lies beyond at its ends', () => {
  const { ticks, at } = timeScale(-6, 200, 100, 300, 10)
  assert.deepEqual(ticks, [0, 50, 100, 150, 200])
  assert.deepEqual([at(-6), at(97), at(200), at(900)], [100, 200, 300, 300])
  assert.deepEqual(
    timeScale(0, 1, 0, 10, 5).ticks.map((tick) => Number(tick.toFixed(3))),
    [0, 0.2, 0.4, 0.6, 0.8, 1],
  )
  assert.throws(() => timeScale(5, 5, 0, 1, 5), RangeError)
})

test('moments before the damage have a minus', () => {
  assert.deepEqual([momentText(191.64), momentText(0), momentText(-3)], ['+191.6', '+0.0', '−3.0'])
})

test('runs that touch are one', () => {
  const runs = [
    [5, 9],
    [1, 3],
    [3, 4],
    [6, 7],
  ].map(([fromMs = 0, toMs = 0]) => ({ fromMs, toMs }))
  assert.deepEqual(joinRuns(runs), [
    { fromMs: 1, toMs: 4 },
    { fromMs: 5, toMs: 9 },
  ])
})

test('a scenario without steps is one scene: its silence, its device, its events, and the moment when it is whole', () => {
  const [scene, ...others] = scenesOf(rebuilt)
  assert.equal(others.length, 0)
  assert.deepEqual(
    scene?.silences.map(({ name, silent, totalMs }) => [name, silent, totalMs]),
    [
      ['pods', [{ fromMs: 1.4, toMs: 191.6 }], 190.2],
      ['nodes', [{ fromMs: 1.5, toMs: 191.6 }], 190.1],
    ],
  )
  assert.equal(scene?.wholeMs, 191.6)
  assert.ok(scene.fromMs < 0 && scene.toMs > 194)
  assert.deepEqual(scene.devices, [
    {
      name: 'flannel.1',
      states: [
        { fromMs: scene.fromMs, toMs: 22.4, state: 'ready' },
        { fromMs: 22.4, toMs: 194, state: 'stranded' },
        { fromMs: 194, toMs: scene.toMs, state: 'ready' },
      ],
    },
  ])
  assert.deepEqual([...new Set(scene.rows.map(({ who }) => who))], ['lab', 'kernel', 'agent'])
})

test('each step is a scene whose zero is its own damage', () => {
  const [quiet, second] = scenesOf(stepped)
  assert.deepEqual([quiet?.wholeMs, quiet?.silences.flatMap(({ silent }) => silent)], [undefined, []])
  assert.deepEqual([second?.title, second?.rows[0]?.atMs, second?.wholeMs], [HOSTILE, 0, 30])
  assert.deepEqual(
    second?.silences.map(({ name, silent }) => [name, silent]),
    [
      ['pods IPv4', [{ fromMs: 5, toMs: 30 }]],
      ['nodes IPv4', []],
      ['pods IPv6', [{ fromMs: 6, toMs: 18 }]],
      ['nodes IPv6', []],
    ],
  )
  const [device] = second?.devices ?? []
  assert.deepEqual(
    device?.states.map(({ state }) => state),
    ['ready', 'blind', 'creating', 'ready'],
  )
})

test('what is still silent is never whole', () => {
  const outages = rebuilt.outages.map((outage) => ({ ...outage, pods: { ...outage.pods, ended: false } }))
  assert.equal(scenesOf({ ...rebuilt, outages })[0]?.wholeMs, undefined)
})
