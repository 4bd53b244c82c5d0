/** Ports, VLANs, multicast groups and forwarding entries, beside `bridge` on the same kernel: made by either, read by either. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NetlinkError } from '../../../lib/errors.ts'
import { bridgeOver } from '../../../lib/rtnl/bridge/bridge.ts'
import type { BridgePortChange } from '../../../lib/rtnl/bridge/bridge-port.ts'
import type { MdbSpec } from '../../../lib/rtnl/bridge/mdb.ts'
import type { BridgeVlanSpec } from '../../../lib/rtnl/bridge/vlans.ts'
import { fdbOver } from '../../../lib/rtnl/fdb/fdb.ts'
import type { FdbSpec } from '../../../lib/rtnl/fdb/fdb-record.ts'
import type { Ifindex, Ip, Lladdr } from '../../../lib/rtnl/index.ts'
import { kernelTests } from '../../support/netns.ts'
import { BRIDGE, type Case, createStage, EAST, EAST2, playCase, VXLAN } from './support.ts'

/** A setting: by `bridge link set`, by us, and the key of `bridge -json -details link`. */
const SETTINGS: readonly (readonly [bridge: string, change: BridgePortChange, shown: string])[] = [
  // Without STP the kernel makes every other state forwarding again.
  ['state 0', { state: 'disabled' }, 'state'],
  ['priority 11', { priority: 11 }, 'priority'],
  ['cost 300', { cost: 300 }, 'cost'],
  ['hairpin on', { hairpin: true }, 'hairpin'],
  ['guard on', { guard: true }, 'guard'],
  ['root_block on', { rootBlock: true }, 'root_block'],
  ['fastleave on', { fastLeave: true }, 'fastleave'],
  ['learning off', { learning: false }, 'learning'],
  ['flood off', { flood: false }, 'flood'],
  ['mcast_flood off', { mcastFlood: false }, 'mcast_flood'],
  ['bcast_flood off', { bcastFlood: false }, 'bcast_flood'],
  ['mcast_to_unicast on', { mcastToUnicast: true }, 'mcast_to_unicast'],
  ['mcast_router 2', { mcastRouter: 'permanent' }, 'mcast_router'],
  ['neigh_suppress on', { neighSuppress: true }, 'neigh_suppress'],
  ['vlan_tunnel on', { vlanTunnel: true }, 'vlan_tunnel'],
  ['isolated on', { isolated: true }, 'isolated'],
  ['locked on', { locked: true }, 'locked'],
  ['backup_port east2', { backupPort: EAST2 }, 'backup_port'],
]

test('settings of a bridge port', kernelTests, async (t) => {
  const { netns, netlink, bridge } = await createStage(t)
  const { listBridgePorts, getBridgePort, changeBridgePort } = bridgeOver(netlink)
  const show = async () => ((await bridge('link show dev east')) as Record<string, unknown>[])[0] ?? {}
  for (const [words, change, shown] of SETTINGS)
    await t.test(words, async (t) => {
      const [before, seen] = [await getBridgePort(EAST), (await show())[shown]]
      const [[key, wanted]] = Object.entries(change) as [[keyof BridgePortChange, unknown]]
      if (before !== undefined && !(key in before) && key !== 'backupPort')
        return t.skip(`this kernel does not know ${key}`)
      await netns.exec('bridge', 'link', 'set', 'dev', 'east', ...words.split(' '))
      const [byBridge, shownByBridge] = [await getBridgePort(EAST), (await show())[shown]]
      assert.equal(Reflect.get(byBridge ?? {}, key), wanted)
      await changeBridgePort(EAST, { [key]: Reflect.get(before ?? {}, key) ?? null })
      assert.equal((await show())[shown], seen, 'back to what it was')
      await changeBridgePort(EAST, change)
      assert.equal((await show())[shown], shownByBridge)
      assert.deepEqual(await getBridgePort(EAST), byBridge)
      await changeBridgePort(EAST, { [key]: Reflect.get(before ?? {}, key) ?? null })
    })
  await t.test('what is listed is what is asked for one by one', async () => {
    const { value, unreadable } = await listBridgePorts({ master: BRIDGE })
    assert.deepEqual(
      value.map((one) => [one.ifindex, one.ifname, one.master]),
      [
        [EAST, 'east', BRIDGE],
        [EAST2, 'east2', BRIDGE],
      ],
    )
    assert.deepEqual(value[0], await getBridgePort(EAST))
    assert.equal(unreadable, undefined)
    assert.deepEqual((await listBridgePorts({ master: VXLAN })).value, [])
  })
  await t.test('several settings at once, and what is learnt forgotten', async () => {
    await changeBridgePort(EAST, { hairpin: true, priority: 5, flush: true })
    const port = await getBridgePort(EAST)
    assert.deepEqual([port?.hairpin, port?.priority], [true, 5])
  })
  await t.test('a link that is no port has none, and refuses them', async () => {
    assert.equal(await getBridgePort(VXLAN), undefined)
    assert.equal(await getBridgePort(4000 as Ifindex), undefined)
    await assert.rejects(changeBridgePort(VXLAN, { hairpin: true }), NetlinkError)
  })
})

