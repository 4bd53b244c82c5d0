import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AgentPorts, createAgentCore } from '../../lib/agent/agent-core.ts'
import type { AgentConfig } from '../../lib/agent/config.ts'
import type { Lease, OwnNode } from '../../lib/cluster/lease.ts'
import type { Network } from '../../lib/cluster/network.ts'
import type { LeaseView, OwnVtep } from '../../lib/cluster/view.ts'
import { type HostError, LeaseError } from '../../lib/errors.ts'
import type { FilterResult, PacketFilter, WantedRules } from '../../lib/firewall/port.ts'
import type { VxlanGuard } from '../../lib/firewall/vxlan-allow.ts'
import type { LeaseSource } from '../../lib/leases/source.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { deriveLladdr, parseLladdr } from '../../lib/net/lladdr.ts'
import type { Log } from '../../lib/util/log.ts'
import { underlayChoice } from '../support/config.ts'
import { createFakeKernel } from '../support/fake-kernel/index.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { IPV4, IPV6, networkOf, viewOf } from './support/fake-node.ts'

const none = { ipv4: undefined, ipv6: undefined }
const own: OwnNode = {
  node: 'us',
  uid: 'uid-us',
  seniority: '2026',
  subnets: { ipv4: parseCidr(IPV4.subnet(1)), ipv6: parseCidr(IPV6.subnet(1)) },
  lladdrs: none,
  publishInstead: none,
  underlayHint: none,
  internalIps: none,
  published: none,
}
const dual: Network = { ...networkOf(IPV4), ipv6: networkOf(IPV6).ipv6 }

interface Options {
  readonly network?: Network
  readonly addresses?: readonly string[]
  readonly own?: OwnNode | undefined
  readonly kind?: 'kube' | 'file'
  readonly ifaces?: readonly string[]
  /** Whether the folder of subnet.env refuses. */
  readonly full?: () => boolean
  readonly filters?: AgentPorts['filters']
  readonly vxlanGuard?: AgentPorts['vxlanGuard']
  readonly mesh?: AgentPorts['mesh']
}

function setUp({
  network = networkOf(IPV4),
  addresses = ['192.168.1.1/24', 'fd00:1::1/64'],
  full = () => false,
  ...options
}: Options = {}) {
  const kernel = createFakeKernel({ linkLocals: false })
  kernel.admin.addNic('mgmt0')
  kernel.admin.setUp('mgmt0')
  for (const address of addresses) kernel.admin.addAddress('mgmt0', address)
  const clock = createManualClock()
  const published: OwnVtep[] = []
  const disk = new Map<string, string>()
  /** What a restart would find. */
  const kept = (ifname: string, field: string): unknown =>
    JSON.parse(disk.get(`/var/lib/vtepd/${ifname}.${field}.json`) ?? '{}')[field]
  const hopeless: (HostError | LeaseError)[] = []
  const events: string[] = []
  const log: Log = {
    debug() {},
    info: (event) => void events.push(event),
    warn: (event) => void events.push(event),
    error: (event, message) => void events.push(`${event} ${message}`),
    with: () => log,
  }
  let view: LeaseView = {
    synced: true,
    peers: new Map(),
    own: 'own' in options ? options.own : own,
    rejected: [],
    contested: [],
    aliases: [],
  }
  let tell: () => void = () => undefined
  const source: LeaseSource = {
    kind: options.kind ?? 'kube',
    view: () => view,
    start: (onChange) => {
      tell = onChange
    },
    async publish(vtep) {
      published.push(vtep)
      return 'accepted'
    },
    close: async () => undefined,
  }
  const config: AgentConfig = {
    network,
    underlayChoice: underlayChoice({ ifaces: options.ifaces ?? ['mgmt0'] }),
    subnetFile: '/run/flannel/subnet.env',
    ipMasq: true,
    iptablesForwardRules: true,
    stateDir: '/var/lib/vtepd',
    health: undefined,
    force: false,
    leases: { kind: 'file', path: '/x', nodeName: 'us' },
  }
  const core = createAgentCore(config, {
    openRtnl: () => kernel.open(),
    sysctl: { read: async (key) => (/forward|bridge/.test(key) ? '1' : '0'), write: async () => ({ written: true }) },
    nameOwner: async () => undefined,
    source,
    readFile: async (path) => disk.get(path),
    replaceFile: async (path, text) => void disk.set(path, text),
    advertisedLinks: async () => [],
    keptFiles: {
      read: async (path) => disk.get(path),
      async replace(path, text) {
        if (full()) throw new Error('ENOSPC')
        disk.set(path, text)
      },
      watch: () => ({ close: () => undefined }),
      list: async () => [],
    },
    ...(options.filters && { filters: options.filters }),
    ...(options.vxlanGuard && { vxlanGuard: options.vxlanGuard }),
    ...(options.mesh && { mesh: options.mesh }),
    rival: async () => undefined,
    clock,
    log,
    onHopeless: (error) => void hopeless.push(error),
  })
  return {
    kernel,
    clock,
    core,
    published,
    disk,
    kept,
    hopeless,
    events,
    setView(next: Partial<LeaseView>) {
      view = { ...view, ...next } as LeaseView
      tell()
    },
  }
}

