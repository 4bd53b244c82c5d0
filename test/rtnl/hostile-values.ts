/** Rows of what is read and written as whole values (lib/rtnl/open.ts). */
import {
  fields,
  HERE,
  ifindexOf,
  isBoolean,
  isByte,
  isEmptyObject,
  isFamily,
  isId,
  isIfindex,
  isIfname,
  isInteger,
  isLinkName,
  isMtu,
  isNetns,
  isNetwork,
  isOneOf,
  isOptions,
  isPort,
  isShort,
  isUint,
  isUnset,
  isVid,
  type Legal,
  lladdr,
  maybe,
  never,
  type Place,
  place,
  type Row,
} from './hostile-rows.ts'

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
export const VALUES: Readonly<Record<string, Row>> = {
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
