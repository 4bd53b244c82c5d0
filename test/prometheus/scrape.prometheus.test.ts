/**
 * A real Prometheus scrapes a real agent that is damaged meanwhile: every query of the dashboard is answered, those that have
 * something to tell with data, and it takes the alert rules.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { createAgentFolder, startAgentProcess } from '../support/agent-process.ts'
import { startLined } from '../support/lined-process.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'
import { prometheusProgram, prometheusTests } from './programs.ts'

const MONITORING = path.resolve(import.meta.dirname, '../../deploy/monitoring')
const PROMETHEUS = '127.0.0.1:9090'
const leaseOf = (n: number) => ({
  name: `node${n}`,
  ipv4: { subnet: `10.42.${n}.0/24`, underlay: `192.168.7.${n}`, lladdr: `0e:00:00:00:00:0${n}` },
})
const LEASES = [
  ...[1, 2, 3, 4].map(leaseOf),
  // It claims what the one before has.
  { ...leaseOf(5), ipv4: { ...leaseOf(5).ipv4, subnet: '10.42.4.0/24' } },
  leaseOf(6),
]

interface Answer {
  readonly status: string
  readonly error?: string
  readonly data: {
    readonly result: readonly unknown[]
    readonly groups: readonly { readonly rules: readonly Rule[] }[]
  }
}

interface Rule {
  readonly name: string
  readonly health: string
}

/** What needs an API server, or peers that answer probes. */
const WITHOUT_DATA = /vtepd_mesh_|vtepd_leases_(?:heard|complete)_age/

test('every query of the dashboard is answered by a real Prometheus that scrapes a real agent', {
  skip: kernelTests.skip || prometheusTests.skip,
}, async (t) => {
  const netns = await createNetns(t, 'scrape')
  await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0')
  for (const link of ['mgmt0', 'far0']) await netns.exec('ip', 'link', 'set', link, 'up')
  await netns.exec('ip', 'address', 'add', '192.168.7.1/24', 'dev', 'mgmt0')
  const folder = createAgentFolder({ Network: '10.42.0.0/16', Backend: { Type: 'vxlan' } })
  const leases = path.join(folder.path, 'leases.json')
  writeFileSync(leases, JSON.stringify(LEASES))
  const flags = [
    ...folder.flags,
    `--leases=${leases}`,
    '--iface=mgmt0',
    '--firewall=none',
    '--metrics-bind-address=127.0.0.1:8082',
  ]
  const agent = startAgentProcess(t, netns, 'node1', flags)
  await agent.until('peers.applied', (line) => line.routes === 4)

  const config = path.join(folder.path, 'prometheus.yml')
  writeFileSync(config, configOf())
  const storage = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${folder.path}/tsdb`,
    `--web.listen-address=${PROMETHEUS}`,
  ]
  const prometheus = startLined(t, netns, [prometheusProgram('prometheus'), ...storage], { from: 'stderr' })
  await prometheus.line(/Server is ready to receive web requests/)

  // Twice: a rate needs a value before.
  for (let heals = 1; heals <= 2; heals += 1) {
    await untilValue(netns, 'sum(vtepd_repairs_total) or vector(0)', heals - 1)
    const before = agent.lines.length
    await netns.exec('ip', 'link', 'del', 'flannel.1')
    await agent.until('overlay.healed', () => true, before)
  }
  await untilValue(netns, 'sum(vtepd_repairs_total{cause="device_deleted"})', 2)
  // The kernel refuses a route whose gateway is an address of this host, and a route of somebody else wins over ours.
  await netns.exec('ip', 'address', 'add', '10.42.2.0/32', 'dev', 'lo')
  await netns.exec('ip', 'route', 'del', '10.42.2.0/24')
  await netns.exec('ip', 'route', 'add', '10.42.3.0/24', 'dev', 'mgmt0')
  await agent.until('peers.entry-failed')
  await agent.until('peers.shadowed')
  writeFileSync(leases, JSON.stringify(LEASES.slice(0, 5)))
  await agent.until('peers.applied', (line) => Number(line.deleted) > 0)

  const { panels } = JSON.parse(readFileSync(path.join(MONITORING, 'dashboard.json'), 'utf8')) as {
    panels: { targets: { expr: string }[] }[]
  }
  const waiting = new Set(panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)))
  assert.ok(waiting.size > 30)
  for (let tries = 0; tries < 300 && [...waiting].some((expr) => !WITHOUT_DATA.test(expr)); tries += 1)
    for (const [expr, { status, error, data }] of await askAll(netns, [...waiting])) {
      assert.equal(status, 'success', `${expr}: ${error}`)
      if (data.result.length > 0) waiting.delete(expr)
    }
  assert.deepEqual(
    [...waiting].filter((expr) => !WITHOUT_DATA.test(expr)),
    [],
    'without data',
  )

  const [rules] = await ask(netns, [`http://${PROMETHEUS}/api/v1/rules`])
  const told = rules?.data.groups.flatMap((group) => group.rules) ?? []
  assert.ok(told.length > 10)
  assert.deepEqual(
    told.filter(({ health }) => health !== 'ok' && health !== 'unknown'),
    [],
  )
})

function configOf(): string {
  return JSON.stringify({
    global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '1s' },
    rule_files: [path.join(MONITORING, 'alerts.yaml')],
    scrape_configs: [{ job_name: 'vtepd', static_configs: [{ targets: ['127.0.0.1:8082'] }] }],
  })
}

/** As Grafana fills them in. */
function filled(expr: string): string {
  return expr.replaceAll('$job', 'vtepd').replaceAll('$instance', '.*').replaceAll('$__rate_interval', '30s')
}

async function askAll(netns: Netns, exprs: readonly string[]): Promise<readonly (readonly [string, Answer])[]> {
  const urls = exprs.map((expr) => `http://${PROMETHEUS}/api/v1/query?query=${encodeURIComponent(filled(expr))}`)
  const answers = await ask(netns, urls)
  return exprs.map((expr, index) => [expr, answers[index] as Answer])
}

async function untilValue(netns: Netns, expr: string, least: number): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    const [[, answer]] = (await askAll(netns, [expr])) as [readonly [string, Answer]]
    const [first] = answer.data.result as { value: [number, string] }[]
    if (Number(first?.value[1]) >= least) return
  }
  assert.fail(`${expr} is not ${least}`)
}

/** Prometheus listens in the namespace of the agent alone. */
async function ask(netns: Netns, urls: readonly string[]): Promise<readonly Answer[]> {
  const program =
    'Promise.all(process.argv.slice(1).map(async (url) => (await fetch(url)).json())).then((all) => console.log(JSON.stringify(all)))'
  return JSON.parse(await netns.exec(process.execPath, '-e', program, ...urls)) as readonly Answer[]
}
