/** Real agents probe each other over real devices: what `vtepd mesh` shows, and what is said, when a pair is broken in several ways. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { MeshPeerReport } from '../../lib/agent/window/mesh-report.ts'
import { type AgentProcess, createAgentFolder, ENTRY, startAgentProcess } from '../support/agent-process.ts'
import { createNetns, kernelTests, type Netns, type Scope } from '../support/netns.ts'
import { runProgram } from '../support/run-program.ts'

const NODES = [1, 2, 3]
const LEASES = NODES.map((n) => ({
  name: `node${n}`,
  ipv4: { subnet: `10.42.${n}.0/24`, underlay: `192.168.7.${n}`, lladdr: `0e:00:00:00:00:0${n}` },
  ipv6: { subnet: `fd42:${n}::/64`, underlay: `fd07::${n}`, lladdr: `0e:00:00:00:06:0${n}` },
}))
const NET_CONF = {
  Network: '10.42.0.0/16',
  EnableIPv6: true,
  IPv6Network: 'fd42::/16',
  Backend: { Type: 'vxlan' },
}

interface Node {
  readonly netns: Netns
  readonly agent: AgentProcess
  mesh(...words: readonly string[]): Promise<{ readonly status: number; readonly stdout: string }>
}

async function createMesh(t: Scope): Promise<{ readonly hub: Netns; readonly nodes: readonly Node[] }> {
  const hub = await createNetns(t, 'hub')
  await hub.exec('ip', 'link', 'add', 'br0', 'type', 'bridge')
  await hub.exec('ip', 'link', 'set', 'br0', 'up')
  const nodes = await Promise.all(
    NODES.map(async (n) => {
      const netns = await createNetns(t, `mesh${n}`)
      await hub.exec('ip', 'link', 'add', `port${n}`, 'type', 'veth', 'peer', 'name', 'mgmt0', 'netns', netns.name)
      await hub.exec('ip', 'link', 'set', `port${n}`, 'master', 'br0', 'up')
      await netns.exec('ip', 'link', 'set', 'mgmt0', 'up')
      await netns.exec('ip', 'address', 'add', `192.168.7.${n}/24`, 'dev', 'mgmt0')
      await netns.exec('ip', 'address', 'add', `fd07::${n}/64`, 'dev', 'mgmt0', 'nodad')
      const folder = createAgentFolder(NET_CONF)
      const leases = path.join(folder.path, 'leases.json')
      writeFileSync(leases, JSON.stringify(LEASES))
      const flags = [...folder.flags, `--leases=${leases}`, '--iface=mgmt0', '--firewall=none', '--mesh-rate=200']
      const agent = startAgentProcess(t, netns, `node${n}`, flags)
      const command = ['netns', 'exec', netns.name, process.execPath, ENTRY, 'mesh', `--run-dir=${folder.path}/run`]
      const mesh = async (...words: readonly string[]) => {
        const ended = await runProgram('ip', [...command, ...words])
        if (ended.outcome !== 'exited') throw new Error(ended.outcome)
        return ended
      }
      return { netns, agent, mesh }
    }),
  )
  return { hub, nodes }
}

/** Of the debug lines: the peer is in that state in that family. */
function becomes(node: string, state: string, family: string) {
  return (line: Record<string, unknown>) => line.node === node && line.state === state && line.family === family
}

