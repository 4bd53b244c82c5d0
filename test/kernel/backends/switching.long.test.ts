/**
 * net-conf becomes another one under two running agents: nothing of the old network stays in the kernel, and packets that need
 * not be lost are not.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { createPair, direct, type Families, netConf, startProbe, tunnelled } from './support/pair.ts'

const BOTH = ['ipv4', 'ipv6'] as const
const VXLAN = { Type: 'vxlan' }
const HOST_GW = { Type: 'host-gw' }

for (const families of [['ipv4'], ['ipv6'], BOTH] as const satisfies readonly Families[]) {
  const title = families.join(' and ')

  test(`${title}: host-gw makes plain routes, without a device, and needs no MAC addresses`, kernelTests, async (t) => {
    const pair = await createPair(t, { families, backend: HOST_GW, withLladdr: false })
    await pair.shows((_, peer) => direct(families, peer))
    await Promise.all(families.map((family) => startProbe(t, pair, family)))
    // Repaired like everything else.
    const { netns } = pair.a
    for (const family of families) {
      const [flag, subnet] = family === 'ipv4' ? ['-4', '10.42.2.0/24'] : ['-6', 'fd00:42:0:2::/64']
      await netns.exec('ip', flag, 'route', 'del', subnet)
    }
    await pair.shows((_, peer) => direct(families, peer))
  })

  test(
    `${title}: from vxlan to host-gw no packet is lost, and neither way does anything stay`,
    kernelTests,
    async (t) => {
      const pair = await createPair(t, { families, backend: VXLAN })
      await pair.shows((_, peer) => tunnelled(families, peer))
      const probes = await Promise.all(families.map((family) => startProbe(t, pair, family)))
      pair.follow(HOST_GW)
      await pair.shows((_, peer) => direct(families, peer))
      for (const probe of probes) assert.equal((await probe.finish()).lost, 0)
      // A packet may come before its receiver has its device, so that some are lost on the way back.
      pair.follow(VXLAN)
      await pair.shows((_, peer) => tunnelled(families, peer))
      await Promise.all(families.map((family) => startProbe(t, pair, family)))
    },
  )

  test(
    `${title}: another VNI: the new device stands with its entries before the old one goes`,
    kernelTests,
    async (t) => {
      const pair = await createPair(t, { families, backend: VXLAN })
      for (const vni of [4096, 1]) {
        const seen = pair.a.agent.lines.length
        pair.follow({ ...VXLAN, VNI: vni })
        await pair.shows((_, peer) => tunnelled(families, peer, { vni }))
        const lines = pair.a.agent.lines.slice(seen).map(({ event }) => event)
        assert.ok(
          lines.indexOf('peers.applied') >= 0 && lines.indexOf('peers.applied') < lines.indexOf('netconf.old-removed'),
        )
      }
      await startProbe(t, pair, families[0])
    },
  )
}

test('MTU, learning and direct routing change in place, and lose nothing', kernelTests, async (t) => {
  const pair = await createPair(t, { families: BOTH, backend: VXLAN })
  await pair.shows((_, peer) => tunnelled(BOTH, peer))
  const ifindex = async (): Promise<string> => await pair.a.netns.exec('cat', '/sys/class/net/flannel.1/ifindex')
  const before = await ifindex()
  const probes = await Promise.all(BOTH.map((family) => startProbe(t, pair, family)))
  pair.follow({ ...VXLAN, MTU: 1400 })
  await pair.shows((_, peer) => tunnelled(BOTH, peer, { mtu: { ipv4: 1350, ipv6: 1330 } }))
  pair.follow({ ...VXLAN, Learning: true })
  await pair.shows((_, peer) => tunnelled(BOTH, peer, { more: ' learning' }))
  pair.follow({ ...VXLAN, DirectRouting: true })
  await pair.shows((_, peer) => direct(BOTH, peer, 1))
  pair.follow(VXLAN)
  await pair.shows((_, peer) => tunnelled(BOTH, peer))
  for (const probe of probes) assert.equal((await probe.finish()).lost, 0)
  assert.equal(await ifindex(), before)
})

test('port and GBP need another device under the same name', kernelTests, async (t) => {
  const pair = await createPair(t, { families: BOTH, backend: VXLAN })
  pair.follow({ ...VXLAN, Port: 4789 })
  await pair.shows((_, peer) => tunnelled(BOTH, peer, { port: 4789 }))
  pair.follow({ ...VXLAN, GBP: true })
  await pair.shows((_, peer) => tunnelled(BOTH, peer, { more: ' gbp' }))
  pair.follow(VXLAN)
  await pair.shows((_, peer) => tunnelled(BOTH, peer))
  await startProbe(t, pair, 'ipv4')
})

test(
  'a net-conf that is broken, gone, of another backend or of another network is told, and nothing changes',
  kernelTests,
  async (t) => {
    const families = ['ipv4'] as const
    const { a } = await createPair(t, { families, backend: VXLAN })
    const before = tunnelled(families, 2)
    await a.shows(before)
    const told = async (event: string, text: string, write: () => void): Promise<void> => {
      const from = a.agent.lines.length
      write()
      await a.agent.until(event, ({ msg, level }) => level === 'warn' && msg.includes(text), from)
      assert.deepEqual(await a.overlay(), [...before].sort())
    }
    await told('netconf.broken', 'net-conf.json:1:', () => a.write('{"Network": '))
    await told('netconf.broken', 'Backend.Type', () => a.follow({ Type: 'wireguard' }))
    await told('netconf.unfit', "does not hold this node's podCIDR 10.42.1.0/24", () =>
      a.follow(VXLAN, { Network: '10.99.0.0/16' }),
    )
    a.follow({ ...VXLAN, MTU: 1400 })
    await a.shows(tunnelled(families, 2, { mtu: { ipv4: 1350 } }))
  },
)

test(
  'what another VNI or backend of an earlier run left goes when the agent starts with another one',
  kernelTests,
  async (t) => {
    const pair = await createPair(t, { families: BOTH, backend: VXLAN })
    const { a } = pair
    await a.shows(tunnelled(BOTH, 2))
    for (const [backend, lines] of [
      [{ ...VXLAN, VNI: 4096 }, tunnelled(BOTH, 2, { vni: 4096 })],
      [HOST_GW, direct(BOTH, 2)],
      [VXLAN, tunnelled(BOTH, 2)],
    ] as const) {
      a.agent.kill('SIGTERM')
      await a.agent.ended
      a.follow(backend)
      await a.restart()
      await a.shows(lines)
    }
  },
)

test('a device of another agent, whose subnet file is another one, stays when ours starts', kernelTests, async (t) => {
  const families = ['ipv4'] as const
  const { a } = await createPair(t, { families, backend: VXLAN })
  a.agent.kill('SIGTERM')
  await a.agent.ended
  a.follow({ ...VXLAN, VNI: 7 })
  const from = a.agent.lines.length
  await a.restart(`--subnet-file=${a.folder}/other.env`)
  await a.agent.until('agent.ready', () => true, 0)
  assert.ok(from >= 0)
  await a.shows([
    ...tunnelled(families, 2, { vni: 7 }),
    'link flannel.1 vni 1 port 8472 mtu 1450',
    'neighbour 10.42.2.0 dev flannel.1',
    'fdb 192.168.1.2 dev flannel.1',
  ])
})

test(
  'a family that net-conf switches on comes, and goes with its device when it is switched off',
  kernelTests,
  async (t) => {
    const pair = await createPair(t, { families: BOTH, backend: VXLAN })
    const only = ['ipv4'] as const
    pair.follow(VXLAN, netConf(only, VXLAN))
    await pair.shows((_, peer) => tunnelled(only, peer))
    pair.follow(VXLAN)
    await pair.shows((_, peer) => tunnelled(BOTH, peer))
  },
)
