/**
 * Every function of `vtepd/rtnl` with arguments that it takes, which values each place of them may have, and values of which
 * hardly a place may have any. A function without a row fails the test: say here what it takes.
 */

import type { Rtnl } from '../../lib/rtnl/index.ts'
import * as rtnlModule from '../../lib/rtnl/index.ts'
import { queryRow, subscribeRow } from '../netlink/hostile-floor.ts'
import {
  familyRow,
  fields,
  HERE,
  ifindexOf,
  isBoolean,
  isByte,
  isEmptyArray,
  isEmptyObject,
  isFamily,
  isIfindex,
  isIfname,
  isInteger,
  isLabel,
  isMtu,
  isNetns,
  isOneOf,
  isOptions,
  isPort,
  isUint,
  isUnset,
  key,
  lladdr,
  maybe,
  never,
  type Place,
  place,
  plain,
  type Row,
} from './hostile-rows.ts'
import { VALUES } from './hostile-values.ts'

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
  subscribe: subscribeRow,
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
      place('vxlan', never, 0),
      ...fields('vxlan', 0, { ifname: isIfname, lladdr: maybe(never), mtu: maybe(isMtu) }),
      ...fields('vxlan', 0, {
        ...{ vni: isInteger(0, 2 ** 24 - 1), local: maybe(never), parent: maybe(isIfindex) },
        ...{ port: maybe(isPort), learning: maybe(isBoolean), gbp: maybe(isBoolean) },
      }),
    ],
  },
  createVeth: {
    args: () => [{ ifname: 'a', lladdr, mtu: 1500, peer: { ifname: 'b', lladdr, mtu: 1500, netns: HERE } }],
    places: [
      place('veth', never, 0),
      ...fields('veth', 0, plain),
      place('veth.peer', never, 0, 'peer'),
      ...fields('veth.peer', 0, { ...plain, netns: maybe(isNetns) }).map((one) => ({
        ...one,
        path: [0, 'peer', ...one.path.slice(1)],
      })),
    ],
  },
  createBridge: {
    args: () => [{ ifname: 'a', lladdr, mtu: 1500 }],
    places: [place('bridge', never, 0), ...fields('bridge', 0, plain)],
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

/** Of all functions that a module exports, those that are no class. */
export function exportedFunctions(module: object): string[] {
  return Object.entries(module)
    .filter(([, value]) => typeof value === 'function' && !/^class\b/.test(Function.prototype.toString.call(value)))
    .map(([name]) => name)
}
