/** `vtepd run --dry-run`: what it shows is what an agent then does, and nothing is touched by it: kernel, files, API. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { Report } from '../../../lib/cli/dry-run/report.ts'
import { startApiServer } from '../../../lib/lab/api-server/api-server.ts'
import { type AgentFolder, createAgentFolder, ENTRY, startAgentProcess } from '../../support/agent-process.ts'
import { assertDocument } from '../../support/json-schema.ts'
import { createNetns, kernelTests, type Netns, type Scope } from '../../support/netns.ts'
import { runProgram } from '../../support/run-program.ts'

const LEASES = [1, 2, 3].map((n) => ({
  name: `node${n}`,
  ipv4: { subnet: `10.42.${n}.0/24`, underlay: `192.168.7.${n}`, lladdr: `0e:00:00:00:00:0${n}` },
  ipv6: { subnet: `fd00:42:0:${n}::/64`, underlay: `fd00:7::${n}`, lladdr: `0e:00:00:00:06:0${n}` },
}))
const DUAL = { Network: '10.42.0.0/16', EnableIPv6: true, IPv6Network: 'fd00:42::/56', Backend: { Type: 'vxlan' } }

interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

async function createHost(t: Scope): Promise<Netns> {
  const netns = await createNetns(t, 'dryrun')
  await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0')
  for (const link of ['mgmt0', 'far0', 'lo']) await netns.exec('ip', 'link', 'set', link, 'up')
  await netns.exec('ip', 'address', 'add', '192.168.7.1/24', 'dev', 'mgmt0')
  await netns.exec('ip', 'address', 'add', 'fd00:7::1/64', 'dev', 'mgmt0', 'nodad')
  return netns
}

function dryRun(netns: Netns, flags: readonly string[]): Promise<Ended> {
  const argv = ['netns', 'exec', netns.name, process.execPath, ENTRY, 'run', '--dry-run', ...flags]
  return new Promise((resolve) => {
    execFile('ip', argv, { env: { ...process.env, NODE_NAME: 'node1' } }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    )
  })
}

/** Everything that a run could touch. */
async function snapshot(netns: Netns, folder: AgentFolder): Promise<readonly string[]> {
  const tables = await Promise.all(
    [
      'ip -d link',
      'ip address',
      'ip -4 route show table all',
      'ip -6 route show table all',
      'ip rule',
      'ip neigh show nud permanent',
      'bridge fdb show self',
      'nft list ruleset',
      'sysctl -a --pattern ^net.ipv[46].(conf|ip_forward)',
    ].map((line) => {
      const [program = '', ...words] = line.split(' ')
      return netns.exec(program, ...words).catch((error: Error) => error.message)
    }),
  )
  const files = readdirSync(folder.path, { recursive: true }).map((name) => {
    const { mtimeMs, size } = statSync(path.join(folder.path, String(name)))
    return `${name} ${mtimeMs} ${size}`
  })
  // Link-local addresses come by themselves, when they are no more tentative.
  const lines = [...tables.flatMap((text) => text.split('\n')), ...files]
  return lines.filter((line) => !/fe80|ff00::|33:33|_lft/.test(line)).sort()
}

function differences(before: readonly string[], after: readonly string[]): readonly string[] {
  const [was, is] = [new Set(before), new Set(after)]
  return [
    ...before.filter((line) => !is.has(line)).map((line) => `- ${line}`),
    ...after.filter((line) => !was.has(line)).map((line) => `+ ${line}`),
  ]
}

