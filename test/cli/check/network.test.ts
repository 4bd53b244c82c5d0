/** What stands in the way of the overlay, on a real kernel; and the command as a user calls it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Finding } from '../../../lib/cli/check/finding.ts'
import { ENTRY } from '../../support/agent-process.ts'
import { createNetns, kernelTests, type Netns, type Scope } from '../../support/netns.ts'

async function createHost(t: Scope) {
  const netns = await createNetns(t, 'check')
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-check-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(
    path.join(folder, 'net-conf.json'),
    JSON.stringify({ Network: '10.42.0.0/16', Backend: { Type: 'vxlan' } }),
  )
  return { netns, folder }
}

function check(
  netns: Netns,
  folder: string,
  ...words: readonly string[]
): Promise<{ status: number; findings: readonly Finding[]; stdout: string }> {
  const flags = [`--leases=${folder}/leases.json`, `--net-config-path=${folder}/net-conf.json`, ...words]
  return new Promise((resolve) => {
    const argv = ['netns', 'exec', netns.name, process.execPath, ENTRY, 'check', ...flags]
    execFile('ip', argv, { env: { ...process.env, NODE_NAME: 'a' } }, (error, stdout) => {
      const findings = words.includes('--json') ? (JSON.parse(stdout) as { findings: readonly Finding[] }).findings : []
      resolve({ status: error === null ? 0 : Number(error.code), findings, stdout })
    })
  })
}

test('a host without an address is told so, one with an address and room is not', kernelTests, async (t) => {
  const { netns, folder } = await createHost(t)
  const bare = await check(netns, folder, '--iface=mgmt0')
  assert.equal(bare.status, 1)
  assert.match(
    bare.stdout,
    /^PREVENTS +underlay +IPv4: no interface is named mgmt0 \(--iface\)\n +→ name the interface/m,
  )
  assert.match(bare.stdout, /things? prevents? an agent here\.\n$/)
  await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0')
  for (const link of ['mgmt0', 'far0']) await netns.exec('ip', 'link', 'set', link, 'up')
  await netns.exec('ip', 'address', 'add', '192.168.7.1/24', 'dev', 'mgmt0')
  const { findings } = await check(netns, folder, '--iface=mgmt0', '--json')
  const of = (about: string) =>
    findings.filter((one) => one.about === about).map(({ verdict, found }) => `${verdict}: ${found}`)
  assert.deepEqual(of('underlay'), ['fine: IPv4: 192.168.7.1 on mgmt0, MTU 1500, 1450 for pods'])
  assert.deepEqual(of('device'), ['fine: flannel.1 can be made (VNI 1, UDP port 8472)'])
  assert.deepEqual(of('networks'), ['fine: no link has an address inside the overlay’s network'])
  assert.doesNotMatch(await netns.exec('ip', 'link'), /flannel/, 'nothing is made to find that out')
})

test(
  'another holder of VNI and port, a metadata device and an overlapping network are each named with their remedy',
  kernelTests,
  async (t) => {
    const { netns, folder } = await createHost(t)
    const findings = async () => (await check(netns, folder, '--json')).findings
    await netns.exec('ip', 'link', 'add', 'other0', 'type', 'vxlan', 'id', '1', 'local', '127.0.0.1', 'dstport', '8472')
    const held = (await findings()).find(({ about }) => about === 'device')
    assert.deepEqual([held?.verdict, held?.remedy?.includes('ip link delete other0')], ['prevents', true])
    await netns.exec('ip', 'link', 'del', 'other0')
    await netns.exec('ip', 'link', 'add', 'cilium_vxlan', 'type', 'vxlan', 'external', 'dstport', '8472')
    assert.match(
      (await findings()).find(({ about }) => about === 'device')?.found ?? '',
      /cilium_vxlan takes all VXLAN packets on port 8472/,
    )
    await netns.exec('ip', 'link', 'add', 'docker0', 'type', 'bridge')
    await netns.exec('ip', 'address', 'add', '10.42.9.1/24', 'dev', 'docker0')
    const taken = (await findings()).find(({ about }) => about === 'networks')
    assert.deepEqual([taken?.verdict, taken?.found.startsWith('docker0 has 10.42.9.1/24')], ['warns', true])
  },
)

test('a wrong configuration is a finding; a wrong flag is a wrong call', kernelTests, async (t) => {
  const { netns, folder } = await createHost(t)
  writeFileSync(path.join(folder, 'net-conf.json'), '{"Network": "10.42.0.0/99"}')
  const { status, findings } = await check(netns, folder, '--json')
  const wrong = findings.find(({ about }) => about === 'configuration')
  assert.deepEqual([status, wrong?.verdict], [1, 'prevents'])
  assert.match(wrong?.found ?? '', /10\.42\.0\.0\/99/)
  assert.equal((await check(netns, folder, '--banana')).status, 2)
})

test(
  'a rule that drops VXLAN prevents, one that drops pods warns, each with the command that lets them through',
  kernelTests,
  async (t) => {
    const { netns, folder } = await createHost(t)
    const of = async () => (await check(netns, folder, '--json')).findings.filter(({ about }) => about === 'firewall')
    assert.deepEqual(
      (await of()).map(({ verdict }) => verdict),
      ['fine'],
    )
    await netns.exec('nft', 'add', 'table', 'inet', 'shop')
    await netns.exec(
      'nft',
      'add',
      'chain',
      'inet',
      'shop',
      'in',
      '{ type filter hook input priority 0; policy accept; }',
    )
    await netns.exec('nft', 'add', 'rule', 'inet', 'shop', 'in', 'udp', 'dport', '8472', 'drop')
    await netns.exec(
      'nft',
      'add',
      'chain',
      'inet',
      'shop',
      'through',
      '{ type filter hook forward priority 0; policy drop; }',
    )
    const found = await of()
    assert.deepEqual(found.map(({ verdict }) => verdict).sort(), ['prevents', 'warns'])
    assert.match(
      found.find(({ verdict }) => verdict === 'prevents')?.remedy ?? '',
      /^nft insert rule inet shop in position \d+ udp dport 8472 accept/,
    )
  },
)