test('a node becomes ready: device, lease published, subnet.env written, MAC saved before', async () => {
  const { core, clock, kernel, published, disk, kept } = setUp()
  kernel.onRequest('before', ({ request }) => {
    if (request === 'createVxlan') assert.ok(kept('flannel.1', 'lladdr'), 'saved before the device is created')
  })
  await clock.run(1000)
  assert.equal(core.ready, true)
  const lladdr = kernel.link('flannel.1')?.lladdr
  assert.equal(kept('flannel.1', 'lladdr'), lladdr)
  assert.equal(kept('flannel.1', 'network'), '10.42.0.0/16')
  const whole = { vni: 1, podsCanStart: true, ipv4: { underlay: parseIp('192.168.1.1'), lladdr }, ipv6: undefined }
  assert.ok(published.length > 0)
  for (const vtep of published) assert.deepEqual(vtep, whole)
  assert.match(
    disk.get('/run/flannel/subnet.env') ?? '',
    /^FLANNEL_NETWORK=10.42.0.0\/16\nFLANNEL_SUBNET=10.42.1.1\/24\n/,
  )
  await core.stop()
  assert.equal(clock.pending, 0, 'a stopped agent leaves no timer')
})

test('an exception of the probes is contained, as one of a family is', async () => {
  const { core, clock, events } = setUp({
    mesh(_, containment) {
      containment.clock.after(100, () => {
        throw new RangeError('a probe cannot have 65557 bytes')
      })
      containment.guard(() => {
        throw new RangeError('a datagram that nobody expected')
      })()
      return undefined
    },
  })
  await clock.run(1000)
  assert.equal(core.ready, true)
  const told = events.filter((event) => event.startsWith('agent.exception '))
  assert.deepEqual(
    told.map((event) => event.replace(/^.*contained: /, '')),
    ['a datagram that nobody expected', 'a probe cannot have 65557 bytes'],
  )
  await core.stop()
})

test('the lease waits a moment for subnet.env, and not for ever; pods can start only when it is written', async () => {
  let full = true
  const { core, clock, published } = setUp({ full: () => full })
  await clock.run(900)
  assert.equal(published.length, 0)
  await clock.run(1000)
  assert.equal(published.at(-1)?.podsCanStart, false)
  assert.equal(core.ready, false)
  full = false
  await clock.run(1100)
  assert.equal(published.at(-1)?.podsCanStart, true)
  assert.equal(core.ready, true)
  await core.stop()
  assert.equal(clock.pending, 0)
})

test('without own Node nothing is made; when it comes with its podCIDR, everything is', async () => {
  const { core, clock, kernel, disk, setView } = setUp({ own: undefined })
  await clock.run(5000)
  assert.equal(kernel.link('flannel.1'), undefined)
  assert.equal(disk.size, 0)
  setView({ own })
  await clock.run(100)
  assert.equal(core.ready, true)
  await core.stop()
})

