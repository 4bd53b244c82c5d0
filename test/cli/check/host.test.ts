import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkFiles } from '../../../lib/cli/check/files.ts'
import type { CheckHost, Finding, Verdict } from '../../../lib/cli/check/finding.ts'
import { checkKernel } from '../../../lib/cli/check/kernel.ts'
import { checkManagers } from '../../../lib/cli/check/managers.ts'
import { checkPorts } from '../../../lib/cli/check/ports.ts'
import { checkSettings } from '../../../lib/cli/check/settings.ts'

const ALL_RIGHTS = 'CapEff:\t000001ffffffffff\n'

/** A host of these files; folders are what their paths say. */
function hostOf(files: Readonly<Record<string, string>>, rest: Partial<CheckHost> = {}): CheckHost {
  return {
    readText: async (file) => files[file],
    list: async (folder) => [
      ...new Set(
        Object.keys(files)
          .filter((file) => file.startsWith(`${folder}/`))
          .map((file) => file.slice(folder.length + 1).split('/')[0] ?? ''),
      ),
    ],
    has: async () => true,
    roomIn: async () => ({ writable: true, freeBytes: 1 << 20 }),
    release: '6.1.0-25-amd64',
    ...rest,
  }
}

function verdicts(findings: readonly Finding[]): readonly (readonly [string, Verdict])[] {
  return findings.map(({ about, verdict }) => [about, verdict])
}

test('VXLAN is found loaded, built in, or as a module of any compression; else the package of the distribution is named', async () => {
  const vxlanOf = async (files: Readonly<Record<string, string>>) =>
    (await checkKernel(hostOf(files))).find(({ about }) => about === 'vxlan')
  const lib = '/lib/modules/6.1.0-25-amd64'
  for (const files of [
    { '/proc/modules': 'vxlan 139264 0 - Live 0x0\n' },
    { [`${lib}/modules.builtin`]: 'kernel/drivers/net/vxlan/vxlan.ko\n' },
    { [`${lib}/kernel/drivers/net/vxlan/vxlan.ko.xz`]: '' },
    { [`${lib}/kernel/drivers/net/vxlan.ko`]: '' },
  ])
    assert.equal((await vxlanOf(files))?.verdict, 'fine', JSON.stringify(files))
  const bare = { [`${lib}/modules.builtin`]: '', '/etc/os-release': 'ID=ubuntu\n' }
  const lacks = await vxlanOf(bare)
  assert.deepEqual([lacks?.verdict, lacks?.remedy], ['prevents', 'apt-get install linux-modules-extra-$(uname -r)'])
  assert.equal((await vxlanOf({}))?.verdict, 'unknown', 'a container that has no /lib/modules')
})

test('a kernel that is too old, and rights that are missing, are told apart by what they prevent', async () => {
  const rights = async (effective: string) =>
    verdicts(await checkKernel(hostOf({ '/proc/self/status': `CapEff:\t${effective}\n` }))).filter(
      ([about]) => about === 'rights',
    )
  assert.deepEqual(await rights('0000000000003000'), [
    ['rights', 'fine'],
    ['rights', 'fine'],
  ])
  assert.deepEqual(await rights('0000000000001000'), [
    ['rights', 'fine'],
    ['rights', 'warns'],
  ])
  assert.deepEqual(await rights('0000000000000000'), [
    ['rights', 'prevents'],
    ['rights', 'warns'],
  ])
  const kernel = async (release: string) =>
    (await checkKernel(hostOf({ '/proc/self/status': ALL_RIGHTS }, { release }))).find(
      ({ about }) => about === 'kernel',
    )?.verdict
  assert.deepEqual(
    [await kernel('4.18.0-553.el8'), await kernel('5.4.0'), await kernel('5.10.0-32'), await kernel('7.0.1')],
    ['warns', 'fine', 'fine', 'fine'],
  )
})

test('who looks after interfaces is named only where it runs, and is fine where it leaves ours alone', async () => {
  assert.deepEqual(verdicts(await checkManagers(hostOf({}))), [['managers', 'fine']])
  const running = {
    '/run/NetworkManager/devices/2': '',
    '/run/systemd/netif/links/2': '',
    '/run/dhcpcd/pid': '',
  }
  assert.deepEqual(verdicts(await checkManagers(hostOf(running))), [
    ['NetworkManager', 'warns'],
    ['systemd-networkd', 'warns'],
    ['dhcpcd', 'warns'],
  ])
  const kept = {
    ...running,
    '/etc/NetworkManager/conf.d/vtepd.conf': '[keyfile]\nunmanaged-devices+=interface-name:flannel.*\n',
    '/etc/systemd/network/05-vtepd.network': '[Match]\nName=flannel.*\n[Link]\nUnmanaged=yes\n',
    '/etc/dhcpcd.conf': 'denyinterfaces veth* flannel* cni*\n',
  }
  assert.deepEqual(verdicts(await checkManagers(hostOf(kept))), [
    ['NetworkManager', 'fine'],
    ['systemd-networkd', 'fine'],
    ['dhcpcd', 'fine'],
  ])
  const others = { ...running, '/etc/NetworkManager/conf.d/docker.conf': 'unmanaged-devices=interface-name:docker*\n' }
  assert.equal((await checkManagers(hostOf(others)))[0]?.verdict, 'warns')
})

