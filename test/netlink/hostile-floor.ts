/**
 * Rows of hostile calls (test/rtnl/hostile-rows.ts) of the open floor, `vtepd/netlink`, and of what is opened over it: what each
 * function and method takes, and in which places. One without a row fails the test.
 */
import { types } from 'node:util'
import { attributes, struct, u8 } from '../../lib/netlink/index.ts'
import {
  fields,
  isBoolean,
  isByte,
  isEmptyArray,
  isEmptyObject,
  isIfindex,
  isIfname,
  isInteger,
  isNetns,
  isOptions,
  isPort,
  isShort,
  isUint,
  maybe,
  never,
  place,
  type Row,
} from '../rtnl/hostile-rows.ts'

/** Its keys are names of its own choice. */
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)
const isId = isInteger(0, 0x3fff)
const isFunction = (value: unknown): boolean => typeof value === 'function'
const body = struct({ family: u8 })
const opening = [
  place('options', isOptions, 0),
  ...fields('', 0, { netns: maybe(isNetns), timeoutMs: maybe(isInteger(1, 2 ** 31 - 1)) }),
]

/** Functions of the module, by name. */
export const FLOOR: Readonly<Record<string, Row>> = {
  attributes: {
    args: () => [{ a: [1, u8] }],
    places: [
      place('fields', isObject, 0),
      place('a', never, 0, 'a'),
      place('a', isId, 0, 'a', 0),
      place('a', never, 0, 'a', 1),
    ],
  },
  decodePayload: {
    args: () => [body, Uint8Array.of(1)],
    places: [place('codec', never, 0), place('payload', isBytes, 1)],
  },
  eachAttribute: {
    args: () => [new DataView(new ArrayBuffer(8)), 0, 8, () => undefined],
    places: [
      place('view', (value) => types.isDataView(value), 0),
      place('start', isInteger(0, 8), 1),
      place('end', isInteger(0, 8), 2),
      place('visit', isFunction, 3),
    ],
  },
  encodeMessage: {
    args: () => [18, 0, body, { family: 2 }],
    places: [
      place('type', isInteger(16, 65_535), 0),
      place('flags', isShort, 1),
      place('codec', never, 2),
      place('value', isObject, 3),
      place('family', maybe(isByte), 3, 'family'),
    ],
  },
  listOf: {
    args: () => [u8, { id: 1 }],
    places: [place('item', never, 0), place('options', isOptions, 1), place('id', maybe(isId), 1, 'id')],
  },
  message: {
    args: () => [body, attributes({ a: [1, u8] })],
    places: [place('fixed', never, 0), place('schema', never, 1)],
  },
  oneOf: {
    args: () => [u8, { a: 1 }],
    places: [
      place('codec', never, 0),
      place('names', isObject, 1),
      place('a', isInteger(-(2 ** 31), 2 ** 32 - 1), 1, 'a'),
    ],
  },
  openGeneric: { args: () => [{ netns: 'banana', timeoutMs: 1 }], places: opening },
  openNetlink: {
    args: () => [{ protocol: 'route', netns: 'banana', timeoutMs: 1 }],
    places: [...opening, place('protocol', isInteger(0, 31), 0, 'protocol')],
  },
  packed: { args: () => [u8], places: [place('item', never, 0)] },
  pad: { args: () => [1], places: [place('count', isShort, 0)] },
  struct: {
    args: () => [{ a: u8 }, { whole: true }],
    places: [
      place('fields', isObject, 0),
      place('a', never, 0, 'a'),
      place('options', isOptions, 1),
      place('whole', maybe(isBoolean), 1, 'whole'),
    ],
  },
}

/** A request for all links, and one of generic netlink. */
const query = () => ({ type: 18, flags: 0, body, value: { family: 0 } })
const callPlaces = [
  place('options', isOptions, 1),
  ...fields('', 1, { signal: maybe(never), timeoutMs: maybe(isInteger(1, 2 ** 31 - 1)) }),
]
const call = () => ({ signal: undefined, timeoutMs: 60_000 })
export const queryRow: Row = {
  args: () => [query()],
  places: [
    place('query', isEmptyObject, 0),
    ...fields('', 0, { type: isInteger(16, 65_535), flags: maybe(isShort), body: never }),
    ...fields('', 0, { answer: maybe(never), answerType: maybe(isShort), answerFamily: maybe(isByte) }),
    ...fields('', 0, { op: maybe(isString), subject: maybe(isString), value: isObject }),
    place('family', maybe(isByte), 0, 'value', 'family'),
  ],
}
const withCall = (row: Row): Row => ({
  args: () => [...row.args(), call()],
  places: [...row.places, ...callPlaces],
})
const subscriptionPlaces = (index: number) =>
  fields('', index, {
    ...{
      receiveBufferBytes: maybe(isInteger(1, 2 ** 26)),
      queueEvents: maybe(isInteger(1, 1e6)),
      signal: maybe(never),
    },
    ...{ onEvents: maybe(isFunction), onError: maybe(isFunction) },
  })
export const subscribeRow: Row = {
  args: () => [{ groups: [1], receiveBufferBytes: 1, queueEvents: 1, signal: undefined, onEvents() {} }],
  places: [
    place('options', isEmptyObject, 0),
    place('groups', isGroups, 0, 'groups'),
    place('groups[0]', isIfindex, 0, 'groups', 0),
    ...subscriptionPlaces(0),
  ],
}
const nothing: Row = { args: () => [], places: [] }

