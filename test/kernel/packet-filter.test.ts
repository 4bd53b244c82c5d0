/** The packet filter rules of a real agent, from its start to the clean-up, beside rules of others. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { createAgentFolder, ENTRY, startAgentProcess } from '../support/agent-process.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'

const bounded = { ...kernelTests, timeout: 120_000 }

/** Rules of others: of another table with a chain at our hook, and of a table that is named nearly as ours. */
const FOREIGN = `
table inet site {
  set allowed { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 192.0.2.1 } }
  counter hits { }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ip saddr @allowed counter name "hits" comment "braces { here"
    ct state established,related accept
  }
}
table ip flannel {
  chain postrtg { type nat hook postrouting priority 110; policy accept; ip saddr 172.16.0.0/12 masquerade; }
}
`

interface Host {
  readonly netns: Netns
  readonly folder: string
  start(...flags: string[]): ReturnType<typeof startAgentProcess>
  cleanup(): Promise<string>
}

async function createHost(t: TestContext, netConf: object = {}): Promise<Host> {
  const netns = await createNetns(t, 'filter')
  await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0')
  for (const link of ['mgmt0', 'far0']) await netns.exec('ip', 'link', 'set', link, 'up')
  await netns.exec('ip', 'address', 'add', '192.168.1.1/24', 'dev', 'mgmt0')
  await netns.exec('ip', 'address', 'add', 'fd00:1::1/64', 'dev', 'mgmt0', 'nodad')
  await netns.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  const folder = createAgentFolder({
    Network: '10.42.0.0/16',
    IPv6Network: 'fd00:42::/48',
    EnableIPv6: true,
    Backend: { Type: 'vxlan' },
    ...netConf,
  })
  const leases = path.join(folder.path, 'leases.json')
  writeFileSync(
    leases,
    JSON.stringify([{ name: 'us', ipv4: { subnet: '10.42.1.0/24' }, ipv6: { subnet: 'fd00:42:0:1::/64' } }]),
  )
  const places = folder.flags.filter((flag) => !flag.startsWith('--log'))
  return {
    netns,
    folder: folder.path,
    start: (...flags) =>
      startAgentProcess(t, netns, 'us', [
        ...folder.flags,
        `--leases=${leases}`,
        '--iface=mgmt0',
        '--ip-masq',
        ...flags,
      ]),
    cleanup: () => netns.exec(process.execPath, ENTRY, 'cleanup', ...places),
  }
}

/** Which family's table is written first is nobody's promise. */
const inOrder = (ruleset: string): string =>
  ruleset
    .split(/^(?=table )/m)
    .sort()
    .join('')

const listed = async (netns: Netns): Promise<string> => netns.exec('nft', 'list', 'ruleset')

for (const [mode, tables] of [
  ['nftables', /table ip6? flannel-ipv[46] /],
  ['iptables', /FLANNEL-(?:POSTRTG|FWD)/],
] as const)
  test(
    `${mode}: rules stand before subnet.env, outlive the agent, and go with the clean-up; all else stays as it was`,
    bounded,
    async (t) => {
      const host = await createHost(t)
      const { netns } = host
      // iptables-nft makes its base chains when it is first used, and leaves them.
      for (const program of ['iptables-nft', 'ip6tables-nft'])
        for (const [table, chain] of [
          ['nat', 'POSTROUTING'],
          ['filter', 'FORWARD'],
        ] as const) {
          await netns.exec(program, '-t', table, '-A', chain, '-m', 'comment', '--comment', 'of others', '-j', 'RETURN')
        }
      writeFileSync(path.join(host.folder, 'foreign.nft'), FOREIGN)
      await netns.exec('nft', '-f', path.join(host.folder, 'foreign.nft'))
      const before = await listed(netns)

      const first = host.start(`--firewall=${mode}`)
      await first.until('agent.ready')
      const at = (event: string): number => first.lines.findIndex((line) => line.event === event)
      assert.ok(at('filter.written') >= 0 && at('filter.written') < at('cni.subnet-env'), 'the rules come first')
      const during = await listed(netns)
      assert.match(during, tables)
      first.kill('SIGTERM')
      await first.ended
      assert.equal(await listed(netns), during)

      const second = host.start(`--firewall=${mode}`)
      await second.until('agent.ready')
      assert.equal(await listed(netns), during)
      assert.deepEqual(
        second.lines.filter(({ event }) => event === 'filter.written'),
        [],
      )
      second.kill('SIGTERM')
      await second.ended

      await host.cleanup()
      assert.equal(await listed(netns), before)
      assert.ok(!existsSync(path.join(host.folder, 'subnet.env')))
    },
  )

test(
  'nft flush ruleset under a running agent: the rules are back, and a foreign table that was made meanwhile is left alone',
  bounded,
  async (t) => {
    const { netns, start } = await createHost(t, { EnableNFTables: true })
    const agent = start()
    await agent.until('agent.ready')
    assert.match((await agent.until('filter.chosen')).msg, /nftables.*EnableNFTables/)
    const right = await listed(netns)
    const from = agent.lines.length
    await netns.exec('nft', 'flush ruleset; add table ip site')
    for (const family of ['ipv4', 'ipv6']) await agent.until('filter.written', (line) => line.family === family, from)
    assert.equal(inOrder((await listed(netns)).replace('table ip site {\n}\n', '')), inOrder(right))
  },
)

test(
  'from iptables to nftables and back: one tool has the rules, and nothing is left in the other',
  bounded,
  async (t) => {
    const { netns, start } = await createHost(t)
    const inNft = async () => /flannel-ipv4/.test(await listed(netns))
    const inIptables = async () => (await netns.exec('iptables-save')).includes('FLANNEL')
    const run = async (mode: string): Promise<void> => {
      const agent = start(`--firewall=${mode}`)
      await agent.until('agent.ready')
      for (const family of ['ipv4', 'ipv6']) await agent.until('filter.leftovers', (line) => line.family === family)
      agent.kill('SIGTERM')
      await agent.ended
    }
    const first = start('--firewall=iptables')
    await first.until('agent.ready')
    first.kill('SIGTERM')
    await first.ended
    assert.deepEqual([await inNft(), await inIptables()], [false, true])
    await run('nftables')
    assert.deepEqual([await inNft(), await inIptables()], [true, false])
    await run('iptables')
    assert.deepEqual([await inNft(), await inIptables()], [false, true])
  },
)

test('with --firewall=none no rule is made, removed or looked at', bounded, async (t) => {
  const { netns, start } = await createHost(t)
  await netns.exec('nft', 'add table ip flannel-ipv4; add chain ip flannel-ipv4 c')
  const before = await listed(netns)
  const agent = start('--firewall=none')
  await agent.until('agent.ready')
  assert.equal(await listed(netns), before)
  assert.deepEqual(
    agent.lines.filter(({ event }) => event.startsWith('filter.')),
    [],
  )
  assert.match((await agent.until('config.warning')).msg, /nothing masquerades/)
})
