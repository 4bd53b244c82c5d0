/** The packet filter rules of a real agent, from its start to the clean-up, beside rules of others. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { createAgentFolder, ENTRY, startAgentProcess } from '../support/agent-process.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'
import { patience } from '../support/patience.ts'

const bounded = { ...kernelTests, timeout: patience(120_000) }

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
  /** On a host where these programs cannot be run. */
  startWithout(programs: readonly string[], ...flags: string[]): ReturnType<typeof startAgentProcess>
  cleanup(): Promise<string>
  release(): Promise<string>
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
    JSON.stringify([
      { name: 'us', ipv4: { subnet: '10.42.1.0/24' }, ipv6: { subnet: 'fd00:42:0:1::/64' } },
      { name: 'peer', ipv4: { subnet: '10.42.2.0/24', underlay: '192.168.1.2', lladdr: '0e:00:00:00:00:02' } },
    ]),
  )
  const places = folder.flags.filter((flag) => !flag.startsWith('--log'))
  const agent = (around: readonly string[], flags: readonly string[]) =>
    startAgentProcess(
      t,
      netns,
      'us',
      [...folder.flags, `--leases=${leases}`, '--iface=mgmt0', '--ip-masq', ...flags],
      {},
      around,
    )
  return {
    netns,
    folder: folder.path,
    start: (...flags) => agent([], flags),
    startWithout(programs, ...flags) {
      // Not executable is as good as not there.
      const hide = programs.map((program) => `mount --bind /dev/null "$(readlink -f "$(command -v ${program})")"`)
      return agent(['unshare', '-m', 'sh', '-e', '-c', `${hide.join('; ')}; exec "$@"`, 'sh'], flags)
    },
    cleanup: () => netns.exec(process.execPath, ENTRY, 'cleanup', ...places),
    release: () =>
      netns.exec(process.execPath, ENTRY, 'release', ...places.filter((flag) => /net-config|state-dir/.test(flag))),
  }
}

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
    const ours = async (): Promise<readonly string[]> =>
      Promise.all(['ip flannel-ipv4', 'ip6 flannel-ipv6'].map((table) => netns.exec('nft', `list table ${table}`)))
    const right = await ours()
    const from = agent.lines.length
    await netns.exec('nft', 'flush ruleset; add table ip site')
    for (const family of ['ipv4', 'ipv6']) await agent.until('filter.written', (line) => line.family === family, from)
    assert.deepEqual(await ours(), right)
    assert.equal((await netns.exec('nft', 'list tables')).trim().split('\n').length, 3)
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

test('iptables -F under a running agent: the rules are back', bounded, async (t) => {
  const { netns, start } = await createHost(t)
  const agent = start('--firewall=iptables')
  await agent.until('agent.ready')
  const right = (await netns.exec('iptables-save')).replaceAll(/^#.*\n|\[\d+:\d+\]/gm, '')
  const from = agent.lines.length
  for (const table of ['filter', 'nat']) await netns.exec('iptables', '-t', table, '-F')
  await agent.until('filter.written', (line) => line.family === 'ipv4', from)
  for (let looks = 0; (await netns.exec('iptables-save')).replaceAll(/^#.*\n|\[\d+:\d+\]/gm, '') !== right; looks += 1)
    assert.ok(looks < 200, await netns.exec('iptables-save'))
})

const EVERY_IPTABLES = ['iptables-nft', 'iptables-legacy']

test(
  'where neither tool is, that is named and the agent is not ready; pods may start all the same',
  bounded,
  async (t) => {
    const { startWithout, folder } = await createHost(t, { EnableIPv6: false })
    const agent = startWithout(['nft', ...EVERY_IPTABLES])
    assert.match((await agent.until('filter.failed')).msg, /there are no packet filter rules: .*(?:nft|iptables)/)
    await agent.until('cni.subnet-env')
    assert.ok(existsSync(path.join(folder, 'subnet.env')))
    assert.deepEqual(
      agent.lines.filter(({ event }) => event === 'agent.ready'),
      [],
    )
  },
)

test('where one tool is not there the other one has the rules', bounded, async (t) => {
  const { startWithout } = await createHost(t, { EnableIPv6: false })
  const agent = startWithout(EVERY_IPTABLES)
  await agent.until('agent.ready')
  assert.match((await agent.until('filter.chosen')).msg, /kept in nftables: there is no iptables/)
  agent.kill('SIGTERM')
  await agent.ended
  const other = startWithout(['nft'])
  await other.until('agent.ready')
  assert.match((await other.until('filter.chosen')).msg, /kept in iptables/)
})

test(
  '--vxlan-allow=known: the peers are in the table until cleanup or release; without nft it is refused',
  bounded,
  async (t) => {
    const { netns, start, startWithout, cleanup, release } = await createHost(t)
    const refused = startWithout(['nft'], '--vxlan-allow=known')
    assert.equal(await refused.ended, 2)
    assert.match(refused.lines.map(({ msg }) => msg).join(), /--vxlan-allow: known needs the program nft/)
    const agent = start('--vxlan-allow=known', '--firewall=none')
    await agent.until('filter.vxlan-allow', (line) => line.family === 'ipv4')
    assert.match(await listed(netns), /table ip vtepd-vxlan \{\s+set peers \{[^}]*192\.168\.1\.2 \}/)
    agent.kill('SIGTERM')
    await agent.ended
    assert.match(await cleanup(), /removed rules table ip vtepd-vxlan/)
    assert.doesNotMatch(await listed(netns), /vtepd-vxlan/)
    const again = start('--vxlan-allow=known', '--firewall=nftables')
    await again.until('filter.vxlan-allow', (line) => line.family === 'ipv4')
    await again.until('agent.ready')
    again.kill('SIGTERM')
    await again.ended
    assert.match(await release(), /removed rules table ip vtepd-vxlan/)
    const left = await listed(netns)
    assert.doesNotMatch(left, /vtepd-vxlan/)
    assert.match(left, /table ip flannel-ipv4/)
  },
)
