/**
 * Whatever net-conf said before, whenever it changed and whether the agent was restarted meanwhile: once it rests, the kernel
 * has what a first start with the last network would have made, nothing foreign was touched, and the locks are those of now.
 * VTEPD_PROPERTY_RUNS and VTEPD_PROPERTY_SEED as in family-overlay.property.test.ts.
 */
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { createAgentCore } from '../../lib/agent/agent-core.ts'
import { carriersOf } from '../../lib/agent/carriers.ts'
import { createRetirement } from '../../lib/agent/retirement.ts'
import { createSuccession, type Succession } from '../../lib/agent/succession.ts'
import type { FamilyLease, Lease, OwnNode } from '../../lib/cluster/lease.ts'
import { isVxlan, type Network } from '../../lib/cluster/network.ts'
import type { LeaseView } from '../../lib/cluster/view.ts'
import { LockedError } from '../../lib/errors.ts'
import type { LeaseSource } from '../../lib/leases/source.ts'
import { type Cidr, containsCidr, parseCidr } from '../../lib/net/cidr.ts'
import { type Family, parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { parseMtu } from '../../lib/net/mtu.ts'
import { parseVni } from '../../lib/net/vni.ts'
import { unpackEntries } from '../../lib/rtnl/entries.ts'
import type { Log } from '../../lib/util/log.ts'
import { createStandingLog } from '../../lib/util/standing-log.ts'
import { underlayChoice, vxlanBackend } from '../support/config.ts'
import { createFakeKernel, type FakeKernel } from '../support/fake-kernel/index.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'
import { IPV4, IPV6, lladdrOf } from './support/fake-node.ts'

const RUNS = Number(process.env.VTEPD_PROPERTY_RUNS ?? 100)
const SEED = process.env.VTEPD_PROPERTY_SEED ?? '14'
const QUIET_MS = 60_000

const none = { ipv4: undefined, ipv6: undefined }
const WORLDS = { ipv4: IPV4, ipv6: IPV6 } as const
const PLAIN = vxlanBackend()
const BACKENDS: readonly Network['backend'][] = [
  PLAIN,
  { ...PLAIN, vni: parseVni(2) },
  { ...PLAIN, vni: parseVni(4096), directRouting: true },
  { ...PLAIN, port: 4789 },
  { ...PLAIN, mtu: parseMtu(1400) },
  { ...PLAIN, gbp: true },
  { ...PLAIN, learning: true },
  { ...PLAIN, directRouting: true },
  { type: 'host-gw' },
]
const FAMILIES: readonly (readonly Family[])[] = [['ipv4'], ['ipv6'], ['ipv4', 'ipv6']]
const NETWORKS: Readonly<Record<Family, readonly Cidr[]>> = {
  ipv4: ['10.42.0.0/16', '10.40.0.0/13', '10.42.0.0/21'].map(parseCidr),
  ipv6: ['fd00:42::/48', 'fd00:40::/28'].map(parseCidr),
}

const networks: fc.Arbitrary<Network> = fc
  .record({
    families: fc.constantFrom(...FAMILIES),
    backend: fc.constantFrom(...BACKENDS),
    ipv4: fc.constantFrom(...NETWORKS.ipv4),
    ipv6: fc.constantFrom(...NETWORKS.ipv6),
  })
  .map(({ families, backend, ...cidrs }) => ({
    ...none,
    ...Object.fromEntries(families.map((family) => [family, cidrs[family]])),
    enableNftables: false,
    backend,
  }))

type Happening =
  | { readonly do: 'follow'; readonly network: Network }
  | { readonly do: 'restart'; readonly network: Network }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'peers'; readonly indexes: readonly number[] }
  | { readonly do: 'delete devices' }

const happenings: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 4, arbitrary: networks.map((network) => ({ do: 'follow', network }) as const) },
  { weight: 2, arbitrary: networks.map((network) => ({ do: 'restart', network }) as const) },
  { weight: 4, arbitrary: fc.constantFrom(0, 1, 5, 60, 900, 3000, 15_000).map((ms) => ({ do: 'wait', ms }) as const) },
  { weight: 2, arbitrary: peerSets().map((indexes) => ({ do: 'peers', indexes }) as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'delete devices' } as const) },
)

function peerSets(): fc.Arbitrary<readonly number[]> {
  return fc.uniqueArray(fc.integer({ min: 2, max: 12 }), { maxLength: 5 })
}

test('networks that follow each other end as the last of them alone', async () => {
  await fc.assert(
    fc.asyncProperty(networks, fc.array(happenings, { maxLength: 12 }), networks, peerSets(), runHistory),
    { numRuns: RUNS, ...(SEED === 'random' ? {} : { seed: Number(SEED) }) },
  )
})