test('our Node deleted, and re-created without podCIDR: everything stays', async () => {
  const { core, clock, kernel, setView } = setUp()
  await clock.run(1000)
  const before = kernel.text()
  setView({ own: undefined, synced: false, because: 'suspect' } as Partial<LeaseView>)
  await clock.run(1000)
  setView({ own: { ...own, subnets: none } })
  await clock.run(1000)
  assert.equal(kernel.text(), before)
  await core.stop()
})

test('dual stack: a family without address delays neither the other nor subnet.env', async () => {
  const { core, clock, kernel, published, disk } = setUp({ network: dual, addresses: ['192.168.1.1/24'] })
  await clock.run(1100)
  assert.ok(kernel.link('flannel.1')?.up)
  assert.equal(kernel.link('flannel-v6.1'), undefined)
  assert.equal(core.ready, false)
  assert.ok(published.at(-1)?.ipv4 !== undefined && published.at(-1)?.ipv6 === undefined)
  assert.match(disk.get('/run/flannel/subnet.env') ?? '', /FLANNEL_MTU=1430/)
  kernel.admin.addAddress('mgmt0', 'fd00:1::1/64')
  await clock.run(100)
  assert.equal(core.ready, true)
  assert.ok(published.at(-1)?.ipv6 !== undefined)
  await core.stop()
})

test('dual stack: each family may have an interface of its own', async () => {
  const { core, clock, kernel } = setUp({ network: dual, addresses: ['192.168.1.1/24'], ifaces: ['mgmt0', 'wlan0'] })
  kernel.admin.addNic('wlan0')
  kernel.admin.setUp('wlan0')
  kernel.admin.addAddress('wlan0', 'fd00:1::7/64')
  await clock.run(100)
  assert.equal(core.ready, true)
  assert.equal(kernel.link('flannel.1')?.vxlan?.local, '192.168.1.1')
  assert.equal(kernel.link('flannel-v6.1')?.vxlan?.local, 'fd00:1::7')
  await core.stop()
})

test('an overwrite annotation is published instead of the address', async () => {
  const publishInstead = { ipv4: parseIp('203.0.113.7'), ipv6: undefined }
  const { core, clock, published, kernel } = setUp({ own: { ...own, publishInstead } })
  await clock.run(1000)
  assert.equal(published.at(-1)?.ipv4?.underlay, '203.0.113.7')
  assert.equal(kernel.link('flannel.1')?.vxlan?.local, '192.168.1.1')
  await core.stop()
})

const MAC = parseLladdr('0e:00:00:00:00:42')
const DERIVED = deriveLladdr('uid-us', 'ipv4', 1)
/** Another Node that claims `lladdr`; ours is of 2026. */
const claimant = (seniority: string, underlay: string, lladdr = MAC): Lease => ({
  node: 'claimant',
  uid: 'uid-claimant',
  seniority,
  ipv4: { subnet: parseCidr('10.42.9.0/24'), underlay: parseIp(underlay), lladdr, vni: undefined },
  ipv6: undefined,
})
const withMac: OwnNode = { ...own, lladdrs: { ipv4: MAC, ipv6: undefined } }

test("a new node's MAC follows from its UID; one without UID, of a leases file, has a random one, kept", async () => {
  for (const uid of ['uid-us', undefined]) {
    const { core, clock, kernel, kept } = setUp({ own: { ...own, uid }, kind: uid === undefined ? 'file' : 'kube' })
    await clock.run(1000)
    assert.equal(kernel.link('flannel.1')?.lladdr === DERIVED, uid !== undefined)
    assert.equal(kept('flannel.1', 'lladdr'), kernel.link('flannel.1')?.lladdr)
    await core.stop()
  }
})

test('a cloned machine, whose MAC an older Node has at another address, draws a new one before it publishes', async () => {
  for (const place of ['on our Node', 'on the device that was cloned with it'] as const) {
    const { core, clock, kernel, published, kept, events, setView } = setUp({ own: undefined })
    const older = claimant('2025', '192.168.1.99')
    if (place === 'on our Node') setView({ own: withMac, contested: [older] })
    else {
      kernel.admin.addVxlan('flannel.1', { vni: 1, local: '192.168.1.1', lladdr: MAC })
      setView({ own, peers: new Map([['claimant', older]]) })
    }
    await clock.run(2000)
    assert.equal(kernel.link('flannel.1')?.lladdr, DERIVED)
    assert.deepEqual(new Set(published.map((vtep) => vtep.ipv4?.lladdr)), new Set([DERIVED]))
    assert.equal(kept('flannel.1', 'lladdr'), DERIVED)
    assert.equal(events.filter((event) => event === 'lease.lladdr-drawn').length, 1)
    assert.equal(core.ready, true)
    await core.stop()
  }
})