test(
  'a pair that the overlay or large packets do not cross is named with its peer, and its end',
  kernelTests,
  async (t) => {
    const { hub, nodes } = await createMesh(t)
    const [first, second] = nodes
    assert.ok(first !== undefined && second !== undefined)
    for (const family of ['ipv4', 'ipv6'])
      for (const node of ['node2', 'node3']) await first.agent.until('mesh.peer', becomes(node, 'ok', family))
    const well = await first.mesh('--json')
    assert.equal(well.status, 0, well.stdout)
    const { peers } = JSON.parse(well.stdout) as { peers: readonly MeshPeerReport[] }
    assert.deepEqual(
      peers.map(({ node, family, state }) => [node, family, state]),
      [
        ['node2', 'ipv4', 'ok'],
        ['node2', 'ipv6', 'ok'],
        ['node3', 'ipv4', 'ok'],
        ['node3', 'ipv6', 'ok'],
      ],
    )

    // What node2 sends still gets out.
    await second.netns.exec('nft', 'add table ip foreign')
    await second.netns.exec('nft', 'add chain ip foreign input { type filter hook input priority 0; }')
    await second.netns.exec('nft', 'add rule ip foreign input udp dport 8472 drop')
    const lost = await second.agent.until('mesh.unreachable', ({ level }) => level === 'warn')
    assert.match(lost.msg, /^packets of pods do not reach node\d .*, whose underlay addresses answer: is UDP 8472 let/)
    const oneWay = await first.agent.until('mesh.one-way', ({ level }) => level === 'warn')
    assert.match(
      oneWay.msg,
      /^packets of pods come from node2, and do not get there: is UDP .* vtepd explain 10\.42\.2\.0 shows/,
    )
    const shown = await first.mesh('node2')
    assert.equal(shown.status, 1)
    assert.match(shown.stdout, /^node2 +IPv4 +one-way /m)
    assert.match(shown.stdout, /^node2 +IPv6 +ok /m)
    const mended = first.agent.lines.length
    await second.netns.exec('nft', 'delete table ip foreign')
    await first.agent.until('mesh.one-way', ({ level }) => level === 'info', mended)

    // A bridge lets the four bytes of a VLAN tag pass beyond the MTU of a port, and passes over what its port cannot take: no ICMP tells anybody, and no netfilter makes fragments of it.
    await hub.exec(
      'sh',
      '-c',
      'cd /proc/sys/net/bridge 2>/dev/null && for one in bridge-nf-call-*; do echo 0 >$one; done; true',
    )
    await hub.exec('ip', 'link', 'set', 'port2', 'mtu', '1450')
    for (const [family, mtu, wanted] of [
      ['ipv4', 1404, 1450],
      ['ipv6', 1384, 1430],
    ] as const) {
      const narrow = (line: Record<string, unknown>) =>
        line.mtu === mtu && line.wanted === wanted && line.node === 'node2'
      await first.agent.until('mesh.peer', (line) => line.family === family && line.path === 'overlay' && narrow(line))
      await first.agent.until('mesh.path-mtu', (line) => line.family === family && /node2/.test(line.msg))
    }
    assert.match((await first.mesh('node2')).stdout, /^node2 +IPv4 +path-mtu .* 1404 of 1450 +-$/m)
    const widened = first.agent.lines.length
    await hub.exec('ip', 'link', 'set', 'port2', 'mtu', '1500')
    await first.agent.until('mesh.path-mtu', ({ level }) => level === 'info', widened)
    assert.ok(
      !first.agent.lines.some(({ event }) => event === 'agent.unready'),
      'what a peer lacks is not our readiness',
    )
  },
)

test('probes outlive the device: it comes back, and every peer is reached again', kernelTests, async (t) => {
  const { nodes } = await createMesh(t)
  const [first] = nodes
  assert.ok(first !== undefined)
  await first.agent.until('mesh.peer', becomes('node3', 'ok', 'ipv4'))
  await first.netns.exec('ip', 'link', 'del', 'flannel.1')
  await first.agent.until('overlay.healed')
  const again = first.agent.lines.length
  assert.equal((await first.mesh('node3')).status, 0)
  assert.ok(
    !first.agent.lines.slice(0, again).some(({ event, level }) => level === 'warn' && event.startsWith('mesh.')),
  )
})

test('a port that is taken is said with what to do, and the agent runs all the same', kernelTests, async (t) => {
  const netns = await createNetns(t, 'taken')
  await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0')
  await netns.exec('ip', 'link', 'set', 'far0', 'up')
  await netns.exec('ip', 'link', 'set', 'mgmt0', 'up')
  await netns.exec('ip', 'address', 'add', '192.168.7.1/24', 'dev', 'mgmt0')
  const folder = createAgentFolder({ Network: '10.42.0.0/16', Backend: { Type: 'vxlan' } })
  const leases = path.join(folder.path, 'leases.json')
  writeFileSync(leases, JSON.stringify(LEASES.map(({ name, ipv4 }) => ({ name, ipv4 }))))
  const flags = [...folder.flags, `--leases=${leases}`, '--iface=mgmt0', '--firewall=none']
  const first = startAgentProcess(t, netns, 'node1', flags)
  await first.until('agent.ready')
  // Another VNI and other folders: an agent beside it, whose underlay address is the same.
  const conf = createAgentFolder({ Network: '10.43.0.0/16', Backend: { Type: 'vxlan', VNI: 2 } })
  const theirs = path.join(conf.path, 'leases.json')
  const moved = LEASES.map(({ name, ipv4 }) => ({ name, ipv4: { ...ipv4, subnet: ipv4.subnet.replace('42', '43') } }))
  writeFileSync(theirs, JSON.stringify(moved))
  const second = startAgentProcess(t, netns, 'node1', [
    ...conf.flags,
    `--leases=${theirs}`,
    '--iface=mgmt0',
    '--firewall=none',
  ])
  await second.until('agent.ready')
  const { msg } = await second.until('mesh.closed')
  assert.match(
    msg,
    /^peers are not probed: UDP 192\.168\.7\.1 port 8473: EADDRINUSE; free that port, or choose another/,
  )
})
