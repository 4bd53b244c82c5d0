/** A real agent on a host whose settings cut pods off: forwarding off, strict rp_filter, a default route from advertisements. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { createAgentFolder, startAgentProcess } from '../support/agent-process.ts'
import { withoutPython } from '../support/datagram-receiver.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'

/** One router advertisement with a prefix for addresses, to every node of the link (RFC 4861, 4.2 and 4.6.2). */
const ADVERTISE = `
import socket, struct, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
link = socket.if_nametoindex(sys.argv[1])
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
ra = struct.pack('!BBHBBHII', 134, 0, 0, 64, 0, 1800, 0, 0)
prefix = struct.pack('!BBBBIII', 3, 4, 64, 0xc0, 3600, 1800, 0) + socket.inet_pton(socket.AF_INET6, '2001:db8:7::')
s.sendto(ra + prefix, ('ff02::1', 0, 0, link))
`

/** Prints what the health server answers to the path that is given. */
const FETCH =
  "fetch('http://127.0.0.1:18081' + process.argv[1]).then(async (it) => process.stdout.write(await it.text()))"

async function until(check: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; !(await check()); tries += 1) {
    if (tries > 1000) throw new Error(`never: ${what}`)
    await new Promise<void>((resolve) => setTimeout(resolve, 10))
  }
}

async function createHost(
  t: TestContext,
): Promise<{ host: Netns; router: Netns; sysctl: (key: string) => Promise<string> }> {
  const [host, router] = [await createNetns(t, 'host'), await createNetns(t, 'router')]
  await host.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'far0', 'netns', router.name)
  await host.exec('ip', 'link', 'set', 'mgmt0', 'up')
  await router.exec('ip', 'link', 'set', 'far0', 'up')
  await router.exec('ip', 'address', 'add', 'fe80::1/64', 'dev', 'far0', 'nodad')
  await host.exec('ip', 'address', 'add', '192.168.1.1/24', 'dev', 'mgmt0')
  await host.exec('ip', 'address', 'add', 'fd00:1::1/64', 'dev', 'mgmt0', 'nodad')
  const sysctl = async (key: string): Promise<string> => (await host.exec('cat', `/proc/sys/net/${key}`)).trim()
  return { host, router, sysctl }
}

function startAgent(t: TestContext, host: Netns, flags: readonly string[] = []) {
  const folder = createAgentFolder({
    Network: '10.42.0.0/16',
    IPv6Network: 'fd00:42::/48',
    EnableIPv6: true,
  })
  const leases = path.join(folder.path, 'leases.json')
  const subnets = { ipv4: { subnet: '10.42.1.0/24' }, ipv6: { subnet: 'fd00:42:0:1::/64' } }
  writeFileSync(leases, JSON.stringify([{ name: 'us', ...subnets }]))
  return startAgentProcess(t, host, 'us', [...folder.flags, `--leases=${leases}`, '--iface=mgmt0', ...flags])
}

test('forwarding and a loose rp_filter are set, and a default route by advertisements is not lost over that', {
  skip: kernelTests.skip || withoutPython(),
}, async (t) => {
  const { host, router, sysctl } = await createHost(t)
  const set = (key: string, value: string) => host.exec('sh', '-c', `echo ${value} > /proc/sys/net/${key}`)
  await set('ipv4/ip_forward', '0')
  await set('ipv4/conf/all/rp_filter', '1')
  await set('ipv6/conf/all/forwarding', '0')
  const routes = (): Promise<string> => host.exec('ip', '-6', 'route', 'show', 'default', 'proto', 'ra')
  await until(async () => {
    await router.exec('python3', '-c', ADVERTISE, 'far0')
    return (await routes()) !== ''
  }, 'a default route by advertisements')

  const agent = startAgent(t, host)
  await agent.until('agent.ready')
  assert.equal(await sysctl('ipv4/ip_forward'), '1')
  assert.equal(await sysctl('ipv6/conf/all/forwarding'), '1')
  assert.equal(await sysctl('ipv6/conf/mgmt0/accept_ra'), '2')
  assert.match(await routes(), /^default via fe80::/)
  await until(async () => (await sysctl('ipv4/conf/flannel.1/rp_filter')) === '2', 'a loose rp_filter')
  assert.equal(await sysctl('ipv4/conf/all/rp_filter'), '1')
  assert.equal(await sysctl('ipv4/conf/mgmt0/rp_filter'), '0', 'no other link is touched')

  for (const key of ['ipv4/ip_forward', 'ipv4/conf/flannel.1/forwarding']) {
    await set(key, '0')
    await until(async () => (await sysctl(key)) === '1', `${key} is set again`)
  }
})

test('with --host-sysctls=warn forwarding stays off, is named, and makes unready until somebody sets it', {
  skip: kernelTests.skip,
}, async (t) => {
  const { host, sysctl } = await createHost(t)
  for (const key of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'])
    await host.exec('sh', '-c', `echo 0 > /proc/sys/net/${key}`)
  const agent = startAgent(t, host, ['--host-sysctls=warn', '--healthz-port=18081'])
  const [before] = await Promise.all([
    agent.until('host.forwarding', ({ msg }) => msg.includes('sysctl -w net.ipv4.ip_forward=1')),
    agent.until('host.forwarding', ({ msg }) => msg.includes('sysctl -w net.ipv6.conf.all.forwarding=1')),
  ])
  assert.equal(before.level, 'warn')
  const ask = (url: string): Promise<string> => host.exec(process.execPath, '-e', FETCH, url)
  assert.equal(await ask('/readyz'), 'flanneld is not ready yet')
  assert.match(await ask('/readyz?verbose'), /^\[-\]forwarding failed: net\.ipv4\.ip_forward is 0, /m)
  assert.equal(await sysctl('ipv4/ip_forward'), '0')
  for (const key of ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'])
    await host.exec('sh', '-c', `echo 1 > /proc/sys/net/${key}`)
  await agent.until('agent.ready')
  const lines = (await ask('/readyz?verbose')).split('\n')
  assert.equal(lines[0], 'flanneld is ready')
  for (const name of ['device', 'tables', 'way', 'watch', 'lease', 'cni', 'forwarding'])
    assert.ok(lines.includes(`[+]${name} ok`), name)
})