/** Methods of a Netlink. */
export const NETLINK: Readonly<Record<string, Row>> = {
  request: withCall(queryRow),
  dump: withCall(queryRow),
  subscribe: subscribeRow,
  close: nothing,
}

/** Methods of a Generic, and of a family of it. */
export const GENERIC: Readonly<Record<string, Row>> = {
  family: withCall({ args: () => ['nlctrl'], places: [place('name', isFamilyName, 0)] }),
  close: nothing,
}
const genericRow = withCall({
  args: () => [{ command: 1, schema: attributes({ a: [1, u8] }), value: { a: 1 }, flags: 0 }],
  places: [
    place('query', isEmptyObject, 0),
    ...fields('', 0, { command: isByte, schema: never, value: isObject, flags: maybe(isShort) }),
    ...fields('', 0, { op: maybe(isString), subject: maybe(isString) }),
    place('a', maybe(isByte), 0, 'value', 'a'),
  ],
})
export const FAMILY: Readonly<Record<string, Row>> = {
  request: genericRow,
  dump: genericRow,
  subscribe: {
    args: () => [['notify'], { receiveBufferBytes: 1, queueEvents: 1, signal: undefined, onEvents() {} }],
    places: [
      place('groups', never, 0),
      place('groups[0]', never, 0, 0),
      place('options', isOptions, 1),
      ...subscriptionPlaces(1),
    ],
  },
  codec: { args: () => [attributes({ a: [1, u8] })], places: [place('schema', never, 0)] },
}

/** Methods of a ByteWriter, which codecs of a caller's own write with; it has eight bytes. */
export const BYTES: Readonly<Record<string, Row>> = {
  u8: { args: () => [1], places: [place('u8', isByte, 0)] },
  u16: { args: () => [1], places: [place('u16', isShort, 0)] },
  u32: { args: () => [1], places: [place('u32', isUint, 0)] },
  u64: {
    args: () => [1n],
    places: [place('u64', (value) => typeof value === 'bigint' && BigInt.asUintN(64, value) === value, 0)],
  },
  bytes: { args: () => [Uint8Array.of(1)], places: [place('bytes', isBytes, 0)] },
  zeros: { args: () => [1], places: [place('count', isInteger(0, 2 ** 24), 0)] },
  align: nothing,
  patchU16: {
    args: () => [0, 1],
    places: [place('offset', isInteger(0, 6), 0), place('value', isShort, 1)],
  },
  patchU32: { args: () => [0, 1], places: [place('offset', isInteger(0, 4), 0), place('value', isUint, 1)] },
  attribute: {
    args: () => [1, false, 'name', () => undefined],
    places: [place('id', isId, 0), place('body', isFunction, 3)],
  },
  finish: nothing,
}

const key = `${'A'.repeat(43)}=`

/** Methods of a Wireguard. */
export const WIREGUARD: Readonly<Record<string, Row>> = {
  getDevice: withCall({ args: () => ['wg0'], places: [place('link', isLink, 0)] }),
  setDevice: {
    args: () => [
      'wg0',
      {
        ...{ privateKey: key, listenPort: 1, fwmark: 1, replacePeers: true },
        peers: [
          {
            ...{ publicKey: key, presharedKey: key, persistentKeepalive: 1, updateOnly: true, replaceAllowedIps: true },
            ...{ endpoint: { ip: 'fe80::1', port: 1, scope: 1, flowLabel: 1 }, allowedIps: ['10.0.0.0/8'] },
          },
        ],
      },
      call(),
    ],
    places: [
      place('link', isLink, 0),
      place('device', isEmptyObject, 1),
      ...fields('device', 1, {
        ...{ privateKey: isNoKey, listenPort: maybe(isShort), fwmark: maybe(isUint), replacePeers: maybe(isBoolean) },
        peers: maybe(isEmptyArray),
      }),
      place('device.peers[0]', never, 1, 'peers', 0),
      ...Object.entries({
        ...{ publicKey: never, presharedKey: isNoKey, persistentKeepalive: maybe(isShort), remove: maybe(isBoolean) },
        ...{ updateOnly: maybe(isBoolean), replaceAllowedIps: maybe(isBoolean), endpoint: maybe(never) },
        allowedIps: maybe(isEmptyArray),
      }).map(([name, legal]) => place(`device.peers[0].${name}`, legal, 1, 'peers', 0, name)),
      ...Object.entries({
        ...{ ip: never, port: isPort, scope: maybe(isIfindex), flowLabel: maybe(isInteger(0, 2 ** 20 - 1)) },
      }).map(([name, legal]) => place(`device.peers[0].endpoint.${name}`, legal, 1, 'peers', 0, 'endpoint', name)),
      place('device.peers[0].allowedIps[0]', (value) => value === '10.0.0.1/24', 1, 'peers', 0, 'allowedIps', 0),
      ...callPlaces.map((one) => ({ ...one, path: [2, ...one.path.slice(1)] })),
    ],
  },
  close: nothing,
}

function isString(value: unknown): boolean {
  return typeof value === 'string'
}

function isGroups(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isIfindex)
}

function isFamilyName(value: unknown): boolean {
  return typeof value === 'string' && /^[^\0\p{Cs}]{1,15}$/u.test(value)
}

function isBytes(value: unknown): boolean {
  return types.isUint8Array(value)
}

function isLink(value: unknown): boolean {
  return isIfindex(value) || isIfname(value)
}

function isNoKey(value: unknown): boolean {
  return value === undefined || value === null
}