test('each sysctl that is off is set by the agent, or named with its command where it is not to; IPv6 that is off prevents', async () => {
  const files = {
    '/proc/sys/net/ipv4/ip_forward': '0\n',
    '/proc/sys/net/bridge/bridge-nf-call-iptables': '1\n',
    '/proc/sys/net/ipv6/conf/default/disable_ipv6': '1\n',
  }
  const set = await checkSettings(hostOf(files), ['ipv4'], { sets: true, firewall: 'auto' })
  assert.deepEqual(verdicts(set), [
    ['sysctl', 'fine'],
    ['sysctl', 'fine'],
    ['packet filter', 'fine'],
  ])
  const named = await checkSettings(hostOf(files), ['ipv4', 'ipv6'], { sets: false, firewall: 'auto' })
  assert.deepEqual(verdicts(named), [
    ['IPv6', 'prevents'],
    ['sysctl', 'warns'],
    ['sysctl', 'fine'],
    ['sysctl', 'warns'],
    ['sysctl', 'warns'],
    ['packet filter', 'fine'],
  ])
  assert.match(named[1]?.remedy ?? '', /^sysctl -w net\.ipv4\.ip_forward=1/)
  assert.match(named[4]?.remedy ?? '', /modprobe br_netfilter/)
})

test('a packet filter tool that is to be used and is not there prevents', async () => {
  const filter = async (firewall: string, ...there: readonly string[]) =>
    (
      await checkSettings(hostOf({}, { has: async (program) => there.includes(program) }), ['ipv4'], {
        sets: true,
        firewall,
      })
    ).at(-1)?.verdict
  assert.equal(await filter('auto'), 'prevents')
  assert.equal(await filter('auto', 'nft'), 'fine')
  assert.equal(await filter('auto', 'iptables'), 'fine')
  assert.equal(await filter('nftables', 'iptables'), 'prevents')
  assert.equal(await filter('iptables', 'nft'), 'prevents')
  assert.equal(await filter('none'), 'fine')
})

const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n'
const socketLine = (local: string, state: string, inode: number): string =>
  `${HEADER}  12: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 ${inode} 2 0 0\n`

test("a program at the VXLAN port prevents; the kernel's own socket there, and a health port or that of probes that is taken, do not", async () => {
  const found = async (files: Readonly<Record<string, string>>) =>
    verdicts(await checkPorts(hostOf(files), ['ipv4'], { vxlan: 8472, health: 8081, mesh: 8473 }))
  assert.deepEqual(await found({}), [['ports', 'fine']])
  assert.deepEqual(await found({ '/proc/net/udp': socketLine('00000000:2118', '07', 0) }), [['ports', 'fine']])
  assert.deepEqual(await found({ '/proc/net/udp': socketLine('00000000:2118', '07', 4711) }), [['ports', 'prevents']])
  assert.deepEqual(await found({ '/proc/net/tcp': socketLine('0100007F:1F91', '0A', 4711) }), [
    ['ports', 'fine'],
    ['ports', 'warns'],
  ])
  assert.deepEqual(await found({ '/proc/net/udp': socketLine('0A2A0100:2119', '07', 4711) }), [
    ['ports', 'fine'],
    ['ports', 'warns'],
  ])
})

test('folders without room or without the right to write prevent, and the first CNI configuration has to be ours', async () => {
  const places = { subnetFile: '/run/flannel/subnet.env', stateDir: '/var/lib/vtepd' }
  const found = async (files: Readonly<Record<string, string>>, rest: Partial<CheckHost> = {}) =>
    verdicts(await checkFiles(hostOf(files, rest), places))
  const ours = { '/etc/cni/net.d/10-flannel.conflist': '{"plugins": [{"type": "flannel"}]}' }
  const fine = ['files', 'fine'] as const
  assert.deepEqual(await found(ours), [fine, fine, ['CNI', 'fine']])
  assert.deepEqual(await found({ ...ours, '/etc/cni/net.d/05-cilium.conflist': '{"type": "cilium-cni"}' }), [
    fine,
    fine,
    ['CNI', 'warns'],
  ])
  assert.deepEqual(await found({}), [fine, fine, ['CNI', 'warns']])
  const full = await found(ours, { roomIn: async () => ({ writable: true, freeBytes: 0 }) })
  assert.deepEqual(full.slice(0, 1), [['files', 'prevents']])
  const readOnly = await found(ours, { roomIn: async () => ({ writable: false, freeBytes: 1 }) })
  assert.deepEqual(readOnly.slice(0, 1), [['files', 'prevents']])
  assert.deepEqual((await found(ours, { roomIn: async () => undefined }))[0], fine)
})