test('a MAC is kept where the other Node is younger, is this machine under another name, or came after we had published', async () => {
  for (const [other, late] of [
    [claimant('2027', '192.168.1.99'), false],
    [claimant('2025', '192.168.1.1'), false],
    [claimant('2025', '192.168.1.99'), true],
  ] as const) {
    const { core, clock, kernel, published, events, setView } = setUp({ own: withMac })
    if (!late) setView({ contested: [other] })
    await clock.run(1000)
    setView({ contested: [other] })
    await clock.run(1000)
    assert.equal(kernel.link('flannel.1')?.lladdr, MAC)
    assert.equal(published.at(-1)?.ipv4?.lladdr, MAC)
    assert.ok(!events.includes('lease.lladdr-drawn'))
    await core.stop()
  }
})

test('a MAC that follows from our UID is kept whoever else claims it', async () => {
  const { core, clock, kernel, setView } = setUp({ own: undefined })
  setView({ own, contested: [claimant('2025', '192.168.1.99', DERIVED)] })
  await clock.run(1000)
  assert.equal(kernel.link('flannel.1')?.lladdr, DERIVED)
  await core.stop()
})

test('nothing is published before everything was listed once: somebody may have our MAC', async () => {
  const { core, clock, kernel, published, setView } = setUp({ own: undefined })
  setView({ own: withMac, synced: false, because: 'from the cache' } as Partial<LeaseView>)
  await clock.run(1000)
  assert.equal(kernel.link('flannel.1')?.lladdr, MAC, 'the data path comes first')
  assert.equal(published.length, 0)
  setView({ synced: true })
  await clock.run(1000)
  assert.equal(published.at(-1)?.ipv4?.lladdr, MAC)
  await core.stop()
})

test('a MAC that was published earlier is used again; one of the leases file is imposed on the device', async () => {
  const told = parseLladdr('0e:00:00:00:00:42')
  for (const kind of ['kube', 'file'] as const) {
    const { core, clock, kernel } = setUp({ kind, own: { ...own, lladdrs: { ipv4: told, ipv6: undefined } } })
    await clock.run(1000)
    assert.equal(kernel.link('flannel.1')?.lladdr, told)
    await core.stop()
  }
})

test('a kernel without VXLAN is reported as hopeless, once nothing else can run', async () => {
  const { core, clock, kernel, hopeless } = setUp()
  kernel.faults.inject({ on: 'createVxlan', times: Infinity, fault: { kind: 'errno', errno: 95 } })
  await clock.run(1000)
  assert.ok(hopeless.length > 0)
  assert.match(hopeless[0]?.message ?? '', /EOPNOTSUPP/)
  await core.stop()
})

test('readiness is lost with the device and comes back with it', async () => {
  const { core, clock, kernel, events } = setUp()
  await clock.run(1000)
  kernel.admin.deleteLink('flannel.1')
  await clock.run(100)
  assert.equal(core.ready, true)
  assert.deepEqual(
    events.filter((event) => event.startsWith('agent.')),
    ['agent.ready', 'agent.not-ready', 'agent.ready'],
  )
  await core.stop()
})

test('who listens hears how the agent is, once at the start and at each change', async () => {
  const { core, clock, kernel, setView } = setUp({ own: undefined })
  const said: string[] = []
  core.onStatus(({ ready, text }) => said.push(`${ready ? 'yes' : 'no'}: ${text}`))
  assert.match(said[0] ?? '', /^no: waiting: flannel\.1 /)
  await clock.run(1000)
  setView({ own })
  await clock.run(1000)
  assert.match(said.at(-1) ?? '', /^yes: ready: \d+ peers$/)
  const before = said.length
  await clock.run(60_000)
  assert.equal(said.length, before, 'nothing changes, nothing is said')
  kernel.admin.removeAddress('mgmt0', '192.168.1.1/24')
  await clock.run(100)
  assert.match(said.at(-1) ?? '', /^no: waiting: flannel\.1 stranded \(mgmt0 has no IPv4 address\)$/)
  setView({ synced: false, because: 'the API server has not been heard yet' } as Partial<LeaseView>)
  await clock.run(100)
  assert.match(said.at(-1) ?? '', /; the API server has not been heard yet$/)
  await core.stop()
})