async function runHistory(
  first: Network,
  history: readonly Happening[],
  last: Network,
  peers: readonly number[],
): Promise<void> {
  const host = createHost()
  const foreign = plantForeign(host.kernel)
  await host.start(first)
  for (const happening of history) await happen(host, happening)
  host.peers(peers)
  host.succession?.follow(last)
  // What was under way ends first.
  await host.clock.run(1000)
  await host.clock.run(QUIET_MS)
  const fresh = createHost()
  fresh.peers(peers)
  await fresh.start(last)
  await fresh.clock.run(QUIET_MS)
  try {
    assert.equal(fresh.succession?.core?.ready, true, 'a first start is ready')
    assert.deepEqual(overlayOf(host.kernel), overlayOf(fresh.kernel))
    assert.equal(host.succession?.core?.ready, true)
    assert.deepEqual([...host.locks].sort(), [...carriersOf(last)].sort())
    assert.deepEqual(foreign(), [])
    host.kernel.clearLog()
    await host.clock.run(1000)
    assert.deepEqual(host.kernel.writes, { links: 0, addresses: 0, entries: 0 }, 'at rest nothing is written')
  } finally {
    await Promise.all([host.stop(), fresh.stop()])
  }
}

async function happen(host: Host, happening: Happening): Promise<void> {
  if (happening.do === 'follow') host.succession?.follow(happening.network)
  else if (happening.do === 'wait') await host.clock.run(happening.ms)
  else if (happening.do === 'peers') host.peers(happening.indexes)
  else if (happening.do === 'delete devices') {
    for (const ifname of devicesOf(host.kernel)) host.kernel.admin.deleteLink(ifname)
  } else {
    await host.stop()
    await host.start(happening.network)
  }
}

interface Host {
  readonly kernel: FakeKernel
  readonly clock: ManualClock
  readonly locks: ReadonlySet<string>
  readonly succession: Succession<LeaseSource> | undefined
  peers(indexes: readonly number[]): void
  start(network: Network): Promise<void>
  stop(): Promise<void>
}

const STATE = '/var/lib/vtepd'

function createHost(): Host {
  const kernel = createFakeKernel({ linkLocals: false })
  const clock = createManualClock()
  for (const ifname of ['mgmt0', 'cni0']) {
    kernel.admin.addNic(ifname)
    kernel.admin.setUp(ifname)
  }
  for (const world of [IPV4, IPV6]) kernel.admin.addAddress('mgmt0', `${world.underlay}/${world.prefix}`)
  const disk = new Map<string, string>()
  const locks = new Set<string>()
  const log = silent
  const told = new Set<() => void>()
  let indexes: readonly number[] = [2, 3]
  let succession: Succession<LeaseSource> | undefined
  const standing = createStandingLog(log, clock)
  const files = {
    readFile: async (file: string) => disk.get(file),
    replaceFile: async (file: string, text: string) => void disk.set(file, text),
  }
  const sourceOf = (network: Network): LeaseSource => {
    let listener: (() => void) | undefined
    return {
      kind: 'kube',
      view: () => viewFor(network, indexes),
      start(onChange) {
        listener = onChange
        told.add(onChange)
      },
      publish: async () => 'accepted',
      async close() {
        if (listener !== undefined) told.delete(listener)
      },
    }
  }
  const create = (network: Network): Succession<LeaseSource> =>
    createSuccession<LeaseSource>({
      network,
      clock,
      log,
      standing,
      createSource: sourceOf,
      createCore: (now, source, events, founded) =>
        createAgentCore(
          {
            network: now,
            underlayChoice: underlayChoice(),
            subnetFile: '/run/flannel/subnet.env',
            ipMasq: true,
            iptablesForwardRules: true,
            ipBlackholeRoute: true,
            stateDir: STATE,
            health: undefined,
            force: false,
            leases: { kind: 'file', path: '/x', nodeName: 'us' },
          },
          {
            ...files,
            ...events,
            source,
            founded,
            clock,
            log,
            openRtnl: () => kernel.open(),
            sysctl: {
              read: async (key) => (key.includes('forward') ? '1' : '0'),
              write: async () => ({ written: true }),
            },
            nameOwner: async () => undefined,
            keptFiles: {
              read: files.readFile,
              replace: files.replaceFile,
              watch: () => ({ close: () => undefined }),
              list: async () => [],
            },
            advertisedLinks: async () => [],
            rival: async () => undefined,
          },
        ),
      async lock(carrier) {
        if (locks.has(carrier)) throw new LockedError(carrier, 'us')
        locks.add(carrier)
        return { release: async () => void locks.delete(carrier) }
      },
      createRetirement: (carrierLocks) =>
        createRetirement({
          ...files,
          stateDir: STATE,
          subnetFile: '/run/flannel/subnet.env',
          locks: carrierLocks,
          openRtnl: () => kernel.open(),
          listFolder: async () =>
            [...disk.keys()].filter((file) => path.dirname(file) === STATE).map((file) => path.basename(file)),
          removeFile: async (name) => void disk.delete(path.join(STATE, name)),
          clock,
          log,
          standing,
        }),
      onHopeless: (error) => assert.fail(error),
    })
  return {
    kernel,
    clock,
    locks,
    get succession() {
      return succession
    },
    peers(next) {
      indexes = next
      for (const listener of told) listener()
    },
    async start(network) {
      succession = create(network)
      await succession.claim()
      await succession.begin()
    },
    async stop() {
      const stopped = succession?.stop()
      // Rounds under way wait for turns of the clock.
      await clock.run(1)
      await stopped
    },
  }
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => silent }

