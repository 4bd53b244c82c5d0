/** What is in deploy/monitoring speaks of metrics and labels that exist, and every alert is tested and described. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { METRICS, type MetricDefinition } from '../../lib/agent/window/metric-table.ts'
import { readSource } from '../support/source-files.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly annotations: { readonly summary: string; readonly description: string }
}
const { groups } = parse(readSource('deploy/monitoring/alerts.yaml').text) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[]
}
const dashboard = JSON.parse(readSource('deploy/monitoring/dashboard.json').text) as { readonly panels: Panel[] }
const targets = dashboard.panels.flatMap((panel) => panel.targets)

/** What Prometheus itself gives every series. */
const SCRAPED = ['job', 'instance']

/** Names and labels of an expression that do not exist. */
function unknownIn(expression: string): readonly string[] {
  const used = [...expression.matchAll(/\b((?:vtepd|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)]
  const known = new Set(['le', ...SCRAPED])
  const wrong = used.flatMap(([, full = '', matchers = '']) => {
    const name = full.replace(/_(?:bucket|sum|count)$/, '')
    const definition = (METRICS as Readonly<Record<string, MetricDefinition>>)[name === full ? full : name]
    if (definition === undefined || (name !== full && definition.type !== 'histogram')) return [full]
    for (const label of definition.labels) known.add(label)
    const allowed = [...definition.labels, ...SCRAPED]
    const labels = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label)
    return labels.filter((label) => !allowed.includes(label)).map((label) => `${full}{${label}}`)
  })
  const grouped = [...expression.matchAll(/\b(?:by|on|without)\s*\(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(',').map((label) => label.trim()),
  )
  return [...wrong, ...grouped.filter((label) => !known.has(label)).map((label) => `by (${label})`)]
}

test('the dashboard and the alerts name metrics and labels that exist', () => {
  const wrong = [...targets, ...rules].flatMap(({ expr }) => unknownIn(expr).map((what) => `${what} in ${expr}`))
  assert.deepEqual(wrong, [])
  assert.ok(targets.length > 20 && rules.length > 10)
})

test('a metric, a label or a group that does not exist is found', () => {
  assert.deepEqual(unknownIn('sum by (nod) (vtepd_ready{instance="a"})'), ['by (nod)'])
  assert.deepEqual(unknownIn('vtepd_redy'), ['vtepd_redy'])
  assert.deepEqual(unknownIn('rate(vtepd_repairs_total{what="device"}[5m])'), ['vtepd_repairs_total{what}'])
  assert.deepEqual(unknownIn('vtepd_ready_bucket'), ['vtepd_ready_bucket'])
})

test('labels in texts of alerts and in legends are those that the expression has', () => {
  const labelsOf = (text: string) =>
    [...text.matchAll(/\{\{\s*(?:\$labels\.)?(\w+)\s*\}\}/g)].map(([, label = '']) => label)
  const told = [
    ...rules.map(({ expr, annotations }) => ({ expr, text: JSON.stringify(annotations) })),
    ...targets.map(({ expr, legendFormat }) => ({ expr, text: legendFormat })),
  ]
  const wrong = told.flatMap(({ expr, text }) =>
    labelsOf(text)
      .filter((label) => !SCRAPED.includes(label))
      .filter((label) => unknownIn(`sum by (${label}) (${expr})`).length > 0)
      .map((label) => `${label} of ${expr}`),
  )
  assert.deepEqual(wrong, [])
})

test('every alert says what it means and where to look, is tested by promtool, and stands in docs/metrics.md', () => {
  const docs = readSource('docs/metrics.md').text
  const { tests } = parse(readSource('test/prometheus/alerts.test.yaml').text) as { tests: { name: string }[] }
  const names = rules.map(({ alert }) => alert).toSorted()
  assert.deepEqual(tests.map(({ name }) => name).toSorted(), names)
  assert.deepEqual([...docs.matchAll(/^\| `(Vtepd\w+)` \|/gm)].map(([, name = '']) => name).toSorted(), names)
  for (const { alert, annotations } of rules) {
    assert.ok(annotations.summary.length > 0 && annotations.summary.length < 120, alert)
    assert.match(
      annotations.description,
      /vtepd (?:status|peers|diff|events|explain|mesh)|systemctl|docs\/|CPU|log/,
      alert,
    )
  }
})
