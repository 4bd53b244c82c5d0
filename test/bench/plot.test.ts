import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import type { SuiteResult } from '../../bench/frame/results.ts'
import type { Sample } from '../../bench/frame/sample.ts'
import { chartsOf } from '../../bench/plot/charts.ts'
import { logScale } from '../../bench/plot/scale.ts'
import { renderChart } from '../../bench/plot/svg.ts'
import { listFiles, readSource } from '../support/source-files.ts'

test('a decade is as wide as any other, and the ends stand at the ends', () => {
  const scale = logScale(100, 100_000, 0, 300)
  assert.deepEqual([100, 1000, 10_000, 100_000].map(scale.at).map(Math.round), [0, 100, 200, 300])
  assert.deepEqual(scale.decades, [100, 1000, 10_000, 100_000])
})

test('an axis is widened to whole decades, at least one', () => {
  assert.deepEqual(logScale(3, 40, 0, 1).decades, [1, 10, 100])
  assert.deepEqual(logScale(10, 10, 0, 1).decades, [10, 100])
  assert.deepEqual(logScale(0.02, 0.5, 0, 1).decades, [0.01, 0.1, 1])
})

test('an axis may run upwards, where pixels fall', () => {
  const scale = logScale(1, 100, 400, 0)
  assert.equal(scale.at(1), 400)
  assert.equal(scale.at(100), 0)
})

test('what has no logarithm makes no axis', () => {
  for (const [low, high] of [
    [0, 10],
    [-1, 10],
    [10, 1],
    [Number.NaN, 1],
  ] as const)
    assert.throws(() => logScale(low, high, 0, 1), RangeError)
})

const chart = {
  title: 'apply <cold> & more',
  x: 'peers',
  y: 'ms',
  curves: [
    { name: 'linear', points: [100, 1000, 10_000].map((x) => ({ x, y: x / 100 })) },
    { name: 'quadratic', points: [100, 1000, 10_000].map((x) => ({ x, y: (x / 100) ** 2 })) },
  ],
}

test('linear growth is a straight line, quadratic growth one twice as steep', () => {
  const slopes = [...renderChart(chart).matchAll(/<polyline class="c\d" points="([^"]+)"/g)].map(([, points = '']) => {
    const places = points.split(' ').map((place) => place.split(',').map(Number))
    const rises = places.slice(1).map(([, y = 0], i) => (places[i]?.[1] ?? 0) - y)
    assert.ok(Math.abs((rises[0] ?? 0) - (rises[1] ?? 0)) < 0.3, `each decade rises alike: ${rises}`)
    return rises[0] ?? 0
  })
  assert.equal(slopes.length, 2)
  assert.ok(Math.abs((slopes[1] ?? 0) / (slopes[0] ?? 1) - 2) < 0.01)
})

test('a chart is well-formed: text is escaped, every tag is closed', () => {
  const svg = renderChart(chart)
  assert.match(svg, /apply &lt;cold&gt; &amp; more/)
  assert.equal(svg.match(/<(text|g|svg|title)\b/g)?.length, svg.match(/<\/(text|g|svg|title)>/g)?.length)
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/)
})

test('each curve is named once, beside the place where it ends, and no name stands on another', () => {
  const same = Array.from({ length: 6 }, (_, index) => ({
    name: `contender ${index}`,
    note: `${index} × the limit`,
    points: [100, 1000].map((x) => ({ x, y: x / (100 - index) })),
  }))
  const svg = renderChart({ ...chart, curves: same })
  const heights = [
    ...svg.matchAll(/y="([\d.]+)">contender \d <tspan class="faint" font-weight="400">\d × the limit</g),
  ].map(([, y]) => Number(y))
  assert.equal(heights.length, 6)
  for (const [index, y] of heights.entries()) assert.ok(y - (heights[index - 1] ?? 0) >= 16, heights.join(' '))
})

test('the plots of the documents are drawn from the results beside them by this very code', () => {
  const kept = new Map(
    ['bench', 'docs'].flatMap((folder) =>
      listFiles(folder, '.svg').map((file) => [path.basename(file, '.svg'), file] as const),
    ),
  )
  const results = listFiles('bench/results', '.json').map((file) => JSON.parse(readSource(file).text) as SuiteResult)
  const charts = results.flatMap(({ suite, samples }) => chartsOf(suite, samples))
  assert.ok(charts.length > 20)
  const stale = charts.filter(({ name, chart: drawn }) => {
    const file = kept.get(name)
    return file === undefined || readSource(file).text !== renderChart(drawn)
  })
  assert.deepEqual(
    stale.map(({ name }) => name),
    [],
    'npm run bench -- --render draws them again',
  )
})

test('curves without points are left out; a chart without any is refused', () => {
  assert.doesNotMatch(renderChart({ ...chart, curves: [...chart.curves, { name: 'nobody', points: [] }] }), /nobody/)
  assert.throws(() => renderChart({ ...chart, curves: [] }), RangeError)
})

const sample = (size: number, contender: string, medianMs: number | null, name = 'cold'): Sample => ({
  suite: 'apply',
  case: name,
  family: 'ipv4',
  size,
  contender,
  medianMs,
  ratioToLimit: null,
  samples: [],
})

test('a case makes a chart when it has several sizes and contenders, of the first family; what has no time makes none', () => {
  const charts = chartsOf('apply', [
    sample(100, 'c-loop', 1),
    sample(1000, 'c-loop', 10),
    sample(1000, 'vtepd', 11),
    sample(100, 'vtepd', 2, 'a single size'),
    sample(100, 'vtepd', 2, 'one contender'),
    sample(1000, 'vtepd', 2, 'one contender'),
    { ...sample(100, 'c-loop', 1), family: 'dual' },
    { ...sample(1000, 'vtepd', 1), family: 'dual' },
    sample(100, 'vtepd', null, 'memory'),
    sample(1000, 'vtepd', null, 'memory'),
  ])
  assert.deepEqual(
    charts.map(({ name }) => name),
    ['apply-cold-ipv4'],
  )
  assert.deepEqual(charts[0]?.chart.curves, [
    {
      name: 'c-loop',
      points: [
        { x: 100, y: 1 },
        { x: 1000, y: 10 },
      ],
    },
    { name: 'vtepd', points: [{ x: 1000, y: 11 }] },
  ])
})
