/** A running agent that keeps its rules in iptables, beside programs that damage them and others that drop its packets. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { needs } from '../firewall/iptables-host.ts'
import { type AgentProcess, createAgentFolder, startAgentProcess } from '../support/agent-process.ts'
import { createNetns, type Netns } from '../support/netns.ts'

async function createHost(
  t: TestContext,
  setUp = 'true',
): Promise<{ readonly netns: Netns; readonly start: (...flags: string[]) => AgentProcess }> {
  const netns = await createNetns(t, 'ipta')
  await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0')
  await netns.exec('ip', 'address', 'add', '192.0.2.1/24', 'dev', 'mgmt0')
  for (const link of ['mgmt0', 'far0']) await netns.exec('ip', 'link', 'set', link, 'up')
  await netns.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1')
  await netns.exec('sh', '-ec', setUp)
  const folder = createAgentFolder({ Network: '10.42.0.0/16', Backend: { Type: 'vxlan' } })
  const leases = path.join(folder.path, 'leases.json')
  writeFileSync(leases, JSON.stringify([{ name: 'us', ipv4: { subnet: '10.42.1.0/24' } }]))
  const flags = [...folder.flags, `--leases=${leases}`, '--iface=mgmt0', '--ip-masq']
  return { netns, start: (...more) => startAgentProcess(t, netns, 'us', [...flags, ...more]) }
}

for (const variant of ['nft', 'legacy'] as const)
  test(`iptables-${variant} -F and -t nat -F under a running agent: the rules are back`, needs(variant), async (t) => {
    const { netns, start } = await createHost(
      t,
      `iptables-${variant} -t nat -N KUBE-POSTROUTING; iptables-${variant} -t nat -A POSTROUTING -j KUBE-POSTROUTING`,
    )
    const agent = start()
    await agent.until('agent.ready')
    const ours = async (): Promise<readonly string[]> =>
      (await netns.exec(`iptables-${variant}-save`)).split('\n').filter((line) => /^-A.*FLANNEL/.test(line))
    const right = await ours()
    assert.equal(right.length, 10)
    for (const damage of ['-F', '-t nat -F', '-D FORWARD -j FLANNEL-FWD -m comment --comment "flanneld forward"']) {
      const from = agent.lines.length
      await netns.exec('sh', '-ec', `iptables-${variant} ${damage}`)
      await agent.until('filter.written', undefined, from)
      assert.deepEqual(await ours(), right, damage)
    }
  })

test(
  "a running agent names Docker's policy DROP where its own rules are elsewhere, and wins where they are not",
  needs('nft'),
  async (t) => {
    const docker = 'iptables-nft -P FORWARD DROP; iptables-nft -N DOCKER-USER; iptables-nft -A FORWARD -j DOCKER-USER'
    const named = await createHost(t, docker)
    const { msg } = await named.start('--firewall=nftables').until('filter.pods-dropped')
    assert.match(msg, /the chain FORWARD in table filter of iptables-nft, by its policy drops .*--firewall=iptables/)
    const quiet = await createHost(t, docker)
    const agent = quiet.start('--firewall=iptables')
    await agent.until('agent.ready')
    await agent.until('filter.written')
    await quiet.netns.exec('iptables-nft', '-A', 'OUTPUT', '-p', 'udp', '--dport', '8472', '-j', 'DROP')
    // The next look names what was added since, and nothing else: what makes it look cuts no pod off itself.
    const from = agent.lines.length
    await quiet.netns.exec('iptables-nft', '-t', 'nat', '-F', 'FLANNEL-POSTRTG')
    await agent.until('filter.vxlan-dropped', undefined, from)
    assert.ok(!agent.lines.some(({ event }) => event === 'filter.pods-dropped'))
  },
)
