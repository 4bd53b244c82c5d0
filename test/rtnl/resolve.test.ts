/** "Which route reaches X", as the rules and every table of a real kernel have it. */
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { NetlinkError, parseIp, type RouteQuery, type Rtnl } from '../../lib/rtnl/index.ts'
import { kernelTests, type Netns } from '../support/netns.ts'
import { createDevice, createStage, ipBatch, linkNamed } from './support.ts'

/** A node: its underlay u0, its pods' bridge cni0, its device, and policy routing of several kinds. */
async function build(t: TestContext, netns: Netns, rtnl: Rtnl) {
  await createDevice(rtnl)
  const lines = [
    'link add u0 type veth peer name p0',
    'link set p0 up',
    'link set u0 up',
    'link add cni0 type bridge',
    'link set cni0 up',
    ...['192.0.2.1/24', '2001:db8::1/64'].map((ip) => `addr add ${ip} dev u0 ${ip.includes(':') ? 'nodad' : ''}`),
    ...['10.42.1.1/24', 'fd42:0:0:1::1/64'].map((ip) => `addr add ${ip} dev cni0 ${ip.includes(':') ? 'nodad' : ''}`),
  ]
  await ipBatch(t, netns, lines)
  for (const [flag, pods, subnet, length] of [
    ['-4', '10.42', '.0', 24],
    ['-6', 'fd42:0:0', '::', 64],
  ] as const) {
    const dot = flag === '-4' ? '.' : ':'
    const net = (n: number): string => `${pods}${dot}${n}${subnet}`
    const via = (n: number): string => (flag === '-4' ? `192.0.2.${n}` : `2001:db8::${n}`)
    const prefix = (n: number): string => `${net(n)}/${length}`
    const policy = [
      `route add ${prefix(2)} via ${net(2)} dev flannel.1 onlink mtu 1300`,
      ...['blackhole', 'unreachable', 'prohibit'].map((type, i) => `route add ${type} ${prefix(i + 3)}`),
      `rule add to ${prefix(6)} lookup 52`,
      `route add ${prefix(6)} via ${via(9)} table 52`,
      `rule add fwmark 9 lookup 70000`,
      `rule add ipproto udp dport 8472 lookup 70000`,
      `route add default via ${via(10)} table 70000`,
      `rule add iif cni0 to ${prefix(7)} prohibit`,
      `rule add to ${prefix(8)} unreachable`,
    ]
    await ipBatch(t, netns, policy, flag)
  }
  await netns.exec('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
  const [cni0, u0] = [(await linkNamed(rtnl, 'cni0')).ifindex, (await linkNamed(rtnl, 'u0')).ifindex]
  const names = new Map((await rtnl.dumpLinks()).value.map((link) => [link.ifindex, link.ifname]))
  return { cni0, u0, names }
}

for (const family of ['ipv4', 'ipv6'] as const)
  test(
    `rules, other tables, marks, ports and input links decide with the main table, ${family}`,
    kernelTests,
    async (t) => {
      const { rtnl, netns } = await createStage(t)
      const { cni0, u0, names } = await build(t, netns, rtnl)
      const isIpv4 = family === 'ipv4'
      const ask = async (dst: string, query: RouteQuery = {}): Promise<string> => {
        try {
          const { oif, gateway, source, table, mtu } = await rtnl.resolveRoute(parseIp(dst), query)
          const dev = oif === undefined ? 'none' : names.get(oif)
          return [dev, gateway ?? '-', source ?? '-', `table ${table}`, ...(mtu === undefined ? [] : [mtu])].join(' ')
        } catch (error) {
          assert.ok(error instanceof NetlinkError, String(error))
          assert.equal(error.op, 'route.resolve')
          return error.errnoName
        }
      }
      const pod = (n: number): string => (isIpv4 ? `10.42.${n}.7` : `fd42:0:0:${n}::7`)
      const far = isIpv4 ? '203.0.113.1' : '2001:db8:ff::1'
      const [own, hop9, hop10] = isIpv4
        ? (['192.0.2.1', '192.0.2.9', '192.0.2.10'] as const)
        : (['2001:db8::1', '2001:db8::9', '2001:db8::10'] as const)
      const forwarded = { iif: cni0, source: parseIp(pod(1)) }
      const [subnet2, address1] = isIpv4 ? ['10.42.2.0', '10.42.1.0'] : ['fd42:0:0:2::', 'fd42:0:0:1::']
      assert.equal(await ask(own), `lo - ${own} table 255`)
      assert.equal(await ask(pod(2)), `flannel.1 ${subnet2} ${address1} table 254 1300`)
      assert.equal(await ask(pod(2), forwarded), `flannel.1 ${subnet2} - table 254 1300`)
      for (const query of [{}, forwarded])
        assert.deepEqual(await Promise.all([3, 4, 5, 8].map((n) => ask(pod(n), query))), [
          'EINVAL',
          'EHOSTUNREACH',
          'EACCES',
          'ENETUNREACH',
        ])
      assert.equal(await ask(pod(6)), `u0 ${hop9} ${own} table 52`)
      assert.equal(await ask(pod(6), forwarded), `u0 ${hop9} - table 52`)
      assert.deepEqual([await ask(pod(7)), await ask(pod(7), forwarded)], ['ENETUNREACH', 'EACCES'])
      assert.equal(await ask(far), 'ENETUNREACH')
      assert.equal(await ask(far, { mark: 9 }), `u0 ${hop10} ${own} table 70000`)
      assert.equal(await ask(far, { udpPort: 53 }), 'ENETUNREACH')
      const outer = { udpPort: 8472, source: parseIp(own), oif: u0 }
      assert.equal(await ask(far, outer), `u0 ${hop10} ${isIpv4 ? '-' : own} table 70000`)
      assert.equal(await ask(pod(2), { iif: 9999 as never }), 'ENODEV')
    },
  )

test('an input link that does not accept the source, or does not forward, is an errno', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const { cni0 } = await build(t, netns, rtnl)
  const dst = parseIp('10.42.2.7')
  const martian = { iif: cni0, source: parseIp('127.0.0.1') }
  await assert.rejects(rtnl.resolveRoute(dst, martian), { errnoName: 'EINVAL' })
  await assert.rejects(rtnl.resolveRoute(dst, { iif: cni0 }), { errnoName: 'EINVAL' })
  await netns.exec('sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.cni0.rp_filter=1')
  const elsewhere = { iif: cni0, source: parseIp('192.0.2.77') }
  await assert.rejects(rtnl.resolveRoute(dst, elsewhere), ({ errnoName }: NetlinkError) =>
    ['EXDEV', 'EINVAL'].includes(errnoName),
  )
  await netns.exec('sysctl', '-qw', 'net.ipv4.ip_forward=0')
  const pod = { iif: cni0, source: parseIp('10.42.1.7') }
  await assert.rejects(rtnl.resolveRoute(dst, pod), { errnoName: 'EHOSTUNREACH' })
})

test('what cannot be asked is refused before the kernel is', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  const dst = parseIp('10.42.2.7')
  for (const query of [
    { source: parseIp('::1') },
    { mark: 0 },
    { mark: 2 ** 32 },
    { udpPort: 65536 },
    { oif: 0 as never },
  ])
    await assert.rejects(rtnl.resolveRoute(dst, query), RangeError, JSON.stringify(query))
})