let views = new Map<string, LeaseView>()

/** The same object for the same peers, as a source's view is. */
function viewFor(network: Network, indexes: readonly number[]): LeaseView {
  const key = JSON.stringify([network, indexes])
  const known = views.get(key)
  if (known !== undefined) return known
  if (views.size > 1000) views = new Map()
  const peers = new Map<string, Lease>()
  for (const index of indexes) {
    const claim = (family: Family): FamilyLease | undefined => claimOf(network, family, index)
    const [ipv4, ipv6] = [claim('ipv4'), claim('ipv6')]
    const node = `node${index}`
    if (ipv4 !== undefined || ipv6 !== undefined)
      peers.set(node, { node, uid: `uid-${node}`, seniority: node, ipv4, ipv6 })
  }
  const subnet = (family: Family): Cidr | undefined =>
    network[family] === undefined ? undefined : parseCidr(WORLDS[family].subnet(1))
  const own: OwnNode = {
    node: 'us',
    uid: 'uid-us',
    seniority: '',
    subnets: { ipv4: subnet('ipv4'), ipv6: subnet('ipv6') },
    lladdrs: none,
    publishInstead: none,
    underlayHint: none,
    internalIps: none,
    published: none,
  }
  const view: LeaseView = { synced: true, peers, own, rejected: [], contested: [], aliases: [] }
  views.set(key, view)
  return view
}

/** As a source makes it: nothing outside the network, no MAC address with host-gw. */
function claimOf(network: Network, family: Family, index: number): FamilyLease | undefined {
  const world = WORLDS[family]
  const whole = network[family]
  const subnet = parseCidr(world.subnet(index))
  if (whole === undefined || !containsCidr(whole, subnet)) return undefined
  const lladdr = isVxlan(network) ? parseLladdr(lladdrOf(index)) : undefined
  return { subnet, underlay: parseIp(world.remote(index)), lladdr, vni: undefined }
}

function plantForeign(kernel: FakeKernel): () => string[] {
  const { admin } = kernel
  admin.addAddress('cni0', '10.42.1.1/24')
  admin.addAddress('cni0', 'fd00:42:0:1::1/64')
  admin.replaceRoute({ dst: '172.16.0.0/16', dev: 'cni0', metric: 7 })
  admin.replaceNeighbour('cni0', '10.42.1.9', '12:00:00:00:00:55')
  admin.addVxlan('other0', { vni: 77, local: '192.168.1.1', lladdr: '12:00:00:00:00:77' })
  const own = new RegExp(`"(ifindex|oif)":(${kernel.link('cni0')?.ifindex}|${kernel.link('other0')?.ifindex})\\b`)
  const lines = (): string[] =>
    kernel
      .text()
      .split('\n')
      .filter((line) => own.test(line))
  const before = lines()
  assert.ok(before.length >= 5)
  return () => before.filter((line) => !lines().includes(line))
}

function devicesOf(kernel: FakeKernel): readonly string[] {
  return kernel.snapshot().links.flatMap(({ ifname }) => (ifname.startsWith('flannel') ? [ifname] : []))
}

/** Devices with their addresses and entries, and every route of ours; links by name. */
function overlayOf(kernel: FakeKernel): readonly string[] {
  const { links, addresses, neighbours, fdb, routes } = kernel.snapshot()
  const names = new Map<number, string>(links.map(({ ifindex, ifname }) => [ifindex, ifname]))
  const ofDevice = (ifindex: number): boolean => names.get(ifindex)?.startsWith('flannel') === true
  const lines = links
    .filter(({ ifindex }) => ofDevice(ifindex))
    .map(({ ifname, mtu, lladdr, up, vxlan }) => JSON.stringify({ ifname, mtu, lladdr, up, vxlan }))
  for (const { ifindex, ip, prefixLength } of addresses)
    if (ofDevice(ifindex)) lines.push(`address ${ip}/${prefixLength} on ${names.get(ifindex)}`)
  for (const table of [neighbours, fdb, routes.ipv4, routes.ipv6])
    for (const entry of unpackEntries(table)) {
      if (entry.kind === 'route') {
        const { oif, ...rest } = entry
        if (entry.protocol === 118) lines.push(JSON.stringify({ ...rest, dev: names.get(oif ?? 0) }))
      } else if (ofDevice(entry.ifindex)) {
        const { ifindex, ...rest } = entry
        lines.push(JSON.stringify({ ...rest, dev: names.get(ifindex) }))
      }
    }
  return lines.sort()
}