test('a podCIDR of ours outside the network ends the agent at start, and only then', async () => {
  const wrong = new LeaseError('us', 'podCIDR', '172.16.0.0/24 is outside the network 10.42.0.0/16')
  const { core, clock, hopeless, setView } = setUp()
  await clock.run(1000)
  setView({ rejected: [wrong] })
  await clock.run(100)
  assert.deepEqual(hopeless, [], 'an agent that has worked goes on')
  await core.stop()
  const second = setUp({ own: { ...own, subnets: none } })
  second.setView({ rejected: [wrong] })
  await second.clock.run(100)
  assert.deepEqual(second.hopeless, [wrong])
  await second.core.stop()
})

test('dual stack: both families are published at once when both can be', async () => {
  const { core, clock, published } = setUp({ network: dual })
  await clock.run(2000)
  assert.ok(published.every(({ ipv4, ipv6 }) => ipv4 !== undefined && ipv6 !== undefined))
  assert.ok(published.length > 0)
  await core.stop()
  assert.equal(clock.pending, 0)
})

test('dual stack on an underlay without room for IPv6: IPv4 does not suffer, and there is no IPv6 in subnet.env', async () => {
  const { core, clock, kernel, disk, events } = setUp({ network: dual })
  await clock.run(2000)
  assert.match(disk.get('/run/flannel/subnet.env') ?? '', /FLANNEL_IPV6_SUBNET=.*\nFLANNEL_MTU=1430/)
  const resize = async (mtu: number): Promise<string> => {
    kernel.admin.setMtu('mgmt0', mtu)
    await clock.run(2000)
    assert.equal(core.ready, true)
    return disk.get('/run/flannel/subnet.env') ?? ''
  }
  assert.equal(
    await resize(1280),
    'FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.1.1/24\nFLANNEL_MTU=1230\nFLANNEL_IPMASQ=true\n',
  )
  assert.equal(events.filter((event) => event === 'device.not-ready').length, 1)
  assert.match(await resize(1500), /FLANNEL_IPV6_SUBNET=.*\nFLANNEL_MTU=1430/)
  await core.stop()
  assert.equal(clock.pending, 0)
})

test('the address that belongs to this node is kept for a restart, and not the one that stands in for it', async () => {
  const { core, clock, kernel, kept, published } = setUp()
  // It has stood for a minute at the second audit at the latest.
  await clock.run(150_000)
  assert.equal(kept('flannel.1', 'underlay'), '192.168.1.1')
  kernel.admin.addAddress('mgmt0', '192.168.1.100/32')
  kernel.admin.removeAddress('mgmt0', '192.168.1.1/24')
  await clock.run(29_000)
  assert.equal(core.ready, false)
  await clock.run(2000)
  assert.equal(published.at(-1)?.ipv4?.underlay, '192.168.1.100')
  assert.equal(kept('flannel.1', 'underlay'), '192.168.1.1')
  kernel.admin.addAddress('mgmt0', '192.168.1.1/24')
  await clock.run(10)
  assert.equal(published.at(-1)?.ipv4?.underlay, '192.168.1.1')
  await core.stop()
})

test('an exception while the leases are taken in is told once in full, and does not keep the next view out', async () => {
  const { core, clock, kernel, setView, events } = setUp()
  await clock.run(1000)
  setView({ rejected: undefined as never })
  await clock.run(10_000)
  assert.equal(events.filter((event) => event.startsWith('agent.exception ')).length, 1)
  setView({ rejected: [], peers: viewOf(IPV4, new Map([[7, 7]]), true).peers })
  await clock.run(2000)
  assert.ok(kernel.text().includes('10.42.7.0/24'))
  await core.stop()
})

