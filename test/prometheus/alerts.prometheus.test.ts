/** The alert rules and the page of metrics before promtool: no fault in them, and each alert fires when it should and not before. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import type { Facts } from '../../lib/agent/window/metric-readers.ts'
import { METRICS } from '../../lib/agent/window/metric-table.ts'
import { createMetrics } from '../../lib/agent/window/metrics.ts'
import { createTelemetry } from '../../lib/agent/window/telemetry.ts'
import { createKeptLog } from '../agent/support/log-lines.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { prometheusProgram, prometheusTests } from './programs.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')

function promtool(words: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(prometheusProgram('promtool'), words, {
    cwd: ROOT,
    input,
    encoding: 'utf8',
  })
  assert.equal(status, 0, `promtool ${words.join(' ')}: ${stdout}${stderr}`)
  return stdout + stderr
}

test('promtool finds no fault in the rules', prometheusTests, () => {
  assert.match(promtool(['check', 'rules', '--lint=all', '--lint-fatal', 'deploy/monitoring/alerts.yaml']), /SUCCESS/)
})

test('each alert fires where it should, and neither before nor for its neighbour', prometheusTests, () => {
  assert.match(promtool(['test', 'rules', 'test/prometheus/alerts.test.yaml']), /SUCCESS/)
})

test('promtool reads the page of metrics, and has nothing against a name', prometheusTests, async () => {
  const telemetry = createTelemetry(createKeptLog(), createManualClock())
  const facts = { tables: [], rejected: new Map(), ages: undefined, report: NOTHING } satisfies Facts
  for (const [name, { type, labels }] of Object.entries(METRICS)) {
    const values = Object.fromEntries(labels.map((label) => [label, 'x']))
    if (type === 'histogram') telemetry.observe(name as 'vtepd_mesh_rtt_seconds', values, 0.003)
  }
  const text = await createMetrics({ telemetry, facts: () => facts }).render()
  assert.equal(promtool(['check', 'metrics'], text), '')
})

const NOTHING: Facts['report'] = {
  version: '0.1.0',
  pid: 1,
  node: null,
  startedAt: '2026-11-29T12:00:00.000Z',
  ready: false,
  text: 'waiting',
  checks: [],
  leases: { source: 'kube', peers: 0, incomplete: null, stale: null, rejected: [], silent: [] },
  families: [],
  faults: [],
  memoryBytes: 1,
}
