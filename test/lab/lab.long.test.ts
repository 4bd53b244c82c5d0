/** The built command as a user starts it; the kernel, the agents and the API server are real. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import type { LabReport } from '../../lib/lab/report.ts'
import { assertDocument } from '../support/json-schema.ts'
import { assertAway, builtCommand, type Ended, labTests, runLab, startLab } from './support.ts'

function assertWell(ended: Ended, pairs: number): LabReport {
  assert.equal(ended.status, 0, ended.stderr)
  const report = JSON.parse(ended.stdout) as LabReport
  assertDocument('lab', report)
  assert.equal(report.ok, true)
  assert.deepEqual(
    report.scenarios.map((scenario) => scenario.name),
    ['issue-2433', 'device-deleted', 'neighbours-flushed', 'mac-changed', 'api-server-away', 'one-way'],
  )
  assertAway(report)
  assertOneWay(report)
  for (const scenario of report.scenarios) {
    assert.equal(scenario.recovered, true, scenario.name)
    assert.deepEqual(scenario.matrix, { pairs, reached: pairs, missing: [] }, scenario.name)
  }
  return report
}

/** Each family was measured, with and without announcement, and only the node's own addresses were announced. */
function assertOneWay({ scenarios, options }: LabReport): void {
  const found = scenarios.find(({ name }) => name === 'one-way')?.oneWay
  assert.deepEqual(
    found?.families.map(({ family, silentMs }) => [family, silentMs.length]),
    options.families.map((family) => [family, options.repeats]),
  )
  for (const { family, silentMs, medianMs, worstMs, unannounced } of found?.families ?? []) {
    assert.ok(silentMs.every((ms) => ms > 0) && medianMs <= worstMs && worstMs === Math.max(...silentMs), family)
    assert.equal(unannounced?.ended ?? false, false, `${family} finds the node without an announcement`)
  }
  for (const { ip, own, times } of found?.announced ?? []) assert.equal(times > 0, own, ip)
}

test(
  'two nodes with host-gw reach each other over both families, also after their interface was rebuilt',
  labTests,
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-lab-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const [html, svg] = [path.join(folder, 'lab.html'), path.join(folder, 'timeline.svg')]
    writeFileSync(html, 'an older page '.repeat(10_000))
    const pictures = ['--html', html, '--svg', svg]
    const asked = ['--nodes=2', '--dual', '--backend=host-gw', '--scenario=issue-2433', '--json']
    const ended = await runLab(t, [...asked, ...pictures])
    assert.equal(ended.status, 0, ended.stderr)
    const page = readFileSync(html, 'utf8')
    assert.match(page, /^<!doctype html>[\s\S]*node1: issue 2433: mgmt0 deleted and rebuilt[\s\S]*<\/html>\n$/)
    assert.match(readFileSync(svg, 'utf8'), /^<svg [\s\S]*lab: deletes mgmt0[\s\S]*<\/svg>\n$/)
    const { bringUp, scenarios, ok } = JSON.parse(ended.stdout) as LabReport
    assert.deepEqual([ok, bringUp?.matrix.reached, scenarios.map(({ recovered }) => recovered)], [true, 4, [true]])
  },
)