test('subnet.env waits for the first try at the packet filter rules, and readiness for the rules', async () => {
  let answer: (result: FilterResult) => void = () => undefined
  const wishes: WantedRules[] = []
  const tool: PacketFilter = {
    kind: 'nftables',
    ensure: (wanted) => {
      wishes.push(wanted)
      return new Promise((resolve) => {
        answer = resolve
      })
    },
    remove: async () => ({ outcome: 'right', notes: [] }),
    compare: async () => ({ commands: [], unknown: null }),
    watch: () => undefined,
    close: async () => undefined,
  }
  const choose = async () => ({ kind: 'nftables', because: 'the test', certain: true }) as const
  const { core, clock, disk } = setUp({ filters: () => ({ tools: { nftables: tool }, choose }) })
  let text = ''
  core.onStatus((status) => {
    text = status.text
  })
  await clock.run(5000)
  assert.equal(disk.get('/run/flannel/subnet.env'), undefined)
  assert.match(text, /^waiting: flannel\.1 its packet filter rules are to be written/)
  answer({ outcome: 'failed', because: 'Operation not permitted', missing: true })
  await clock.run(0)
  assert.match(disk.get('/run/flannel/subnet.env') ?? '', /FLANNEL_IPMASQ=true/)
  assert.equal(core.ready, false)
  assert.match(text, /^waiting: flannel\.1 its packet filter rules may be missing: Operation not permitted/)
  await clock.run(30_000)
  answer({ outcome: 'written', because: 'they were missing', notes: [] })
  await clock.run(0)
  assert.equal(core.ready, true)
  const [wish] = wishes
  assert.deepEqual(
    [wish?.network, wish?.subnet, wish?.masquerade, wish?.forward],
    ['10.42.0.0/16', IPV4.subnet(1), true, true],
  )
})

test('who may reach the VXLAN port is settled before the entries of a view are written', async () => {
  const order: string[] = []
  const guard: VxlanGuard = {
    compare: async () => ({ commands: [], unknown: null }),
    ensure: async () => ({ outcome: 'right', notes: [] }),
    extend: async (ips) => void order.push(`admitted ${[...ips].length}`),
    remove: async () => ({ outcome: 'right', notes: [] }),
    watch: () => undefined,
    close: async () => undefined,
  }
  const { clock, kernel, setView } = setUp({ vxlanGuard: () => ({ guard, guarded: 8472 }) })
  await clock.run(1000)
  kernel.onRequest('before', ({ request }) => {
    if (request === 'applyEntries') order.push('written')
  })
  order.length = 0
  setView({ peers: viewOf(IPV4, new Map([[2, 2]]), true).peers })
  await clock.run(1000)
  assert.deepEqual(order.slice(0, 2), ['admitted 1', 'written'])
})

test('with host-gw a node is ready without a MAC address, and pods get the whole MTU', async () => {
  const { core, clock, kernel, published, disk, events } = setUp({ network: networkOf(IPV4, 'host-gw') })
  await clock.run(1000)
  assert.equal(core.ready, true)
  assert.equal(
    kernel.snapshot().links.some(({ vxlan }) => vxlan !== undefined),
    false,
  )
  const underlay = parseIp('192.168.1.1')
  assert.deepEqual(published.at(-1), {
    vni: undefined,
    ipv4: { underlay, lladdr: undefined },
    ipv6: undefined,
    podsCanStart: true,
  })
  assert.match(disk.get('/run/flannel/subnet.env') ?? '', /^FLANNEL_MTU=1500$/m)
  assert.ok(!events.includes('backend.translated'))
  await core.stop()
})

test('an address that peers cannot use as next hop is told with host-gw', async () => {
  const natted = { ...own, publishInstead: { ...none, ipv4: parseIp('203.0.113.9') } }
  for (const [mode, told] of [
    ['host-gw', true],
    ['unpinned', false],
  ] as const) {
    const { core, clock, events } = setUp({ network: networkOf(IPV4, mode), own: natted })
    await clock.run(1000)
    assert.equal(events.includes('backend.translated'), told)
    await core.stop()
  }
})