test(
  'from nothing it shows what an agent then programs, touches nothing, and beside that agent finds nothing to change',
  kernelTests,
  async (t) => {
    const netns = await createHost(t)
    const folder = createAgentFolder(DUAL)
    const leases = path.join(folder.path, 'leases.json')
    writeFileSync(leases, JSON.stringify(LEASES))
    const flags = [...folder.flags, `--leases=${leases}`, '--iface=mgmt0', '--firewall=nftables']
    const before = await snapshot(netns, folder)
    const first = await dryRun(netns, [...flags, '--json'])
    assert.equal(first.status, 1, first.stderr)
    assert.deepEqual(differences(before, await snapshot(netns, folder)), [])
    const report = JSON.parse(first.stdout) as Report
    assertDocument('run-dry-run', report)
    assert.deepEqual([report.unchanged, report.waiting, report.node], [false, null, null])
    assert.match(
      report.device.commands[0] ?? '',
      /^ip link add flannel(-v6)?\.1 address 0e:00:00:00:0[06]:01 mtu 14[35]0 type vxlan id 1 local \S+ dstport 8472 nolearning$/,
    )
    for (const line of ['ip link set flannel.1 up', 'ip address add 10.42.1.0/32 dev flannel.1'])
      assert.ok(report.device.commands.includes(line), line)
    assert.deepEqual([report.neighbours.count, report.fdb.count, report.routes.count], [4, 4, 4])
    assert.ok(
      report.filter.commands.some((line) => /10\.42\.0\.0\/16 accept/.test(line)),
      JSON.stringify(report.filter),
    )
    assert.deepEqual(
      report.files.map(({ path: file }) => path.basename(file)).filter((name) => !/\.json$/.test(name)),
      ['subnet.env'],
    )
    const text = await dryRun(netns, flags)
    assert.match(
      text.stdout,
      /^# neighbours: 4\nip neigh replace 10\.42\.2\.0 dev flannel\.1 lladdr 0e:00:00:00:00:02 nud permanent$/m,
    )
    assert.match(text.stdout, /^# nothing was changed: this is what vtepd run would do\n$/m)

    const agent = startAgentProcess(t, netns, 'node1', flags)
    await agent.until('agent.ready')
    const programmed = (await Promise.all([netns.exec('ip', '-4', 'route'), netns.exec('ip', '-6', 'route')])).join('')
    for (const command of report.routes.commands) {
      const [, destination = ''] = /route replace (\S+) /.exec(command) ?? []
      assert.ok(programmed.includes(`${destination} via `), `${command}\n${programmed}`)
    }
    const running = await snapshot(netns, folder)
    const beside = await dryRun(netns, [...flags, '--json'])
    assert.deepEqual(
      [beside.status, (JSON.parse(beside.stdout) as Report).unchanged],
      [0, true],
      `${beside.stdout}${beside.stderr}`,
    )
    assert.deepEqual(differences(running, await snapshot(netns, folder)), [])
    assert.match((await dryRun(netns, flags)).stdout, /^# nothing would be changed$/m)

    agent.kill('SIGTERM')
    await agent.ended
    await netns.exec('ip', 'neigh', 'del', '10.42.2.0', 'dev', 'flannel.1')
    await netns.exec('ip', 'route', 'del', '10.42.3.0/24')
    await netns.exec('ip', 'link', 'set', 'flannel.1', 'mtu', '1400')
    const damaged = JSON.parse((await dryRun(netns, [...flags, '--json'])).stdout) as Report
    assert.deepEqual(damaged.device.commands, ['ip link set flannel.1 mtu 1450'])
    assert.match(damaged.device.because[0] ?? '', /flannel\.1 has mtu 1400, not 1450/)
    assert.deepEqual([damaged.neighbours.commands.length, damaged.fdb.count, damaged.routes.count], [1, 0, 1])
    assert.deepEqual([damaged.filter.count, damaged.files], [0, []])

    // One that cannot be changed is deleted, and nothing of what was on it counts as there.
    await netns.exec('ip', 'link', 'del', 'flannel.1')
    await netns.exec(
      'ip',
      'link',
      'add',
      'flannel.1',
      'type',
      'vxlan',
      'id',
      '1',
      'local',
      '192.168.7.1',
      'dstport',
      '9999',
    )
    const other = JSON.parse((await dryRun(netns, [...flags, '--json'])).stdout) as Report
    assert.equal(other.device.commands[0], 'ip link delete flannel.1')
    assert.ok(other.device.commands.some((line) => line.startsWith('ip link add flannel.1 ')))
    assert.deepEqual([other.neighbours.count, other.routes.count], [2, 2])
  },
)

test('of an API server it only reads, and shows what would be published', kernelTests, async (t) => {
  const netns = await createHost(t)
  const here = '172.30.78.1'
  await runProgram('ip', ['link', 'add', 'dry0', 'type', 'veth', 'peer', 'name', 'api0', 'netns', netns.name])
  t.after(() => runProgram('ip', ['link', 'del', 'dry0']).catch(() => undefined))
  await runProgram('ip', ['address', 'add', `${here}/24`, 'dev', 'dry0'])
  await runProgram('ip', ['link', 'set', 'dry0', 'up'])
  await netns.exec('ip', 'address', 'add', '172.30.78.2/24', 'dev', 'api0')
  await netns.exec('ip', 'link', 'set', 'api0', 'up')
  const server = await startApiServer({ host: here })
  t.after(() => server.close())
  server.nodes.create({ metadata: { name: 'node1' }, spec: { podCIDR: '10.42.1.0/24', podCIDRs: ['10.42.1.0/24'] } })
  const folder = createAgentFolder({ Network: '10.42.0.0/16', Backend: { Type: 'vxlan' } })
  const kubeconfig = path.join(folder.path, 'kubeconfig')
  writeFileSync(kubeconfig, server.kubeconfig())
  const flags = [
    ...folder.flags,
    `--kubeconfig-file=${kubeconfig}`,
    `--publish-kubeconfig=${kubeconfig}`,
    '--iface=mgmt0',
    '--firewall=none',
  ]
  const before = await snapshot(netns, folder)
  const ended = await dryRun(netns, [...flags, '--json'])
  const report = JSON.parse(ended.stdout) as Report
  assert.equal(ended.status, 1, ended.stderr)
  assertDocument('run-dry-run', report)
  assert.deepEqual(differences(before, await snapshot(netns, folder)), [])
  assert.ok(!existsSync(path.join(folder.path, 'state')))
  const methods = new Set(server.requestLog.map(({ method }) => method))
  assert.deepEqual([...methods], ['GET'])
  const prefix = 'flannel.alpha.coreos.com'
  assert.deepEqual(
    [report.node?.annotations[`${prefix}/public-ip`], report.node?.networkAvailable],
    ['192.168.7.1', true],
  )
  assert.match(report.node?.annotations[`${prefix}/backend-data`] ?? '', /"VtepMAC":"/)
})