test(
  'two nodes: every pod reaches every pod after each scenario, and the report says what happened',
  labTests,
  async (t) => {
    const report = assertWell(await runLab(t, ['--nodes', '2', '--repeats', '2', '--unannounced', '1', '--json']), 2)
    assert.equal(report.bringUp?.matrix.reached, 2)
    const [rebuild, deleted] = report.scenarios
    const told = (rebuild?.timeline ?? []).map((row) => `${row.who}: ${row.text}`).join('\n')
    assert.match(told, /lab: deletes mgmt0 \(ifindex \d+\)/)
    assert.match(told, /kernel: mgmt0 deleted \(ifindex \d+\)/)
    assert.match(told, /lab: mgmt0 is back \(ifindex \d+, 172\.31\.1\.1\)/)
    const ifindexes = [...told.matchAll(/lab: (?:deletes mgmt0|mgmt0 is back) \(ifindex (\d+)/g)].map(
      (match) => match[1],
    )
    assert.notEqual(ifindexes[0], ifindexes[1], 'the rebuilt mgmt0 must have a new ifindex')
    assert.ok((rebuild?.outages[0]?.underlay.totalMs ?? 0) >= 100, 'the underlay itself was away')
    assert.ok((deleted?.outages[0]?.pods.lost ?? 0) > 0, 'pods cannot talk without the device')
    assert.ok(deleted?.agentActed !== undefined, 'the device comes back by the agent')
    for (const agent of report.agents) assert.ok((agent.rssBytes ?? 0) > 0 && agent.running)
  },
)

test('dual stack, two pods a node, a pinned device, and claims that a mirror completes', labTests, async (t) => {
  const pairs = 4 * 3 * 2
  const given = ['--nodes', '2', '--pods', '2', '--dual', '--pin-device', '--claims', 'objects', '--unannounced', '0']
  const report = assertWell(await runLab(t, [...given, '--repeats', '2', '--json']), pairs)
  for (const scenario of report.scenarios) {
    assert.deepEqual(
      scenario.outages.map((outage) => outage.family),
      ['ipv4', 'ipv6'],
    )
  }
})

test(
  'confined agents in dual stack: every pod reaches every pod, and readiness is steady at rest',
  labTests,
  async (t) => {
    const given = ['--nodes', '2', '--dual', '--confined', '--repeats', '1', '--unannounced', '0', '--rest', '3']
    const report = assertWell(await runLab(t, [...given, '--json']), 4)
    for (const { node, rest } of report.agents) {
      assert.equal(rest?.readinessChanges, 0, node)
      assert.ok((rest?.lines ?? Number.POSITIVE_INFINITY) <= 3, node)
    }
    const told = report.scenarios.flatMap(({ timeline }) => timeline.map(({ text }) => text))
    assert.ok(
      told.some((text) => /cannot be switched off: EROFS/.test(text)),
      'their /proc/sys is read-only',
    )
    assert.deepEqual(
      told.filter((text) => text.includes('→ blocked')),
      [],
      'a flaw that stops no packets makes no agent unready',
    )
  },
)

test('without the real programs, one line says how they are built, and nothing is started', builtCommand, async (t) => {
  const { status, stdout, stderr } = await runLab(t, ['--kube', 'real', '--kube-programs', '/nonexistent'])
  assert.deepEqual([status, stdout], [1, ''])
  assert.match(stderr, /^vtepd lab: \/nonexistent\/\S+ is missing: build it .*npm run test:kube.*\n$/)
})

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  test(`after ${signal} to the command no process of the lab is left`, labTests, async (t) => {
    const child = startLab(t, ['--nodes', '2', '--scenario', 'none', '--keep'])
    let inside: number | undefined
    for await (const line of createInterface({ input: child.stdout })) {
      inside = Number(/nsenter -t (\d+) /.exec(line)?.[1])
      if (inside > 0) break
    }
    assert.ok(inside !== undefined && isAlive(inside), 'the lab tells the PID of its namespaces')
    child.kill(signal)
    // PID 1 of the namespace vanishes only after the kernel has ended every process in it.
    await goneWithin(inside, 10_000)
  })
}

test('a wrong flag ends with status 2 and one line', builtCommand, async (t) => {
  const { status, stdout, stderr } = await runLab(t, ['--nodes', '1'])
  assert.deepEqual([status, stdout], [2, ''])
  assert.match(stderr, /^vtepd: --nodes: '1' is not a whole number from 2 to 250\n$/)
})

test('--help needs no privilege and says how the exit status is meant', builtCommand, async (t) => {
  const { status, stdout, stderr } = await runLab(t, ['--help'])
  assert.deepEqual([status, stderr], [0, ''])
  assert.match(stdout, /^Usage: vtepd lab/)
})

test('where namespaces are refused, one line says so and what to do', builtCommand, async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-lab-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const refusing = path.join(folder, 'unshare')
  writeFileSync(refusing, '#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n')
  chmodSync(refusing, 0o755)
  const { status, stdout, stderr } = await runLab(t, [], { PATH: `${folder}:${process.env.PATH}` })
  assert.deepEqual([status, stdout], [1, ''])
  assert.match(
    stderr,
    /^vtepd lab: private namespaces are refused here \(unshare: .*not permitted\)\. Run it as root.*\n$/,
  )
})

test(
  'a picture that cannot be written ends the lab before it begins, and one that was not drawn is not left behind',
  builtCommand,
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-lab-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const bad = await runLab(t, ['--html', path.join(folder, 'nowhere/lab.html')])
    assert.deepEqual([bad.status, bad.stdout], [1, ''])
    assert.match(bad.stderr, /^vtepd lab: \S+nowhere\/lab\.html cannot be written: ENOENT\n$/)
    const html = path.join(folder, 'lab.html')
    const refused = await runLab(t, ['--html', html], { PATH: '/nonexistent' })
    assert.deepEqual([refused.status, existsSync(html)], [1, false])
  },
)

test('a missing program is named with its package', builtCommand, async (t) => {
  const { status, stderr } = await runLab(t, [], { PATH: '/nonexistent' })
  assert.equal(status, 1)
  assert.match(stderr, /^vtepd lab: the program '\w+' is missing: install the package [a-z0-9-]+\n$/)
})

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}

async function goneWithin(pid: number, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (isAlive(pid)) {
    assert.ok(performance.now() < deadline, `process ${pid} is still there after ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
