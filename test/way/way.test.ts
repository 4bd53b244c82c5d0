/** What the kernel answers for a few peers, and the faults that it means: which rule, table and device, and whether it stops packets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hostAt, parseCidr } from '../../lib/net/cidr.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { checkHost, type HostFacts, podLinkOf } from '../../lib/way/host-checks.ts'
import { type Answer, judgeWay, type PeerWay, type WayFacts } from '../../lib/way/way.ts'
import { vxlanLink } from '../device/support.ts'
import { ruleOf } from '../overlay/support/cluster.ts'
import { addressOf, linkOf } from '../overlay/support/host.ts'

const DEVICE = 7
const ETH0 = 2
const LINKS = [
  linkOf(1, 'lo', { loopback: true, mtu: 65536 }),
  linkOf(ETH0, 'eth0'),
  linkOf(3, 'eth1', { mtu: 1400 }),
  linkOf(4, 'tailscale0', { kind: 'tun', mtu: 1280 }),
  linkOf(5, 'wg0', { kind: 'wireguard', mtu: 1420 }),
  linkOf(6, 'cni0', { kind: 'bridge' }),
  linkOf(DEVICE, 'flannel.1', { kind: 'vxlan', mtu: 1450 }),
]

const through = (oif: number, table = 254, mtu?: number): Answer => ({
  oif: parseIfindex(oif),
  table,
  mtu,
  gateway: undefined,
  source: undefined,
})
const refused = (errno: string): Answer => ({ refused: errno })

const OWN = { source: undefined, iif: undefined, oif: undefined }

interface Answers {
  readonly forwarded?: Answer | undefined
  readonly host?: Answer
  readonly outer?: Answer
}

function peer(index: number, answers: Answers = {}): PeerWay {
  const subnet = parseCidr(`10.42.${index}.0/24`)
  const underlay = parseIp(`192.168.0.${index}`)
  const { forwarded, host, outer } = {
    forwarded: through(DEVICE),
    host: through(DEVICE),
    outer: through(ETH0),
    ...answers,
  }
  const dst = hostAt(subnet, 2)
  return {
    node: `node${index}`,
    subnet,
    underlay,
    forwarded: forwarded && { packet: { ...OWN, dst, source: parseIp('10.42.1.2'), iif: 'cni0' }, answer: forwarded },
    host: { packet: { ...OWN, dst }, answer: host },
    outer: { packet: { ...OWN, dst: underlay, source: parseIp('192.168.0.1') }, answer: outer },
  }
}

function facts(peers: readonly PeerWay[], change: Partial<WayFacts> = {}): WayFacts {
  return {
    family: 'ipv4',
    device: {
      ifindex: parseIfindex(DEVICE),
      ifname: 'flannel.1',
      lladdr: parseLladdr('12:00:00:00:00:01'),
      mtu: 1450,
      local: parseIp('192.168.0.1'),
      pinned: false,
      overlay: parseIp('10.42.1.0'),
    },
    underlay: {
      ifindex: parseIfindex(ETH0),
      ifname: 'eth0',
      lladdr: undefined,
      mtu: 1500,
      local: parseIp('192.168.0.1'),
      publicIp: parseIp('192.168.0.1'),
      standsIn: false,
    },
    udpPort: 8472,
    network: parseCidr('10.42.0.0/16'),
    directRouting: false,
    links: LINKS,
    rules: [],
    peers,
    own: {
      subnet: parseCidr('10.42.1.0/24'),
      link: LINKS.find(({ ifname }) => ifname === 'cni0'),
      asked: { packet: { dst: parseIp('10.42.1.2'), ...OWN }, answer: through(6) },
    },
    ...change,
  }
}

const said = (given: WayFacts): string[] =>
  judgeWay(given).map(({ name, stops, sentence }) => `${name} ${stops ? 'stops' : 'warns'}: ${sentence}`)

test('a way as it should be has no fault; without peers there is nothing to say', () => {
  assert.deepEqual(said(facts([peer(2), peer(3), peer(4, { forwarded: undefined })])), [])
  assert.deepEqual(said(facts([])), [])
})

test('a policy rule that catches pods’ packets before main is named with its priority, table and device', () => {
  const [fault] = said(
    facts([peer(2, { forwarded: through(4, 52) }), peer(3, { forwarded: through(4, 52) })], {
      rules: [
        ruleOf({ priority: 0, table: 255 }),
        ruleOf({ priority: 5270, table: 52 }),
        ruleOf({ priority: 32766, table: 254 }),
      ],
    }),
  )
  assert.match(
    fault ?? '',
    /^way\.inner stops: packets of pods to 10\.42\.2\.0\/24 \(node2\) leave through tailscale0 \(table 52, by the policy rule of priority 5270\) instead of flannel\.1: add a rule before it, as `ip rule add to 10\.42\.0\.0\/16 priority 5260 lookup main`/,
  )
})

test('the host’s own packets that go astray are told apart from pods’', () => {
  const [fault] = said(facts([peer(2, { host: through(ETH0) })]))
  assert.match(
    fault ?? '',
    /^way\.inner stops: packets of this host to 10\.42\.2\.0\/24 \(node2\) leave through eth0 instead/,
  )
})

test('with direct routing the peer’s own link is a way too, any other is not', () => {
  const direct = peer(2, { forwarded: through(ETH0), host: through(ETH0) })
  assert.deepEqual(said(facts([direct], { directRouting: true })), [])
  assert.match(said(facts([direct])).join(), /way\.inner/)
  assert.match(said(facts([peer(2, { host: through(3) })], { directRouting: true })).join(), /way\.inner/)
})

test('unreachable, prohibit, blackhole and no route at all stop packets, each in its words', () => {
  for (const [errno, words] of [
    ['EHOSTUNREACH', 'are refused as unreachable'],
    ['EACCES', 'are prohibited'],
    ['EINVAL', 'are dropped as by a blackhole'],
    ['ENETUNREACH', 'have no route'],
    ['EXDEV', 'are dropped by rp_filter'],
    ['E2BIG', 'are refused \\(E2BIG\\)'],
  ] as const) {
    assert.match(
      said(facts([peer(2, { outer: refused(errno) })])).join(),
      new RegExp(`^way\\.outer stops: VXLAN packets to 192\\.168\\.0\\.2 \\(node2\\) ${words}`),
    )
    assert.match(
      said(facts([peer(2, { forwarded: refused(errno) })])).join(),
      new RegExp(`^way\\.inner stops: packets of pods to .* ${words}`),
    )
  }
})

test('outer packets to an address that this host has too never leave it', () => {
  assert.match(
    said(facts([peer(2, { outer: through(1, 255) })])).join(),
    /^way\.outer stops: VXLAN packets to 192\.168\.0\.2 \(node2\) stay on this host/,
  )
})

test('outer packets into our own device are VXLAN into VXLAN', () => {
  assert.match(
    said(facts([peer(2, { outer: through(DEVICE, 254) })])).join(),
    /^way\.outer stops: VXLAN packets to 192\.168\.0\.2 \(node2\) go into flannel\.1 itself/,
  )
  const both = [
    vxlanLink({ ifindex: parseIfindex(DEVICE) }),
    vxlanLink({ ifindex: parseIfindex(8), ifname: 'flannel-v6.1' }),
  ]
  const links = [...LINKS.filter(({ ifindex }) => ifindex !== DEVICE), ...both]
  assert.match(
    said(facts([peer(2, { outer: through(8) })], { links })).join(),
    /^way\.outer stops: VXLAN packets to 192\.168\.0\.2 \(node2\) go into flannel-v6\.1 itself/,
  )
})

test('one peer among others that cannot be reached is named, and does not make the node unready', () => {
  for (const others of [[peer(2)], [peer(2), peer(3)]]) {
    const [fault] = judgeWay(facts([...others, peer(4, { outer: refused('ENETUNREACH') })]))
    assert.deepEqual([fault?.name, fault?.stops], ['way.outer', false])
  }
})

test('another uplink, or a tunnel on the way, is a warning; so is one with too small an MTU', () => {
  assert.deepEqual(
    said(facts([peer(2, { outer: through(5) }), peer(3, { outer: through(3) })])).map((line) => line.slice(0, 62)),
    [
      'way.uplink warns: VXLAN packets to 192.168.0.2 (node2) leave th',
      'way.mtu warns: the way to 192.168.0.2 (node2) through wg0 has a',
    ].map((line) => line.slice(0, 62)),
  )
  assert.deepEqual(said(facts([peer(2)], { underlay: { ...facts([]).underlay, ifindex: parseIfindex(1) } })), [])
  assert.match(said(facts([peer(2, { outer: through(5) })])).join(), /through wg0 \(wireguard\)/)
  assert.match(
    said(facts([peer(2, { outer: through(ETH0, 254, 1300) })])).join(),
    /^way\.mtu warns: .* an MTU of 1300, too small for flannel\.1's 1450 bytes/,
  )
})

function host(change: Partial<HostFacts> = {}): HostFacts {
  return {
    family: 'ipv4',
    subnet: parseCidr('10.42.1.0/24'),
    network: parseCidr('10.42.0.0/16'),
    device: DEVICE,
    links: [...LINKS, linkOf(9, 'docker0', { kind: 'bridge' })],
    addresses: [addressOf(DEVICE, '10.42.1.0', 32), addressOf(6, '10.42.1.1', 24), addressOf(9, '172.17.0.1', 16)],
    forwardingOff: undefined,
    ...change,
  }
}

test('a host as it should be has no fault, and its pods’ link is found', () => {
  assert.deepEqual(checkHost(host()), [])
  assert.equal(podLinkOf(host())?.ifname, 'cni0')
  assert.equal(podLinkOf(host({ addresses: [] })), undefined)
  for (const change of [{ up: false }, { carrier: false }])
    assert.equal(podLinkOf(host({ links: [linkOf(6, 'cni0', change)] })), undefined)
})

test('forwarding that is off, a bridge of an old podCIDR, our podCIDR at docker0: one warning each, with its remedy', () => {
  const [forwarding] = checkHost(host({ forwardingOff: 'net/ipv4/ip_forward' }))
  assert.match(
    `${forwarding?.name} ${forwarding?.stops} ${forwarding?.sentence}`,
    /^host\.forwarding false .*sysctl -w net\.ipv4\.ip_forward=1/,
  )
  const [bridge] = checkHost(host({ addresses: [addressOf(6, '10.42.5.1', 24)] }))
  assert.match(
    `${bridge?.name} ${bridge?.sentence}`,
    /^host\.old-bridge cni0 still has 10\.42\.5\.1\/24, .*ip link delete cni0/,
  )
  const [docker] = checkHost(host({ addresses: [addressOf(9, '10.42.1.1', 24)] }))
  assert.match(
    `${docker?.name} ${docker?.sentence}`,
    /^host\.pod-cidr-taken docker0 has 10\.42\.1\.1\/24, which overlaps/,
  )
})

test('with host-gw the way to a peer is the peer itself as gateway, and the default route is none', () => {
  const by = (gateway: string | undefined): Answer => ({
    ...through(ETH0),
    gateway: gateway === undefined ? undefined : parseIp(gateway),
  })
  const hostGw = { udpPort: undefined, directRouting: true }
  const on = (index: number, gateway: string | undefined): PeerWay =>
    peer(index, { forwarded: by(gateway), host: by(gateway), outer: refused('ENETUNREACH') })
  assert.deepEqual(judgeWay(facts([on(2, '192.168.0.2'), on(3, '192.168.0.3')], hostGw)), [])
  const [fault, ...more] = judgeWay(facts([on(2, '192.168.0.254'), on(3, undefined)], hostGw))
  assert.deepEqual([fault?.name, fault?.stops, more.length], ['way.inner', true, 0])
  assert.match(
    fault?.sentence ?? '',
    /^packets of pods to 10\.42\.2\.0\/24 \(node2\) leave through eth0 instead of to 192\.168\.0\.2/,
  )
})
