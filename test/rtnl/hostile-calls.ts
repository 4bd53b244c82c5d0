/**
 * Every function of `vtepd/rtnl` with arguments that it takes, which values each place of them may have, and values of which
 * hardly a place may have any. A function without a row fails the test: say here what it takes.
 */

import * as netlinkModule from '../../lib/netlink/index.ts'
import type { Rtnl } from '../../lib/rtnl/index.ts'
import * as rtnlModule from '../../lib/rtnl/index.ts'

/** Whether a value may stand there. */
type Legal = (value: unknown) => boolean

export interface Place {
  /** From the arguments on: `[0, 'peer', 'mtu']`. */
  readonly path: readonly (string | number)[]
  /** How the message begins. */
  readonly named: string
  readonly legal: Legal
}

export interface Row {
  /** Fresh, so that they can be spoilt. */
  readonly args: () => unknown[]
  readonly places: readonly Place[]
}

const isInteger =
  (least: number, most: number): Legal =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
const isOneOf =
  (...allowed: readonly unknown[]): Legal =>
  (value) =>
    allowed.includes(value)
const maybe =
  (legal: Legal): Legal =>
  (value) =>
    value === undefined || legal(value)
const never: Legal = () => false
const isBoolean: Legal = (value) => typeof value === 'boolean'
const isIfindex = isInteger(1, 2 ** 31 - 1)
const isByte = isInteger(0, 255)
const isFamily = isOneOf('ipv4', 'ipv6')
const isOptions: Legal = (value) => value === undefined || isEmptyObject(value)
/** It has no field at all: no option is set, and nothing is asked for. */
const isEmptyObject: Legal = (value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0
const isMtu = isInteger(0, 2 ** 31 - 1)
const isPort = isInteger(1, 65_535)
const isIfname: Legal = (value) =>
  typeof value === 'string' && /^[^/:\s\0\ud800]{1,15}$/.test(value) && value !== '.' && value !== '..'
const isNetns: Legal = (value) =>
  typeof value === 'string' && value !== '' && !value.includes('\0') && value !== '\ud800' && value.length < 256

function place(named: string, legal: Legal, ...path: readonly (string | number)[]): Place {
  return { path, named, legal }
}

/** `field.KEY` of argument `index` for each key. */
function fields(field: string, index: number, legal: Readonly<Record<string, Legal>>): Place[] {
  return Object.entries(legal).map(([key, one]) => place(field === '' ? key : `${field}.${key}`, one, index, key))
}

const lladdr = '0e:2a:00:00:00:01'
const neighbour = () => ({ kind: 'neighbour', ifindex: 1, ip: '10.0.0.1', lladdr, state: 128, flags: 0, protocol: 118 })
const fdb = () => ({ kind: 'fdb', ifindex: 1, lladdr, remote: '192.0.2.1', state: 128, flags: 2, extras: false })
const route = () => ({
  ...{ kind: 'route', dst: '10.42.1.0/24', metric: 1, gateway: '10.42.1.0', oif: 1, onlink: true, protocol: 118 },
  ...{ type: 1, scope: 0, extras: false, dead: false, multipath: false },
})
const table = () => rtnlModule.packEntries([fdb() as unknown as rtnlModule.FdbEntry])

const entryPlaces = (index: number): Place[] => [
  place('entry', never, index),
  ...fields('entry', index, { kind: never }),
  ...fields('neighbour', index, {
    ...{ ifindex: isIfindex, ip: never, lladdr: isOneOf(undefined), state: isByte, flags: isByte, protocol: isByte },
  }),
]
const tablePlaces = (field: string): Place[] => [
  place(field, never, 0),
  // A Uint8Array may be too short for the length.
  place(`${field}.`, never, 0, 'bytes'),
  place(`${field}.length`, isInteger(0, 1), 0, 'length'),
]

/** Functions of the module, by name. */
export const FUNCTIONS: Readonly<Record<string, Row>> = {
  parseIp: { args: () => ['10.0.0.1'], places: [place('', never, 0)] },
  parseCidr: { args: () => ['10.0.0.0/8'], places: [place('', isOneOf('10.0.0.1/24'), 0)] },
  parseLladdr: { args: () => [lladdr], places: [place('', never, 0)] },
  parseIfindex: { args: () => [1], places: [place('', isIfindex, 0)] },
  parseMtu: { args: () => [1500], places: [place('', isInteger(68, 65_535), 0)] },
  parseVni: { args: () => [1], places: [place('', isInteger(0, 2 ** 24 - 1), 0)] },
  cidrOf: { args: () => ['10.0.0.0', 8], places: [place('', never, 0), place('', isInteger(0, 32), 1)] },
  cidrFamily: { args: () => ['10.0.0.0/8'], places: [place('cidr', never, 0)] },
  networkAddress: { args: () => ['10.0.0.0/8'], places: [place('cidr', never, 0)] },
  prefixLength: { args: () => ['10.0.0.0/8'], places: [place('cidr', never, 0)] },
  familyOf: { args: () => ['10.0.0.1'], places: [place('ip', never, 0)] },
  vxlanOverhead: { args: () => ['ipv4'], places: [place('underlay', never, 0)] },
  randomLladdr: { args: () => [], places: [] },
  generatePresharedKey: { args: () => [], places: [] },
  generatePrivateKey: { args: () => [], places: [] },
  parseWireguardKey: { args: () => [`${'A'.repeat(43)}=`], places: [place('key', never, 0)] },
  publicKeyOf: { args: () => [`${'A'.repeat(43)}=`], places: [place('privateKey', never, 0)] },
  openWireguard: {
    args: () => [{ netns: 'banana', timeoutMs: 1 }],
    places: [
      place('options', isOptions, 0),
      ...fields('', 0, { netns: maybe(isNetns), timeoutMs: maybe(isInteger(1, 2 ** 31 - 1)) }),
    ],
  },
  createEntryWriter: { args: () => [16], places: [place('capacity', maybe(isInteger(0, 2 ** 24)), 0)] },
  packEntries: {
    args: () => [[neighbour(), fdb(), route()]],
    places: [
      // Whatever can be iterated is: the first that is no entry is named, and what iterating throws is its own.
      place('', (value) => isEmptyArray(value) || (value instanceof Map && value.size === 0), 0),
      place('entry', never, 0, 0),
      ...fields('fdb', 0, { lladdr: never, remote: maybe(never), extras: isBoolean, ifindex: isIfindex }).map(
        (one) => ({
          ...one,
          path: [0, 1, ...one.path.slice(1)],
        }),
      ),
      ...fields('route', 0, {
        ...{ dst: never, metric: isInteger(0, 2 ** 32 - 1), gateway: maybe(never), oif: maybe(isIfindex) },
        ...{ onlink: isBoolean, protocol: isByte, type: isByte, scope: isByte },
        ...{ extras: isBoolean, dead: isBoolean, multipath: isBoolean },
      }).map((one) => ({ ...one, path: [0, 2, ...one.path.slice(1)] })),
    ],
  },
  unpackEntries: { args: () => [table()], places: tablePlaces('table') },
  unpackEntry: { args: () => [table(), 0], places: [place('table', never, 0), place('index', isInteger(0, 0), 1)] },
  entryBytes: { args: () => [table(), 0], places: [place('table', never, 0), place('index', isInteger(0, 0), 1)] },
  openRtnl: {
    args: () => [{ netns: 'banana', timeoutMs: 1, chunkEntries: 1, bufferBytes: 16, receiveBufferBytes: 1 }],
    places: [
      place('options', isOptions, 0),
      ...fields('', 0, {
        ...{
          netns: maybe(isNetns),
          timeoutMs: maybe(isInteger(1, 2 ** 31 - 1)),
          chunkEntries: maybe(isInteger(1, 65_536)),
        },
        ...{ bufferBytes: maybe(isInteger(16, 2 ** 24)), receiveBufferBytes: maybe(isInteger(1, 2 ** 26)) },
      }),
    ],
  },
}

const ifindexOf = (rest: readonly unknown[] = [], places: readonly Place[] = []): Row => ({
  args: () => [1, ...structuredClone(rest)],
  places: [place('ifindex', isIfindex, 0), ...places],
})
const familyRow = (legal: Legal = isFamily): Row => ({ args: () => ['ipv4'], places: [place('family', legal, 0)] })
/** A namespace that is there, and that no request of a closed socket reaches. */
const HERE = '/proc/self/ns/net'
const isUint = isInteger(0, 2 ** 32 - 1)
const isId = isInteger(1, 2 ** 32 - 1)
const isVid = isInteger(1, 4094)
const isShort = isInteger(0, 65_535)
/** One of the other family, or another kind: nothing may be said, and `false` says nothing. */
const isUnset = isOneOf(undefined, false)
const isNetwork = isOneOf('10.0.0.1/24')
const isLabel: Legal = (value) =>
  typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 15 && !/[\0\p{Cs}]/u.test(value)
const isLinkName: Legal = (value) => isIfname(value) || isOneOf('x'.repeat(100))(value)
const plain = { ifname: isIfname, lladdr: maybe(never), mtu: maybe(isMtu) }
const key = { ifindex: isIfindex, ip: never, prefixLength: isInteger(0, 32) }

/** Of the open floor: a request for all links. */
const query = () => ({ type: 18, flags: 0, body: netlinkModule.struct({ family: netlinkModule.u8 }), value: {} })
const queryRow: Row = {
  args: () => [query()],
  places: [
    place('query', isEmptyObject, 0),
    ...fields('', 0, { type: isInteger(16, 65_535), flags: maybe(isInteger(0, 65_535)), body: never }),
    place('family', maybe(isByte), 0, 'value', 'family'),
  ],
}

/** `field.KEY` of an object that stands at `path`. */
const inside = (field: string, path: readonly (string | number)[], legal: Readonly<Record<string, Legal>>): Place[] =>
  Object.entries(legal).map(([key, one]) => place(`${field}.${key}`, one, ...path, key))

/** A first argument that names a thing, with legal values for its fields. */
const specRow = (
  field: string,
  spec: object,
  legal: Readonly<Record<string, Legal>>,
  more: readonly Place[] = [],
): Row => ({
  args: () => [structuredClone(spec)],
  places: [place(field, never, 0), ...fields(field, 0, legal), ...more],
})
const filterRow = (spec: object, legal: Readonly<Record<string, Legal>>): Row => ({
  args: () => [structuredClone(spec)],
  places: [place('filter', isOptions, 0), ...fields('filter', 0, legal)],
})

const mdbRow = specRow(
  'mdb',
  { bridge: 1, port: 2, group: '239.0.0.1', vid: 1, state: 'permanent', source: '10.0.0.1', protocol: 1 },
  {
    ...{ bridge: isIfindex, port: isIfindex, group: never, vid: maybe(isVid), state: maybe(isInteger(0, 1)) },
    source: maybe(never),
  },
)
const vlanRow = specRow(
  'vlan',
  { ifindex: 1, vid: 2, lastVid: 4094, pvid: false, untagged: true, self: true },
  {
    ...{ ifindex: isIfindex, vid: isVid, lastVid: maybe(isInteger(2, 4094)), pvid: maybe(isBoolean) },
    ...{ untagged: maybe(isBoolean), self: maybe(isBoolean) },
  },
)
const fdbKey = { ifindex: isIfindex, lladdr: never, vlan: maybe(isVid) }
const fdbRemote = {
  ...{ dst: maybe(never), port: maybe(isPort), vni: maybe(isInteger(0, 2 ** 24 - 1)), via: maybe(isIfindex) },
  srcVni: maybe(isInteger(0, 2 ** 24 - 1)),
}
const remote = { dst: '192.0.2.1', port: 1, vni: 1, via: 1, srcVni: 1 }
const fdbRow = specRow(
  'fdb',
  {
    ifindex: 1,
    lladdr,
    vlan: 1,
    self: true,
    ...remote,
    state: 'dynamic',
    externLearn: true,
    sticky: true,
    router: true,
  },
  {
    ...{ ...fdbKey, ...fdbRemote, self: maybe(isOneOf(true)), state: maybe(isShort) },
    ...{ externLearn: maybe(isBoolean), sticky: maybe(isBoolean), router: maybe(isBoolean) },
  },
)
const neighbourKey = { ifindex: isIfindex, ip: never, proxy: maybe(isBoolean) }
const neighbourRow = specRow(
  'neighbour',
  {
    ...{ ifindex: 1, ip: '10.0.0.1', lladdr, state: 'reachable', proxy: false, router: true, externLearn: true },
    ...{ managed: false, use: false, protocol: 1 },
  },
  {
    ...{ ...neighbourKey, lladdr: never, state: maybe(isShort), router: maybe(isBoolean), protocol: maybe(isByte) },
    ...{ externLearn: maybe(isBoolean), managed: maybe(isBoolean), use: maybe(isBoolean) },
  },
)
const routeKey = {
  ...{ dst: isNetwork, table: maybe(isId), type: maybe(isByte), protocol: maybe(isByte), scope: maybe(isByte) },
  ...{ tos: maybe(isByte), metric: maybe(isUint), prefsrc: maybe(never), realm: maybe(isUint) },
}
const target = {
  ...{ dst: '10.0.0.0/8', table: 1, type: 'unicast', protocol: 1, scope: 'link', tos: 0, metric: 1 },
  ...{ prefsrc: '10.0.0.2', realm: 1 },
}
const isEmptyOrUnset = maybe(isEmptyObject)
const routeRow = specRow(
  'route',
  {
    ...{ ...target, oif: 1, gateway: '10.0.0.1', onlink: true, metrics: { mtu: 1400, lock: ['mtu'], congestion: 'a' } },
    encap: { type: 'mpls', labels: [1], ttl: 1 },
  },
  {
    ...{ ...routeKey, oif: maybe(isIfindex), gateway: maybe(never), onlink: maybe(isBoolean) },
    ...{ metrics: isEmptyOrUnset, encap: maybe(never) },
  },
  [
    ...inside('route.metrics', [0, 'metrics'], {
      mtu: maybe(isUint),
      lock: maybe(isNumbers),
      congestion: maybe(isText),
    }),
    ...inside('route.encap', [0, 'encap'], { type: isShort, labels: isLabels, ttl: maybe(isByte) }),
  ],
)
const multipathRow = specRow(
  'route',
  { ...target, multipath: [{ oif: 1, gateway: '10.0.0.1', weight: 1, onlink: true, realm: 1 }] },
  { ...routeKey, multipath: maybe(never) },
  [
    place('route.multipath[0]', isEmptyObject, 0, 'multipath', 0),
    ...inside('route.multipath[0]', [0, 'multipath', 0], {
      ...{ oif: maybe(isIfindex), gateway: maybe(never), weight: maybe(isInteger(1, 256)), onlink: maybe(isBoolean) },
      realm: maybe(isUint),
    }),
  ],
)
const ipv6RouteRow = specRow(
  'route',
  {
    dst: '2001:db8::/32',
    src: '2001:db8:1::/48',
    oif: 1,
    gateway: 'fe80::1',
    expires: 60,
    pref: 'high',
  },
  {
    dst: isNetwork,
    src: maybe(never),
    expires: maybe(isUint),
    pref: maybe(isByte),
    realm: isUnset,
  },
)
const nhidRow = specRow('route', { ...target, nhid: 1 }, { ...routeKey, nhid: maybe(isId) })
const nexthopRow = specRow(
  'nexthop',
  {
    ...{ id: 1, family: 'ipv4', oif: 1, gateway: '10.0.0.1', onlink: true, blackhole: false, fdb: false, protocol: 1 },
    encap: { type: 'mpls', labels: [1] },
  },
  {
    ...{ id: maybe(isId), family: maybe(isOneOf('ipv4')), oif: maybe(isIfindex), gateway: maybe(never) },
    ...{ onlink: maybe(isBoolean), blackhole: maybe(isBoolean), fdb: maybe(isBoolean), protocol: maybe(isByte) },
    encap: maybe(never),
  },
)
const groupRow = specRow(
  'nexthop',
  {
    id: 1,
    group: [{ id: 2, weight: 1 }],
    groupType: 'mpath',
    protocol: 1,
  },
  { id: maybe(isId), group: maybe(never), groupType: maybe(isShort), protocol: maybe(isByte) },
  [
    place('nexthop.group[0]', never, 0, 'group', 0),
    ...inside('nexthop.group[0]', [0, 'group', 0], { id: isId, weight: maybe(isInteger(1, 65_536)) }),
  ],
)
const isRange = maybe(never)
const ruleRow = specRow(
  'rule',
  {
    ...{
      family: 'ipv4',
      priority: 1,
      action: 'lookup',
      table: 1,
      inverted: true,
      src: '10.0.0.0/8',
      dst: '10.0.0.0/8',
    },
    ...{ iif: 'a', oif: 'b', fwmark: { value: 1, mask: 1 }, tos: 0, dscp: { value: 1 }, tunnelId: 1, l3mdev: false },
    ...{ uidRange: { start: 0, end: 1 }, ipProtocol: 'tcp', sport: { start: 1, end: 2 }, dport: { start: 1, end: 2 } },
    ...{ suppressPrefixLength: 1, suppressInterfaceGroup: 1, realm: 1, protocol: 1 },
  },
  {
    ...{ family: maybe(isOneOf('ipv4')), priority: maybe(isUint), action: maybe(isByte), table: isId },
    ...{ inverted: maybe(isBoolean), src: maybe(isNetwork), dst: maybe(isNetwork), iif: maybe(isIfname) },
    ...{ oif: maybe(isIfname), fwmark: maybe(never), tos: maybe(isByte), dscp: maybe(never), l3mdev: maybe(isBoolean) },
    ...{ tunnelId: maybe(isInteger(0, 2 ** 53 - 1)), uidRange: isRange, ipProtocol: maybe(isByte), sport: isRange },
    ...{
      dport: isRange,
      suppressPrefixLength: maybe(isUint),
      suppressInterfaceGroup: maybe(isUint),
      realm: maybe(isUint),
    },
    protocol: maybe(isByte),
  },
  [
    ...inside('rule.fwmark', [0, 'fwmark'], { value: isUint, mask: maybe(isUint) }),
    ...inside('rule.uidRange', [0, 'uidRange'], { start: isUint, end: isUint }),
    ...inside('rule.sport', [0, 'sport'], { start: isPort, end: isInteger(1, 65_534) }),
  ],
)
const altnameRow = ifindexOf(['a'], [place('altname', isLinkName, 1)])

/** What is read and written as whole values. */
const VALUES: Readonly<Record<string, Row>> = {
  listLinks: filterRow(
    { kind: 'veth', master: 1, up: true },
    { kind: maybe(isString), master: (value) => value === null || maybe(isIfindex)(value), up: maybe(isBoolean) },
  ),
  getLink: { args: () => [1], places: [place('link', (value) => isIfindex(value) || isLinkName(value), 0)] },
  createLink: specRow(
    'link',
    {
      ...{ kind: 'vlan', ifname: 'a', parent: 1, vlan: { id: 1 }, ifindex: 1, lladdr, broadcast: lladdr, mtu: 1500 },
      ...{ up: true, noArp: true, multicast: true, promiscuous: true, allMulticast: true, master: 1 },
      ...{ txQueueLength: 1, txQueues: 1, rxQueues: 1, group: 1, netns: HERE },
    },
    {
      ...{ kind: never, ifname: isIfname, parent: isIfindex, vlan: never, ifindex: maybe(isIfindex) },
      ...{ lladdr: maybe(never), broadcast: maybe(never), mtu: maybe(isMtu), up: maybe(isBoolean) },
      ...{ noArp: maybe(isBoolean), multicast: maybe(isBoolean), promiscuous: maybe(isBoolean) },
      ...{ allMulticast: maybe(isBoolean), master: maybe(isIfindex), txQueueLength: maybe(isUint) },
      ...{ txQueues: maybe(isInteger(1, 4096)), rxQueues: maybe(isInteger(1, 4096)), group: maybe(isUint) },
      netns: maybe(isNetns),
    },
    [place('link.vlan.id', isInteger(0, 4094), 0, 'vlan', 'id')],
  ),
  addAltname: altnameRow,
  deleteAltname: altnameRow,
  listBridgePorts: filterRow({ master: 1 }, { master: maybe(isIfindex) }),
  getBridgePort: ifindexOf(),
  changeBridgePort: ifindexOf(
    [
      {
        ...{ state: 'forwarding', priority: 1, cost: 1, hairpin: true, learning: true, mcastRouter: 'disabled' },
        ...{ backupPort: 1, groupForwardMask: 8, mcastMaxGroups: 1, flush: true },
      },
    ],
    [
      place('change', isEmptyObject, 1),
      ...fields('change', 1, {
        ...{ state: maybe(isInteger(0, 4)), priority: maybe(isInteger(0, 63)), cost: maybe(isInteger(1, 65_535)) },
        ...{ hairpin: maybe(isBoolean), learning: maybe(isBoolean), mcastRouter: maybe(isInteger(0, 3)) },
        ...{ backupPort: (value) => value === null || maybe(isIfindex)(value), groupForwardMask: maybe(isShort) },
        ...{ mcastMaxGroups: maybe(isUint), flush: maybe(isBoolean) },
      }),
    ],
  ),
  listBridgeVlans: filterRow({ ifindex: 1 }, { ifindex: maybe(isIfindex) }),
  addBridgeVlan: vlanRow,
  deleteBridgeVlan: vlanRow,
  listMdb: filterRow({ bridge: 1 }, { bridge: maybe(isIfindex) }),
  addMdb: {
    ...mdbRow,
    places: [...mdbRow.places, place('mdb.protocol', maybe(isByte), 0, 'protocol')],
  },
  deleteMdb: mdbRow,
  listFdb: filterRow(
    { ifindex: 1, master: 1, vlan: 1, lladdr },
    { ifindex: maybe(isIfindex), master: maybe(isIfindex), vlan: maybe(isVid), lladdr: maybe(never) },
  ),
  getFdbEntry: specRow('fdb', { ifindex: 1, lladdr, vlan: 1, srcVni: 1 }, { ...fdbKey, srcVni: fdbRemote.srcVni }),
  addFdb: fdbRow,
  replaceFdb: fdbRow,
  appendFdb: fdbRow,
  deleteFdb: specRow('fdb', { ifindex: 1, lladdr, vlan: 1, ...remote }, { ...fdbKey, ...fdbRemote }),
  listAddresses: filterRow(
    { family: 'ipv4', ifindex: 1, scope: 'link' },
    { family: maybe(isFamily), ifindex: maybe(isIfindex), scope: maybe(isByte) },
  ),
  listRoutes: filterRow(
    {
      family: 'ipv4',
      table: 1,
      oif: 1,
      protocol: 1,
      type: 'unicast',
      scope: 'link',
      dst: '10.0.0.0/8',
      includeCached: true,
    },
    {
      ...{ family: maybe(isOneOf('ipv4')), table: maybe(isId), oif: maybe(isIfindex), protocol: maybe(isByte) },
      ...{ type: maybe(isByte), scope: maybe(isByte), dst: maybe(isNetwork), includeCached: maybe(isBoolean) },
    },
  ),
  getRoute: {
    args: () => ['10.0.0.0/8', { table: 1, oif: 1, protocol: 1, type: 'unicast', metric: 1, tos: 1 }],
    places: [
      place('dst', isNetwork, 0),
      place('filter', isOptions, 1),
      ...fields('filter', 1, {
        ...{ table: maybe(isId), oif: maybe(isIfindex), protocol: maybe(isByte), type: maybe(isByte) },
        ...{ metric: maybe(isUint), tos: maybe(isByte) },
      }),
    ],
  },
  addRoute: routeRow,
  replaceRoute: nhidRow,
  appendRoute: multipathRow,
  deleteRoute: ipv6RouteRow,
  resolve: {
    args: () => [
      '10.0.0.1',
      {
        source: '10.0.0.2',
        oif: 1,
        iif: 1,
        mark: 1,
        tos: 1,
        uid: 1,
        ipProtocol: 'udp',
        sport: 1,
        dport: 1,
        fibMatch: true,
      },
    ],
    places: [
      place('dst', never, 0),
      place('lookup', isOptions, 1),
      ...fields('lookup', 1, {
        ...{ source: maybe(never), oif: maybe(isIfindex), iif: maybe(isIfindex), mark: maybe(isUint) },
        ...{ tos: maybe(isByte), uid: maybe(isUint), ipProtocol: maybe(isByte), sport: maybe(isPort) },
        ...{ dport: maybe(isPort), fibMatch: maybe(isBoolean) },
      }),
    ],
  },
  listNexthops: filterRow(
    { family: 'ipv4', oif: 1, master: 1, groups: true, fdb: true },
    {
      ...{ family: maybe(isFamily), oif: maybe(isIfindex), master: maybe(isIfindex), groups: maybe(isBoolean) },
      fdb: maybe(isBoolean),
    },
  ),
  getNexthop: { args: () => [1], places: [place('id', isId, 0)] },
  addNexthop: nexthopRow,
  replaceNexthop: groupRow,
  deleteNexthop: { args: () => [1], places: [place('id', isId, 0)] },
  listRules: filterRow({ family: 'ipv4' }, { family: maybe(isFamily) }),
  addRule: ruleRow,
  deleteRule: {
    ...ruleRow,
    places: ruleRow.places.map((one) => (one.named === 'rule.table' ? { ...one, legal: maybe(isId) } : one)),
  },
  listNeighbours: filterRow(
    { family: 'ipv4', ifindex: 1, master: 1, state: 'reachable', proxies: true },
    {
      ...{ family: maybe(isFamily), ifindex: maybe(isIfindex), master: maybe(isIfindex), proxies: maybe(isBoolean) },
      state: maybe((value) => isShort(value) || (Array.isArray(value) && value.every(isShort))),
    },
  ),
  getNeighbour: specRow('neighbour', { ifindex: 1, ip: '10.0.0.1', proxy: false }, neighbourKey),
  addNeighbour: neighbourRow,
  replaceNeighbour: neighbourRow,
  deleteNeighbour: specRow('neighbour', { ifindex: 1, ip: '10.0.0.1', proxy: false }, neighbourKey),
  listNamespaces: { args: () => [], places: [] },
  getNetnsId: { args: () => [HERE], places: [place('netns', isNetns, 0)] },
  setNetnsId: {
    args: () => [HERE, 1],
    places: [place('netns', isNetns, 0), place('id', maybe(isInteger(0, 2 ** 31 - 1)), 1)],
  },
  listNetnsIds: { args: () => [], places: [] },
}

const ROWS: Readonly<Record<string, Row>> = {
  ...VALUES,
  request: queryRow,
  dump: queryRow,
  watchTable: {
    args: () => ['routes', { family: 'ipv4', signal: undefined }],
    places: [
      place('table', never, 0),
      place('options', isOptions, 1),
      ...fields('', 1, { family: maybe(isFamily), signal: maybe(never) }),
    ],
  },
  subscribe: {
    args: () => [{ groups: [1], receiveBufferBytes: 1, queueEvents: 1, signal: undefined, onEvents() {} }],
    places: [
      place('options', isEmptyObject, 0),
      ...fields('', 0, {
        ...{
          groups: isGroups,
          receiveBufferBytes: maybe(isInteger(1, 2 ** 26)),
          queueEvents: maybe(isInteger(1, 1e6)),
        },
        ...{ signal: maybe(never), onEvents: maybe((value) => typeof value === 'function') },
      }),
      place('groups[0]', isInteger(1, 2 ** 31 - 1), 0, 'groups', 0),
    ],
  },
  dumpLinks: { args: () => [], places: [] },
  close: { args: () => [], places: [] },
  dumpAddresses: familyRow(maybe(isFamily)),
  dumpRoutes: familyRow(),
  dumpRules: familyRow(),
  dumpNeighbours: { args: () => ['ipv4', 1], places: [place('family', isFamily, 0), place('ifindex', isIfindex, 1)] },
  dumpFdb: ifindexOf(),
  getFdb: { args: () => [table()], places: tablePlaces('entries') },
  createVxlan: {
    args: () => [
      { ifname: 'v', vni: 1, local: '192.0.2.1', parent: 1, lladdr, mtu: 1450, port: 1, learning: false, gbp: false },
    ],
    places: [
      place('', never, 0),
      ...fields('link', 0, { ifname: isIfname, lladdr: maybe(never), mtu: maybe(isMtu) }),
      ...fields('link.vxlan', 0, {
        ...{ vni: isInteger(0, 2 ** 24 - 1), local: maybe(never), parent: maybe(isIfindex) },
        ...{ port: maybe(isPort), learning: maybe(isBoolean), gbp: maybe(isBoolean) },
      }),
    ],
  },
  createVeth: {
    args: () => [{ ifname: 'a', lladdr, mtu: 1500, peer: { ifname: 'b', lladdr, mtu: 1500, netns: HERE } }],
    places: [
      place('', never, 0),
      ...fields('link', 0, plain),
      place('link.veth.peer', never, 0, 'peer'),
      ...fields('link.veth.peer', 0, { ...plain, netns: maybe(isNetns) }).map((one) => ({
        ...one,
        path: [0, 'peer', ...one.path.slice(1)],
      })),
    ],
  },
  createBridge: {
    args: () => [{ ifname: 'a', lladdr, mtu: 1500 }],
    places: [place('', never, 0), ...fields('link', 0, plain)],
  },
  changeLink: ifindexOf(
    [{ up: true, mtu: 1500, lladdr, ifname: 'a', master: 1, vxlan: { local: '192.0.2.1', parent: 1, learning: true } }],
    [
      place('change', isEmptyObject, 1),
      ...fields('change', 1, {
        ...{ up: maybe(isBoolean), mtu: maybe(isMtu), lladdr: maybe(never), ifname: maybe(isIfname) },
        ...{ master: (value) => value === null || maybe(isIfindex)(value), vxlan: maybe(isEmptyObject) },
      }),
      ...[
        place('change.vxlan.local', maybe(never), 1, 'vxlan', 'local'),
        place('change.vxlan.parent', maybe(isIfindex), 1, 'vxlan', 'parent'),
        place('change.vxlan.learning', maybe(isBoolean), 1, 'vxlan', 'learning'),
      ],
    ],
  ),
  moveLink: ifindexOf([HERE], [place('netns', isNetns, 1)]),
  deleteLink: ifindexOf(),
  addAddress: {
    args: () => [
      {
        ...{ ifindex: 1, ip: '10.0.0.1', prefixLength: 24, peer: '10.0.0.2', broadcast: '10.0.0.255', label: 'a:b' },
        ...{ scope: 'link', valid: 60, preferred: 30, metric: 1, protocol: 1, noDad: true, noPrefixRoute: true },
        ...{ mcAutoJoin: true, manageTempAddr: false, home: false, optimistic: false },
      },
    ],
    places: [
      place('address', never, 0),
      ...fields('address', 0, {
        ...{ ...key, peer: maybe(never), broadcast: maybe(never), label: maybe(isLabel), scope: maybe(isByte) },
        ...{ valid: maybe(isInteger(1, 2 ** 32 - 2)), preferred: maybe(isInteger(0, 60)) },
        ...{ metric: maybe(isUint), protocol: maybe(isByte), noDad: maybe(isBoolean), noPrefixRoute: maybe(isBoolean) },
        ...{ mcAutoJoin: maybe(isBoolean), manageTempAddr: isUnset, home: isUnset, optimistic: isUnset },
      }),
    ],
  },
  createAddress: {
    args: () => [
      {
        ...{ ifindex: 1, ip: '2001:db8::1', prefixLength: 64, noDad: true, manageTempAddr: true, home: true },
        ...{ optimistic: true, label: undefined, broadcast: undefined },
      },
    ],
    places: [
      place('address', never, 0),
      ...fields('address', 0, {
        ...{ ifindex: isIfindex, ip: never, prefixLength: isInteger(0, 128), manageTempAddr: maybe(isBoolean) },
        ...{ home: maybe(isBoolean), optimistic: maybe(isBoolean), label: isUnset, broadcast: isUnset },
      }),
    ],
  },
  deleteAddress: {
    args: () => [{ ifindex: 1, ip: '10.0.0.1', prefixLength: 32 }],
    places: [place('address', never, 0), ...fields('address', 0, key)],
  },
  resolveRoute: {
    args: () => ['10.0.0.1', { source: '10.0.0.2', oif: 1, iif: 1, mark: 1, udpPort: 1 }],
    places: [
      place('dst', never, 0),
      place('query', isOptions, 1),
      ...fields('query', 1, {
        ...{ source: maybe(never), oif: maybe(isIfindex), iif: maybe(isIfindex) },
        ...{ mark: maybe(isInteger(1, 2 ** 32 - 1)), udpPort: maybe(isPort) },
      }),
    ],
  },
  announceAddress: {
    args: () => [{ ifindex: 1, ip: '10.0.0.1', lladdr, router: false, override: true }],
    places: [
      place('announcement', never, 0),
      ...fields('announcement', 0, {
        ...{ ifindex: isIfindex, ip: never, lladdr: never, router: isBoolean, override: isBoolean },
      }),
    ],
  },
  readTxChecksum: ifindexOf(),
  writeTxChecksum: ifindexOf([true], [place('on', isBoolean, 1)]),
  applyEntries: {
    args: () => [table(), { throwOnFailure: true }],
    places: [
      ...tablePlaces('batch'),
      place('options', isOptions, 1),
      ...fields('', 1, { throwOnFailure: maybe(isBoolean) }),
    ],
  },
  release: {
    args: () => [table()],
    // The length of what nobody will read does not matter.
    places: [place('table', (value) => (value as { bytes?: unknown } | null)?.bytes instanceof Uint8Array, 0)],
  },
  monitor: {
    args: () => [
      {
        groups: ['link'],
        families: ['ipv4'],
        addressFamilies: [],
        onNotifications() {},
        ignoreOwn: true,
        receiveBufferBytes: 1,
      },
    ],
    places: [
      place('options', isEmptyObject, 0),
      ...fields('', 0, {
        ...{ groups: never, addressFamilies: (value) => value === undefined || isEmptyArray(value) },
        ...{ families: maybe(isEmptyArray), onNotifications: maybe((value) => typeof value === 'function') },
        ...{ queueEvents: maybe(isInteger(1, 1e6)), signal: maybe(never) },
        ...{ ignoreOwn: maybe(isBoolean), receiveBufferBytes: maybe(isInteger(1, 2 ** 26)) },
      }),
      place('groups[0]', never, 0, 'groups', 0),
      place('families[0]', isFamily, 0, 'families', 0),
    ],
  },
}

/** These take no signal and no time limit. */
const AT_ONCE = ['close', 'listNamespaces', 'monitor', 'release', 'subscribe', 'watchTable']

/** Methods of an Rtnl, each that waits for the kernel with what every such call takes last. */
export const METHODS: Readonly<Partial<Record<keyof Rtnl, Row>>> & Readonly<Record<string, Row>> = Object.fromEntries(
  Object.entries(ROWS).map(([name, row]) => [name, AT_ONCE.includes(name) ? row : withCallOptions(name, row)]),
)

function withCallOptions(name: string, { args, places }: Row): Row {
  // applyEntries has options of its own beside them.
  const index = name === 'applyEntries' ? 1 : args().length
  return {
    args() {
      const given = args()
      given[index] = { ...(given[index] as object | undefined), signal: undefined, timeoutMs: 60_000 }
      return given
    },
    places: [
      ...places,
      place('options', isOptions, index),
      ...fields('', index, { signal: maybe(never), timeoutMs: maybe(isInteger(1, 2 ** 31 - 1)) }),
    ],
  }
}

function isString(value: unknown): boolean {
  return typeof value === 'string'
}

/** What UTF-8 with a zero at its end can say. */
function isText(value: unknown): boolean {
  return typeof value === 'string' && !/[\0\p{Cs}]/u.test(value)
}

function isNumbers(value: unknown): boolean {
  return Array.isArray(value) && value.every(isUint)
}

function isLabels(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isInteger(0, 2 ** 20 - 1))
}

