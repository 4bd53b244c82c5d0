/** A real agent under the command, in a network namespace: started, doubled, stopped, adopted again, cleaned up. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { removeAtExit } from '../support/agent-process.ts'
import { type LinedProcess, startLined } from '../support/lined-process.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'

const MAIN = path.resolve(import.meta.dirname, '../../lib/cli/main.ts')
const NODE = [process.execPath, '--max-semi-space-size=1', '--import', 'tsx', MAIN]
const LEASES = [
  { name: 'a', ipv4: { subnet: '10.42.0.0/24' } },
  { name: 'b', ipv4: { subnet: '10.42.1.0/24', underlay: '192.0.2.2', lladdr: '0e:00:00:00:00:02' } },
]

interface Host {
  readonly netns: Netns
  readonly folder: string
  /** Arguments that name this host's files. */
  readonly places: readonly string[]
}

async function host(t: TestContext): Promise<Host> {
  const netns = await createNetns(t, 'cli')
  await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0')
  for (const link of ['mgmt0', 'far0']) await netns.exec('ip', 'link', 'set', link, 'up')
  await netns.exec('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'mgmt0')
  return hostIn(netns, '{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan"}}', LEASES)
}

function hostIn(netns: Netns, netConf: string, leases: object): Host {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-run-'))
  removeAtExit(folder)
  writeFileSync(path.join(folder, 'net-conf.json'), netConf)
  writeFileSync(path.join(folder, 'nodes.json'), JSON.stringify(leases))
  const places = [
    `--net-config-path=${folder}/net-conf.json`,
    `--subnet-file=${folder}/cni/subnet.env`,
    `--state-dir=${folder}/state`,
    `--run-dir=${folder}/run`,
  ]
  return { netns, folder, places }
}

interface Running {
  /** The first line with this event, from now on or before; rejects when the process ends without it. */
  line(event: string): Promise<string>
  readonly text: string
  readonly agent: LinedProcess
}

function start(t: TestContext, { netns, folder, places }: Host): Running {
  const flags = ['-leases', `${folder}/nodes.json`, '--iface=mgmt0', '--log-format=json', ...places]
  const agent = startLined(t, netns, [...NODE, ...flags], { from: 'stderr', env: { NODE_NAME: 'a' } })
  return {
    agent,
    line: (event) => agent.line(new RegExp(`"event":"${event}"`)),
    get text() {
      return agent.lines.join('\n')
    },
  }
}

/** Status and output of a command that ends by itself, in the host's namespace. */
function command(host: Host, ...argv: string[]): { status: number | null; stdout: string; stderr: string } {
  const options = { encoding: 'utf8', timeout: 60_000, env: { ...process.env, NODE_NAME: 'a' } } as const
  return spawnSync('ip', ['netns', 'exec', host.netns.name, ...NODE, ...argv], options)
}

async function stop({ agent }: Running, signal: NodeJS.Signals): Promise<number | null> {
  await agent.end(signal)
  return agent.ended
}

test(
  'an agent lives, is alone, leaves everything at its end, finds it again, and cleanup removes it',
  kernelTests,
  async (t) => {
    const here = await host(t)
    const { netns, folder, places } = here
    const first = start(t, here)
    await first.line('agent.ready')

    assert.equal(
      readFileSync(`${folder}/cni/subnet.env`, 'utf8'),
      'FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.0.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n',
    )
    const routes = await netns.exec('ip', 'route', 'show', 'proto', '118')
    assert.match(routes, /^10\.42\.1\.0\/24 via 10\.42\.1\.0 dev flannel\.1 metric \d+ onlink *\n$/)

    const second = command(here, 'run', `--leases=${folder}/nodes.json`, '--iface=mgmt0', ...places)
    assert.equal(second.status, 1)
    assert.match(second.stderr, /ERR_VTEPD_LOCKED flannel\.1 is already kept by vtepd \(process \d+\)/)
    const early = command(here, 'cleanup', ...places)
    assert.equal(early.status, 1)
    assert.match(early.stderr, /^vtepd: flannel\.1 is already kept by vtepd \(process \d+\) \(cleanup --force[^\n]*\n$/)
    const look = command(here, 'cleanup', '--dry-run', '--json', ...places)
    assert.equal(look.status, 0, look.stderr)
    const kinds = JSON.parse(look.stdout).removals.map(({ kind }: { kind: string }) => kind)
    assert.deepEqual(kinds.slice(0, 4), ['route', 'device', 'rules', 'file'])

    const before = await netns.exec('ip', '-o', 'link', 'show', 'flannel.1')
    assert.equal(await stop(first, 'SIGTERM'), 0, first.text)
    assert.match(first.text, /"msg":"Exiting cleanly\.\.\."/)
    assert.equal(await netns.exec('ip', 'route', 'show', 'proto', '118'), routes)

    const again = start(t, here)
    await again.line('agent.ready')
    assert.equal(await netns.exec('ip', '-o', 'link', 'show', 'flannel.1'), before)
    assert.equal(await stop(again, 'SIGINT'), 0, again.text)

    const done = command(here, 'cleanup', ...places)
    assert.equal(done.status, 0, done.stdout + done.stderr)
    assert.match(done.stdout, /^removed route 10\.42\.1\.0\/24 .*\nremoved device flannel\.1 \(VXLAN, VNI 1; /)
    await assert.rejects(netns.exec('ip', 'link', 'show', 'flannel.1'))
    assert.equal(await netns.exec('ip', 'route', 'show', 'proto', '118'), '')
    assert.deepEqual(
      ['cni/subnet.env', 'state'].filter((name) => existsSync(path.join(folder, name))),
      [],
    )
    assert.equal(command(here, 'cleanup', ...places).stdout, 'nothing of vtepd is here\n')
  },
)

test(
  "going back: cleanup --routes takes ours, flannel's routes, device and subnet.env stay",
  kernelTests,
  async (t) => {
    const here = await host(t)
    const { netns, folder, places } = here
    const agent = start(t, here)
    await agent.line('agent.ready')
    assert.equal(await stop(agent, 'SIGTERM'), 0, agent.text)
    await netns.exec('ip', 'route', 'add', '10.42.1.0/24', 'via', '10.42.1.0', 'dev', 'flannel.1', 'onlink')
    const done = command(here, 'cleanup', '--routes', '--json', ...places)
    assert.equal(done.status, 0, done.stderr)
    const { removals, failures, dryRun } = JSON.parse(done.stdout)
    assert.deepEqual([removals.length, failures, dryRun], [1, [], false])
    assert.equal(await netns.exec('ip', 'route', 'show', 'proto', '118'), '')
    assert.match(
      await netns.exec('ip', 'route', 'show', 'dev', 'flannel.1'),
      /^10\.42\.1\.0\/24 via 10\.42\.1\.0 onlink *\n$/,
    )
    assert.match(await netns.exec('ip', 'neigh', 'show', 'dev', 'flannel.1'), /PERMANENT/)
    assert.ok(existsSync(`${folder}/cni/subnet.env`))
  },
)

test(
  "of two agents with direct routes one is cleaned up while the other runs: the other's routes stay",
  kernelTests,
  async (t) => {
    const here = await host(t)
    const direct = (vni: number, net: string): Host => {
      const backend = { Type: 'vxlan', VNI: vni, DirectRouting: true }
      const leases = LEASES.map(({ ipv4, ...lease }) => ({
        ...lease,
        ipv4: { ...ipv4, subnet: ipv4.subnet.replace('10.42.', `${net}.`) },
      }))
      return hostIn(here.netns, JSON.stringify({ Network: `${net}.0.0/16`, Backend: backend }), leases)
    }
    const [one, other] = [direct(1, '10.42'), direct(4096, '10.43')]
    const agents = [start(t, one), start(t, other)] as const
    for (const agent of agents) await agent.line('agent.ready')
    assert.equal(await stop(agents[0], 'SIGTERM'), 0, agents[0].text)
    const lines = async () => (await here.netns.exec('ip', 'route', 'show', 'proto', '118')).trim().split(/ *\n/)
    const before = await lines()
    assert.match(before[0] ?? '', /^10\.42\.1\.0\/24 via 192\.0\.2\.2 dev mgmt0 metric \d+$/)
    const done = command(here, 'cleanup', '--vni=1', ...one.places)
    assert.equal(done.status, 0, done.stdout + done.stderr)
    assert.deepEqual(await lines(), before.slice(1))
    assert.match(before[1] ?? '', /^10\.43\.1\.0\/24 via 192\.0\.2\.2 dev mgmt0/)
    await assert.rejects(here.netns.exec('ip', 'link', 'show', 'flannel.1'))
    await here.netns.exec('ip', 'link', 'show', 'flannel.4096')
    assert.equal(await stop(agents[1], 'SIGTERM'), 0, agents[1].text)
  },
)

test('a report that is larger than a pipe arrives whole', kernelTests, async (t) => {
  const here = await host(t)
  const { netns, folder, places } = here
  const routes = Array.from({ length: 3000 }, (_, n) => `route add 10.42.${n >> 8}.${n & 255}/32 dev mgmt0 proto 118`)
  writeFileSync(`${folder}/routes`, routes.join('\n'))
  await netns.exec('ip', '-batch', `${folder}/routes`)
  const line = [...NODE, 'cleanup', '--dry-run', '--json', ...places].join(' ')
  const { stdout } = spawnSync('ip', ['netns', 'exec', netns.name, 'sh', '-c', `${line} | cat`], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  assert.ok(stdout.length > 1 << 17)
  assert.equal(JSON.parse(stdout).removals.length, 3000)
})
