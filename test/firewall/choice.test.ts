import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseFilter } from '../../lib/firewall/choice.ts'
import type { RunProgram } from '../../lib/host/exec.ts'

interface Host {
  /** What `nft list tables FAMILY` prints; undefined: there is no nft. */
  readonly nft?: string | { readonly refused: string } | undefined
  readonly iptables?: readonly string[]
}

const hostRun =
  ({ nft, iptables = [] }: Host): RunProgram =>
  async (program, args) => {
    if (program === 'nft' && nft !== undefined)
      return typeof nft === 'string'
        ? { outcome: 'exited', status: 0, stdout: args.includes('ip') ? nft : '', stderr: '' }
        : { outcome: 'exited', status: 1, stdout: '', stderr: nft.refused }
    return iptables.includes(program)
      ? { outcome: 'exited', status: 0, stdout: 'iptables v1.8.9 (nf_tables)', stderr: '' }
      : { outcome: 'missing' }
  }

const BOTH = ['iptables', 'ip6tables']
const KUBE_PROXY = 'table ip filter\ntable ip kube-proxy\n'

for (const [name, host, enableNftables, kind, because] of [
  ['net-conf decides before all else', { nft: '', iptables: BOTH }, true, 'nftables', /EnableNFTables/],
  ['kube-proxy in nftables', { nft: KUBE_PROXY, iptables: BOTH }, false, 'nftables', /kube-proxy uses nftables/],
  [
    'kube-proxy elsewhere or not there yet',
    { nft: 'table ip filter\n', iptables: BOTH },
    false,
    'iptables',
    /iptables is there/,
  ],
  [
    'a table that is named nearly so',
    { nft: 'table ip kube-proxy-old\n', iptables: BOTH },
    false,
    'iptables',
    /is there/,
  ],
  [
    'an nft that refuses to tell',
    { nft: { refused: 'Operation not permitted' }, iptables: BOTH },
    false,
    'iptables',
    /is there/,
  ],
  ['no iptables', { nft: '' }, false, 'nftables', /there is no iptables/],
  ['neither', {}, false, 'nftables', /there is no iptables/],
] as const satisfies readonly (readonly [string, Host, boolean, string, RegExp])[])
  test(`where nobody says which tool: ${name}`, async () => {
    const choice = await chooseFilter('ipv4', { enableNftables, run: hostRun(host) })
    assert.equal(choice.kind, kind)
    assert.match(choice.because, because)
  })

test('each family is asked for by itself', async () => {
  const run = hostRun({ nft: KUBE_PROXY, iptables: ['iptables'] })
  assert.match((await chooseFilter('ipv6', { enableNftables: false, run })).because, /there is no ip6tables/)
})