function isGroups(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isInteger(1, 2 ** 31 - 1))
}

function isEmptyArray(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

/** Methods of a writer of entries. */
export const WRITER: Readonly<Record<string, Row>> = {
  push: { args: () => ['replace', neighbour()], places: [place('op', never, 0), ...entryPlaces(1)] },
  copy: {
    args: () => ['replace', table(), 0],
    places: [place('op', never, 0), place('table', never, 1), place('index', isInteger(0, 0), 2)],
  },
  finish: { args: () => [], places: [] },
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(480)
  structuredClone(undefined, { transfer: [bytes.buffer] })
  return bytes
}

/** Fresh ones: some can be spoilt. None is legal where a text of a certain form is wanted. */
export const hostileValues = (): unknown[] => [
  ...[undefined, null, true, false, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 0, 0.5, 2],
  ...[300, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 31), 1e300, 1n, 2n ** 64n, Symbol('s'), Symbol.iterator],
  ...[
    '',
    'banana',
    'inet',
    'IPv4',
    '1',
    '0',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.1/33',
    '10.0.0.1/24',
    '1.2.3.4\0',
    'a\0b',
  ],
  ...['::1%lo', 'zz:00:00:00:00:00', 'x'.repeat(100), 'é'.repeat(2000), '\ud800', '../x\n', '__proto__', 'constructor'],
  ...[[], [1], [[]], {}, { length: 1 }, Object.create(null), { toString: () => '10.0.0.1' }, { valueOf: () => 1 }],
  ...[new String('10.0.0.1'), new Number(1), new Boolean(true), new Date(0), /x/, new Map(), new Set([1])],
  ...[Promise.resolve(1), () => '10.0.0.1', class {}, new Proxy({}, {}), new Proxy([], {}), new URL('file:///x')],
  ...[Buffer.from('/run'), new Uint8ClampedArray(480), new Uint16Array(240), new Float64Array(60), new Int8Array(480)],
  ...[new DataView(new ArrayBuffer(480)), new ArrayBuffer(480), new SharedArrayBuffer(480), detached()],
  ...[new Uint8Array(new SharedArrayBuffer(480)), Object.create(new Uint8Array(480))],
  new Proxy(new Uint8Array(480), {}),
  { bytes: new Uint8ClampedArray(480), length: 1 },
  ...[
    { bytes: new Uint8Array(47), length: 1 },
    { bytes: new Uint8Array(480), length: '1' },
  ],
]

/** Own keys to places where the value cannot stand, with what is there to be read. */
export function spoilt(args: unknown[], path: readonly (string | number)[], value: unknown): unknown[] {
  const [last, ...before] = path.toReversed()
  let at: unknown = args
  for (const step of before.toReversed()) {
    at = (at as Record<string | number, unknown>)[step]
  }
  Object.defineProperty(at, last ?? 0, { value, enumerable: true, writable: true, configurable: true })
  return args
}

/** Of all functions that are exported, those that are no class of errors. */
export function exportedFunctions(): string[] {
  return Object.entries(rtnlModule)
    .filter(([, value]) => typeof value === 'function' && !/^class\b/.test(Function.prototype.toString.call(value)))
    .map(([name]) => name)
}