const vlan = (name: string, words: string, spec: Partial<BridgeVlanSpec>): Case<BridgeVlanSpec> => ({
  name,
  bridge: `vlan add ${words}`,
  spec: { ifindex: EAST, vid: 10, ...spec },
})

const VLANS: readonly Case<BridgeVlanSpec>[] = [
  vlan('of a port', 'dev east vid 10', { lastVid: 10, pvid: false, untagged: false, self: false }),
  vlan('that leaves untagged', 'dev east vid 10 untagged', { untagged: true }),
  vlan('that is a range', 'dev east vid 10-20', { lastVid: 20 }),
  vlan('that is a range and leaves untagged', 'dev east vid 10-4094 untagged', { lastVid: 4094, untagged: true }),
  vlan('of the bridge itself', 'dev br0 vid 10 self', { ifindex: BRIDGE, self: true }),
]

test('VLANs of bridges', kernelTests, async (t) => {
  const stage = await createStage(t)
  if (!stage.filtersVlans) return t.skip('this kernel has no VLAN filtering')
  const { listBridgeVlans: list, addBridgeVlan: add, deleteBridgeVlan } = bridgeOver(stage.netlink)
  const part = { stage, show: 'vlan show', list: async () => (await list()).value, add, delete: deleteBridgeVlan }
  for (const one of VLANS) await t.test(one.name, (t) => playCase(t, part, one))
  await t.test('the VLAN of what comes in untagged changes', async () => {
    await add({ ifindex: EAST, vid: 30, pvid: true, untagged: true })
    const { value } = await list({ ifindex: EAST })
    assert.deepEqual(value.at(-1), { ifindex: EAST, vid: 30, lastVid: 30, pvid: true, untagged: true, self: false })
    assert.equal(value.filter((one) => one.pvid).length, 1)
  })
})

const mdb = (name: string, words: string, spec: object): Case<MdbSpec> => ({
  name,
  bridge: `mdb add dev br0 ${words}`,
  spec: { bridge: BRIDGE, port: EAST, ...spec } as unknown as MdbSpec,
})

const GROUPS: readonly Case<MdbSpec>[] = [
  mdb('of IPv4', 'port east grp 239.1.1.1 permanent', { group: '239.1.1.1', state: 'permanent' }),
  mdb('of IPv6', 'port east grp ff05::7 permanent', { group: 'ff05::7', state: 'permanent' }),
  mdb('that ages', 'port east grp 239.1.1.1 temp', { group: '239.1.1.1', state: 'temporary' }),
  mdb('of this host', 'port br0 grp 239.1.1.1', { port: BRIDGE, group: '239.1.1.1', state: 'temporary' }),
  mdb('of a MAC address', 'port east grp 01:02:03:04:05:06 permanent', { group: '01:02:03:04:05:06' }),
  mdb('of one sender', 'port east grp 239.1.1.1 src 192.0.2.9 permanent', {
    group: '239.1.1.1',
    source: '192.0.2.9',
  }),
  mdb('of a VLAN', 'port east grp 239.1.1.1 permanent vid 1', { group: '239.1.1.1', vid: 1 }),
]

test('multicast groups of bridges', kernelTests, async (t) => {
  const stage = await createStage(t)
  const { listMdb: list, addMdb: add, deleteMdb } = bridgeOver(stage.netlink)
  const part = { stage, show: 'mdb show', list: async () => (await list()).value, add, delete: deleteMdb }
  for (const one of GROUPS)
    await t.test(one.name, async (t) => {
      if (one.spec.vid !== undefined && !stage.filtersVlans) return t.skip('this kernel has no VLAN filtering')
      await playCase(t, part, one)
    })
})

const fdb = (name: string, words: string, spec: object): Case<FdbSpec> => ({
  name,
  bridge: `fdb add 02:00:00:00:0a:01 ${words}`,
  spec: { ifindex: VXLAN, lladdr: '02:00:00:00:0a:01', ...spec } as unknown as FdbSpec,
})

