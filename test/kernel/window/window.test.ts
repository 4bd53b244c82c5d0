/** The operator's window into a real agent: what `vtepd status`, `peers`, `diff` and `events` show before, while and after damage. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { AgentReport, PeerReport } from '../../../lib/agent/window/report.ts'
import { type AgentFolder, createAgentFolder, ENTRY, startAgentProcess } from '../../support/agent-process.ts'
import { startLined } from '../../support/lined-process.ts'
import { createNetns, kernelTests, type Netns, type Scope } from '../../support/netns.ts'

const LEASES = [1, 2, 3].map((n) => ({
  name: `node${n}`,
  ipv4: { subnet: `10.42.${n}.0/24`, underlay: `192.168.7.${n}`, lladdr: `0e:00:00:00:00:0${n}` },
}))

interface Ended {
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

interface Stage {
  readonly netns: Netns
  readonly folder: AgentFolder
  readonly flags: readonly string[]
  ask(...words: readonly string[]): Promise<Ended>
}

async function createStage(t: Scope): Promise<Stage> {
  const netns = await createNetns(t, 'window')
  await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0')
  for (const link of ['mgmt0', 'far0']) await netns.exec('ip', 'link', 'set', link, 'up')
  await netns.exec('ip', 'address', 'add', '192.168.7.1/24', 'dev', 'mgmt0')
  const folder = createAgentFolder({ Network: '10.42.0.0/16', Backend: { Type: 'vxlan' } })
  const leases = path.join(folder.path, 'leases.json')
  writeFileSync(leases, JSON.stringify(LEASES))
  const argv = ['netns', 'exec', netns.name, process.execPath, ENTRY]
  return {
    netns,
    folder,
    flags: [...folder.flags, `--leases=${leases}`, '--iface=mgmt0', '--firewall=none'],
    ask: (...words) =>
      new Promise((resolve) => {
        execFile('ip', [...argv, ...words, `--run-dir=${folder.path}/run`], (error, stdout, stderr) => {
          resolve({ status: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, stdout, stderr })
        })
      }),
  }
}

test('status, peers, diff and events tell what an agent knows, repairs and lacks', kernelTests, async (t) => {
  const { netns, folder, flags, ask } = await createStage(t)
  const none = await ask('status')
  assert.equal(none.status, 1)
  assert.match(none.stderr, /^vtepd: no agent to ask: .*\/run has no socket of one; is it running/)

  const agent = startAgentProcess(t, netns, 'node1', flags)
  await agent.until('peers.applied', (line) => line.routes === 2)
  const socket = statSync(`${folder.path}/run/flannel.1.sock`)
  assert.equal(socket.mode & 0o777, 0o600, 'root alone may ask')

  const peers = JSON.parse((await ask('peers', '--json')).stdout) as { peers: readonly PeerReport[] }
  assert.deepEqual(
    peers.peers.map(({ node, subnet, underlay, lladdr, stands }) => [node, subnet, underlay, lladdr, stands]),
    [2, 3].map((n) => [`node${n}`, `10.42.${n}.0/24`, `192.168.7.${n}`, `0e:00:00:00:00:0${n}`, true]),
  )
  assert.match((await ask('peers', '10.42.3.77')).stdout, /^node .*\nnode3 .* in place\n$/)
  assert.equal((await ask('peers', 'node9')).status, 1)
  assert.deepEqual(await ask('diff'), { status: 0, stdout: '# IPv4: 0 missing or altered, 0 too many\n', stderr: '' })

  const events = startLined(t, netns, [process.execPath, ENTRY, 'events', '--follow', `--run-dir=${folder.path}/run`])
  await events.line(/ run\.start| agent\.network/)
  await netns.exec('ip', 'link', 'del', 'flannel.1')
  const healed = await events.line(
    / overlay\.healed ipv4: healed flannel\.1 in \S+ m?s: the device was deleted; \d+ entries/,
  )
  assert.match(healed, /^\d{4}-\d\d-\d\dT\S+Z info {2}/)

  const status = JSON.parse((await ask('status', '--json')).stdout) as AgentReport
  const [family] = status.families
  assert.equal(status.node, 'node1')
  assert.deepEqual(
    [family?.device, family?.state, family?.lladdr, family?.mtu, family?.underlay?.ifname, family?.peers],
    ['flannel.1', 'ready', '0e:00:00:00:00:01', 1450, 'mgmt0', { known: 2, standing: 2 }],
  )
  assert.deepEqual([family?.heals.count, family?.heals.last?.cause], [1, 'the device was deleted'])
  assert.match(
    (await ask('status')).stdout,
    /repairs +1, the last .* ago in .*: the device was deleted; \d+ entries written/,
  )
})

test(
  'while the agent is held back, diff shows what is missing and too much as commands that mend it',
  kernelTests,
  async (t) => {
    const { netns, flags, ask, folder } = await createStage(t)
    // What the kernel refuses stays undone: the peer's gateway is an address of this host.
    const agent = startAgentProcess(t, netns, 'node1', flags)
    await agent.until('peers.applied', (line) => line.routes === 2)
    await netns.exec('ip', 'address', 'add', '10.42.2.0/32', 'dev', 'lo')
    await netns.exec('ip', 'route', 'del', '10.42.2.0/24')
    await agent.until('peers.entry-failed')
    const { status, stdout } = await ask('diff')
    assert.equal(status, 1)
    assert.match(stdout, /^# IPv4: 1 missing or altered, 0 too many$/m)
    const command = /^ip route replace 10\.42\.2\.0\/24 via 10\.42\.2\.0 dev flannel\.1 proto 118 metric \d+ onlink$/m
    assert.match(stdout, command)
    const told = await ask('status')
    assert.ok(!agent.lines.some(({ event }) => event === 'overlay.healed'), 'what is refused is not healed')
    assert.match(told.stdout, /peers +2, 1 of them not in place/)
    const peers = await ask('peers', 'node2')
    assert.match(peers.stdout, /NOT in place/)

    // The command that it shows is one: without the obstacle it does what it says.
    agent.kill('SIGTERM')
    await agent.ended
    await netns.exec('ip', 'address', 'del', '10.42.2.0/32', 'dev', 'lo')
    await netns.exec(...((command.exec(stdout)?.[0] ?? '').split(' ') as [string, ...string[]]))
    assert.match(await netns.exec('ip', 'route', 'show', '10.42.2.0/24'), /via 10\.42\.2\.0 dev flannel\.1 proto 118/)
    const gone = await ask('status')
    assert.match(gone.stderr, /no agent to ask/)
    assert.throws(() => statSync(`${folder.path}/run/flannel.1.sock`), /ENOENT/, 'the socket goes with the agent')
  },
)

test(
  'a socket that a killed agent left is replaced; one that another agent answers at is left alone',
  kernelTests,
  async (t) => {
    const { netns, flags, ask } = await createStage(t)
    const first = startAgentProcess(t, netns, 'node1', flags)
    await first.until('agent.ready')
    first.kill('SIGKILL')
    await first.ended
    assert.match((await ask('status')).stderr, /nobody listens at .*flannel\.1\.sock, so its agent has ended/)
    const second = startAgentProcess(t, netns, 'node1', flags)
    await second.until('agent.ready')
    assert.equal((await ask('status')).status, 0)

    const elsewhere = await createStage(t)
    const beside = startAgentProcess(t, elsewhere.netns, 'node1', [
      ...elsewhere.flags,
      ...flags.filter((flag) => flag.startsWith('--run-dir=')),
    ])
    const { msg } = await beside.until('window.closed')
    assert.match(msg, /another process listens there\); give another folder with --run-dir/)
    await beside.until('agent.ready')
    assert.equal((await ask('status')).status, 0)
  },
)

test('the log tells more, and less again, by a command and by a signal, and says so', kernelTests, async (t) => {
  const { netns, flags, ask } = await createStage(t)
  const usual = flags.map((flag) => (flag.startsWith('--log-level=') ? '--log-level=info' : flag))
  const agent = startAgentProcess(t, netns, 'node1', usual)
  const levels = (): string[] => {
    const told = agent.lines.filter(({ event }) => event === 'log.level')
    return told.map(({ msg }) => msg.replace(/ from now on.*/, ''))
  }
  await agent.until('agent.ready')
  const less = await ask('log-level', 'warn')
  assert.deepEqual([less.status, less.stdout], [0, 'warn, before it was info\n'])
  const silent = agent.lines.length
  const more = await ask('log-level', 'debug')
  assert.deepEqual([more.status, more.stdout], [0, 'debug, before it was warn\n'])
  await netns.exec('ip', 'link', 'set', 'mgmt0', 'mtu', '1499')
  await agent.until('device.effect', () => true, silent)
  agent.kill('SIGUSR2')
  await agent.until('log.level', ({ msg }) => /tells info from now on, before it was debug/.test(msg))
  const before = agent.lines.length
  agent.kill('SIGUSR2')
  await agent.until('log.level', ({ msg }) => /tells debug from now on, before it was info/.test(msg), before)
  assert.deepEqual(levels(), ['the log tells warn', 'the log tells debug', 'the log tells info', 'the log tells debug'])
  const wrong = await ask('log-level', 'banana')
  assert.deepEqual(
    [wrong.status, /'banana' is unknown; give one of debug, info, warn, error/.test(wrong.stderr)],
    [2, true],
  )
})
