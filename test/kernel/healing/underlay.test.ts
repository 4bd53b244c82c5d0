/**
 * Which address and interface carry the overlay when several could, and IPv6 addresses of every kind: the choice is
 * followed in place, and published once it stands.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { startApiServer } from '../../../lib/lab/api-server/api-server.ts'
import { startAgentProcess } from '../../support/agent-process.ts'
import { kernelTests } from '../../support/netns.ts'
import { runProgram } from '../../support/run-program.ts'
import { claimOf } from './support/cluster.ts'
import { createHealthyHost, createHost, type Host } from './support/host.ts'

test('an interface that loses its address gives way to the next one, and no entry is lost', kernelTests, async (t) => {
  for (const pinned of [false, true]) {
    const choice = ['--iface=mgmt0', '--iface=mgmt1']
    const host = await createHealthyHost(t, { families: ['ipv4', 'ipv6'], pinned, choice })
    await host.buildParent({ name: 'mgmt1', addresses: ['192.168.7.1/24', 'fd00:7::1/64'] })
    const first = host.expected
    const seen = await host.events.caughtUp()
    await host.ip('address flush dev mgmt0')
    host.expected = {
      ...first,
      underlay: { ipv4: '192.168.7.1', ipv6: 'fd00:7::1' },
      parents: pinned ? { ipv4: 'mgmt1', ipv6: 'mgmt1' } : {},
    }
    await host.ready()
    assert.deepEqual(await lostEntries(host, seen), [])
  }
})

test(
  'each family may live on an interface of its own, and does not notice what happens to the other',
  kernelTests,
  async (t) => {
    const host = await createHost(t, { families: ['ipv4', 'ipv6'], choice: [] })
    const four = async (): Promise<void> => {
      await host.buildParent({ addresses: ['172.16.0.1/12'] })
      await host.ip('route add default via 172.16.0.254 dev mgmt0 proto kernel')
    }
    await four()
    await host.buildParent({ name: 'mgmt6', addresses: ['fd00:6::1/64'] })
    await host.ip('route add default via fd00:6::fe dev mgmt6 proto kernel')
    host.expected = { ...host.expected, underlay: { ipv4: '172.16.0.1', ipv6: 'fd00:6::1' } }
    host.start()
    await host.ready()
    const seen = await host.events.caughtUp()
    await host.ip('link del mgmt0')
    await host.agent.until('underlay.waiting', (line) => line.family === 'ipv4')
    await four()
    await host.ready()
    const touched = (await host.events.since(seen)).filter(
      (line) => line.includes('flannel-v6.1') && !line.includes('fe80:'),
    )
    assert.deepEqual(touched, [])
  },
)

test(
  'a better default route is followed soon after the start, and its end is no reason to leave the address',
  kernelTests,
  async (t) => {
    const host = await createHost(t, { families: ['ipv4'], choice: [] })
    await host.buildParent()
    await host.buildParent({ name: 'mgmt1', addresses: ['192.168.7.1/24'] })
    await host.ip('route add default via 172.16.0.254 dev mgmt0 proto kernel metric 100')
    host.start()
    await host.ready()
    const seen = await host.events.caughtUp()
    await host.ip('route add default via 192.168.7.254 dev mgmt1 proto kernel metric 50')
    host.expected = { ...host.expected, underlay: { ipv4: '192.168.7.1' } }
    await host.ready()
    await host.ip('route del default via 192.168.7.254 dev mgmt1 proto kernel metric 50')
    // What is looked at after a change: another one, which is undone.
    await host.ip('link set flannel.1 mtu 1400')
    await host.ready()
    assert.deepEqual(await lostEntries(host, seen), [])
  },
)

test('an IPv6 address is used once it is no longer tentative', kernelTests, async (t) => {
  const host = await createHealthyHost(t, { families: ['ipv6'] })
  await host.ip('link del mgmt0')
  await host.agent.until('underlay.waiting')
  const seen = host.agent.lines.length
  await host.buildParent({ addresses: [] })
  await host.ip('address add fd00:1::1/64 dev mgmt0')
  await host.agent.until('underlay.waiting', ({ msg }) => /fd00:1::1 is (still )?tentative/.test(msg), seen)
  await host.ready()
  const [mgmt] = JSON.parse(
    await host.netns.exec('ip', '-j', '-6', 'address', 'show', 'dev', 'mgmt0', 'tentative'),
  ) as {
    addr_info?: { local: string }[]
  }[]
  assert.ok(!mgmt?.addr_info?.some(({ local }) => local === 'fd00:1::1'))
})

test('an IPv6 address that is deprecated gives way to one that is not', kernelTests, async (t) => {
  const host = await createHealthyHost(t, { families: ['ipv6'] })
  const first = host.expected
  await host.ip('address add fd00:1::2/64 dev mgmt0 nodad')
  await host.ip('address change fd00:1::1/64 dev mgmt0 preferred_lft 0 valid_lft forever')
  host.expected = { ...first, underlay: { ipv6: 'fd00:1::2' } }
  await host.ready()
  await host.ip(
    'address change fd00:1::1/64 dev mgmt0 preferred_lft forever valid_lft forever',
    'address del fd00:1::2/64 dev mgmt0',
  )
  host.expected = first
  await host.ready()
})

test('a temporary IPv6 address is not taken while there is a lasting one', kernelTests, async (t) => {
  const host = await createHost(t, { families: ['ipv6'] })
  await host.buildParent({ addresses: [] })
  await host.netns.exec('sh', '-c', 'echo 2 > /proc/sys/net/ipv6/conf/mgmt0/use_tempaddr')
  await host.ip('address add fd00:1::1/64 dev mgmt0 nodad mngtmpaddr')
  const temporary = async (): Promise<boolean> =>
    (await host.netns.exec('ip', '-6', 'address', 'show', 'dev', 'mgmt0', 'temporary', '-tentative')).includes(
      'fd00:1:',
    )
  for (let at = 0; !(await temporary()); at = host.events.lines.length) await host.events.more(at, 1000)
  host.start()
  await host.ready()
})

test('a changed underlay address is followed and published to the Node', kernelTests, async (t) => {
  const host = await createHost(t, { families: ['ipv4'] })
  await host.buildParent()
  await host.netns.exec(
    'ip',
    'link',
    'add',
    'kube0',
    'type',
    'veth',
    'peer',
    'name',
    `k${process.pid}`,
    'netns',
    `${process.pid}`,
  )
  await host.ip('address add 198.18.0.2/30 dev kube0', 'link set kube0 up')
  for (const line of [`address add 198.18.0.1/30 dev k${process.pid}`, `link set k${process.pid} up`])
    await runProgram('ip', line.split(' '))
  const server = await startApiServer({ host: '198.18.0.1' })
  t.after(() => server.close())
  server.nodes.create({
    metadata: { name: 'us' },
    spec: { podCIDR: claimOf('ipv4', 1).subnet, podCIDRs: [claimOf('ipv4', 1).subnet] },
  })
  const kubeconfig = path.join(host.folder.path, 'kubeconfig')
  writeFileSync(kubeconfig, server.kubeconfig())
  const flags = [...host.folder.flags, `--kubeconfig-file=${kubeconfig}`, '--iface=mgmt0', '--healthz-port=0']
  const agent = startAgentProcess(t, host.netns, 'us', flags)
  await agent.until('agent.ready')
  const published = (): string | undefined =>
    server.nodes.get('us')?.metadata.annotations?.['flannel.alpha.coreos.com/public-ip']
  const follows = async (address: string): Promise<void> => {
    const device = async (): Promise<string> => await host.netns.exec('ip', '-d', 'link', 'show', 'dev', 'flannel.1')
    for (;;) {
      if (published() === address && (await device()).includes(`local ${address} `)) return
      await host.events.more(host.events.lines.length, 50)
    }
  }
  await follows('172.16.0.1')
  await host.ip('address add 192.168.9.9/24 dev mgmt0', 'address del 172.16.0.1/12 dev mgmt0')
  await follows('192.168.9.9')
})

async function lostEntries(host: Host, seen: number): Promise<string[]> {
  return (await host.events.since(seen)).filter((line) => line.startsWith('Deleted') && / flannel(-v6)?\.1 /.test(line))
}