const ENTRIES: readonly Case<FdbSpec>[] = [
  fdb('of a VXLAN link', 'dev vx dst 192.0.2.2', { dst: '192.0.2.2', self: true, state: 'permanent' }),
  fdb('with a port of its own', 'dev vx dst 192.0.2.2 port 8472', { dst: '192.0.2.2', port: 8472 }),
  fdb('with a VNI of its own', 'dev vx dst 192.0.2.2 vni 99', { dst: '192.0.2.2', vni: 99 }),
  fdb('by a link', 'dev vx dst 192.0.2.2 via br0', { dst: '192.0.2.2', via: BRIDGE }),
  fdb('that is learnt elsewhere', 'dev vx dst 192.0.2.2 extern_learn', { dst: '192.0.2.2', externLearn: true }),
  fdb('of a router', 'dev vx dst 192.0.2.2 router', { dst: '192.0.2.2', router: true }),
  fdb('that is dynamic', 'dev vx dst 192.0.2.2 dynamic', { dst: '192.0.2.2', state: 'dynamic' }),
  fdb('of a bridge', 'dev east master static', { ifindex: EAST, master: BRIDGE, self: false, state: 'static' }),
  fdb('of a bridge, that ages', 'dev east master dynamic', { ifindex: EAST, master: BRIDGE, state: 'dynamic' }),
  fdb('of a bridge, local', 'dev east master permanent', { ifindex: EAST, master: BRIDGE, state: 'permanent' }),
  fdb('of a bridge, that stays', 'dev east master static sticky', {
    ifindex: EAST,
    master: BRIDGE,
    state: 'static',
    sticky: true,
  }),
  fdb('of a VLAN', 'dev east master static vlan 1', { ifindex: EAST, master: BRIDGE, state: 'static', vlan: 1 }),
  {
    name: 'of a group',
    bridge: 'fdb add 01:00:5e:00:00:77 dev east self',
    spec: { ifindex: EAST, lladdr: '01:00:5e:00:00:77' as Lladdr, self: true, state: 'permanent' },
  },
]

test('forwarding entries', kernelTests, async (t) => {
  const stage = await createStage(t)
  const { listFdb: list, getFdbEntry, addFdb: add, replaceFdb, appendFdb, deleteFdb } = fdbOver(stage.netlink)
  const bridges = bridgeOver(stage.netlink)
  const part = { stage, show: 'fdb show', list: async () => (await list()).value, add, delete: deleteFdb }
  for (const one of ENTRIES)
    await t.test(one.name, async (t) => {
      if (one.spec.vlan !== undefined && !stage.filtersVlans) return t.skip('this kernel has no VLAN filtering')
      // Without a VLAN an entry is made in every VLAN that the port has too: it has one where the case names it.
      const vlan = { ifindex: EAST, vid: 1 }
      if (one.spec.vlan !== undefined) await bridges.addBridgeVlan(vlan)
      else if (stage.filtersVlans) await bridges.deleteBridgeVlan(vlan)
      await playCase(t, part, one)
    })
  const zero = { ifindex: VXLAN, lladdr: '00:00:00:00:00:00' as Lladdr }
  const lladdr = '02:00:00:00:0a:02' as Lladdr
  await t.test('every remote of an address, one more and one less', async () => {
    for (const dst of ['192.0.2.3', '192.0.2.4', '2001:db8::1'] as Ip[])
      if (!dst.includes(':')) await appendFdb({ ...zero, dst })
    const remotes = async () => (await list({ ifindex: VXLAN, lladdr: zero.lladdr })).value.map((one) => one.dst)
    assert.deepEqual((await remotes()).sort(), ['192.0.2.3', '192.0.2.4'])
    await deleteFdb({ ...zero, dst: '192.0.2.3' as Ip })
    assert.deepEqual(await remotes(), ['192.0.2.4'])
    await deleteFdb(zero)
    assert.deepEqual(await remotes(), [])
  })
  await t.test('one is asked for, replaced, and gone', async () => {
    const key = { ifindex: VXLAN, lladdr }
    assert.equal(await getFdbEntry(key), undefined)
    await replaceFdb({ ...key, dst: '192.0.2.2' as Ip })
    await assert.rejects(add({ ...key, dst: '192.0.2.2' as Ip }), { errnoName: 'EEXIST' })
    await replaceFdb({ ...key, dst: '192.0.2.3' as Ip })
    assert.equal((await getFdbEntry(key))?.dst, '192.0.2.3')
    await deleteFdb(key)
    assert.equal(await getFdbEntry(key), undefined)
    await assert.rejects(deleteFdb(key), { errnoName: 'ENOENT' })
    assert.equal(await getFdbEntry({ ...key, ifindex: 4000 as Ifindex }), undefined)
  })
  await t.test('an entry of a bridge is asked for by its port', async () => {
    const key = { ifindex: EAST, lladdr, master: true }
    await add({ ...key, state: 'static' })
    assert.equal((await getFdbEntry(key))?.master, BRIDGE)
    const [listed] = (await list({ master: BRIDGE, lladdr })).value
    assert.deepEqual([listed?.ifindex, listed?.self, listed?.master], [EAST, false, BRIDGE])
    await deleteFdb(key)
  })
  await t.test('filters name the links that are looked at', async () => {
    const of = async (filter: object) => new Set((await list(filter)).value.map((one) => one.ifindex))
    assert.deepEqual(await of({ ifindex: EAST }), new Set([EAST]))
    assert.equal((await of({ master: BRIDGE })).has(VXLAN), false)
    assert.equal((await of({})).has(EAST2), true)
    assert.deepEqual(await of({ ifindex: 4000 }), new Set())
  })
})

const REFUSED: readonly (readonly [what: string, call: (all: All) => Promise<unknown>, error: object])[] = [
  ['a port', (b) => b.getBridgePort(0 as Ifindex), { name: 'RangeError', message: /^ifindex: / }],
  ['a setting', (b) => b.changeBridgePort(EAST, { hairpin: 1 } as never), { message: /^change\.hairpin: / }],
  ['a key', (b) => b.changeBridgePort(EAST, { harpin: true } as never), { message: /^change\.harpin: / }],
  ['a cost', (b) => b.changeBridgePort(EAST, { cost: 70000 }), { message: /^change\.cost: / }],
  [
    'a state',
    (b) => b.changeBridgePort(EAST, { state: 'up' as never }),
    { message: /^change\.state: 'up' is none of/ },
  ],
  ['a number of a state', (b) => b.changeBridgePort(EAST, { state: 9 }), { message: /^change\.state: / }],
  ['a VLAN', (b) => b.addBridgeVlan({ ifindex: EAST, vid: 4095 }), { message: /^vlan\.vid: / }],
  ['a range', (b) => b.addBridgeVlan({ ifindex: EAST, vid: 9, lastVid: 8 }), { message: /^vlan\.lastVid: / }],
  [
    'a range as pvid',
    (b) => b.addBridgeVlan({ ifindex: EAST, vid: 9, lastVid: 10, pvid: true }),
    { message: /^vlan\.pvid: / },
  ],
  [
    'a group',
    (b) => b.addMdb({ bridge: BRIDGE, port: EAST, group: '10.0.0.1' as Ip }),
    { message: /^mdb\.group: '10\.0\.0\.1' is no multicast/ },
  ],
  [
    'a sender of another family',
    (b) => b.addMdb({ bridge: BRIDGE, port: EAST, group: '239.1.1.1' as Ip, source: '::1' as Ip }),
    { message: /^mdb\.source: / },
  ],
  ['no MAC address', (b) => b.addFdb({ ifindex: EAST } as never), { name: 'TypeError', message: /^fdb\.lladdr: / }],
  [
    'both tables',
    (b) => b.addFdb({ ifindex: EAST, lladdr: '02:00:00:00:0a:01' as Lladdr, self: true, master: true }),
    { message: /^fdb\.self: / },
  ],
  [
    'a remote in a bridge',
    (b) => b.addFdb({ ifindex: EAST, lladdr: '02:00:00:00:0a:01' as Lladdr, master: true, dst: '192.0.2.2' as Ip }),
    { message: /^fdb\.dst: / },
  ],
  [
    'a VNI',
    (b) => b.addFdb({ ifindex: VXLAN, lladdr: '02:00:00:00:0a:01' as Lladdr, vni: 2 ** 24 }),
    { message: /^fdb\.vni: / },
  ],
  ['a filter', (b) => b.listFdb({ dev: 1 } as never), { name: 'TypeError', message: /^filter\.dev: / }],
]

type All = ReturnType<typeof bridgeOver> & ReturnType<typeof fdbOver>

test('wrong input is refused by the name of its field, before anything is sent', async (t) => {
  const silent = {
    request: () => assert.fail('something was sent'),
    dump: () => assert.fail('something was sent'),
  } as never
  const all = { ...bridgeOver(silent), ...fdbOver(silent) }
  for (const [what, call, error] of REFUSED) await t.test(what, () => assert.rejects(call(all), error))
})
