/** The addon checks again what lib/rtnl has checked: a wrong argument is EINVAL, never 0, and never ends the process. */
import assert from 'node:assert/strict'
import test from 'node:test'
import * as abi from '../../lib/addon/abi.ts'
import { type Addon, type AddonSocket, loadAddon, type Outcome } from '../../lib/addon/addon.ts'
import { encodeMessage, pad, struct, u8 } from '../../lib/netlink/index.ts'
import { packEntries, parseIfindex, parseIp, parseLladdr } from '../../lib/rtnl/index.ts'
import {
  encodeAddress,
  encodeAnnouncement,
  encodeChange,
  encodePlainLink,
  encodeQuery,
} from '../../lib/rtnl/records.ts'
import { kernelTests } from '../support/netns.ts'
import { hostileValues } from './hostile-calls.ts'
import { createStage } from './support.ts'

type Any = (...args: unknown[]) => unknown
const EINVAL = 22
const ifindex = parseIfindex(1)
const ip = parseIp('192.0.2.1')
const bytes = (...values: readonly number[]): Uint8Array => Uint8Array.from(values)

function assertRefused(outcome: unknown, what: string): void {
  const { kind, errno } = (outcome ?? {}) as Partial<Outcome>
  assert.deepEqual([kind, errno], [abi.OUTCOME_SOCKET, EINVAL], what)
}

/** Of each method arguments that are right, and for each of them the values that are as well. */
const METHODS: Readonly<
  Record<string, readonly [args: () => unknown[], legal: readonly ((value: unknown) => boolean)[]]>
> = {
  dump: [() => [abi.DUMP_FDB, 0, 1], [no, (v) => v === 0, isIfindex]],
  createLink: [
    () => [encodePlainLink({ kind: 'bridge', ifname: 'b' }), undefined, ''],
    [no, (v) => v === undefined, (v) => v === ''],
  ],
  changeLink: [() => [encodeChange(ifindex, { up: true })], [no]],
  moveLink: [
    () => [1, '/run/netns/nowhere'],
    [isIfindex, (v) => typeof v === 'string' && v !== '' && !v.includes('\0')],
  ],
  deleteLink: [() => [1], [isIfindex]],
  addAddress: [() => [encodeAddress({ ifindex, ip, prefixLength: 32 })], [no]],
  deleteAddress: [() => [encodeAddress({ ifindex, ip, prefixLength: 32 })], [no]],
  announceAddress: [
    () => [
      encodeAnnouncement({ ifindex, ip, lladdr: parseLladdr('0e:00:00:00:00:01'), router: false, override: false }),
    ],
    [no],
  ],
  readTxChecksum: [() => [1], [isIfindex]],
  writeTxChecksum: [() => [1, 0], [isIfindex, (v) => v === 0]],
  resolveRoute: [() => [encodeQuery(ip, {})], [no]],
  getFdb: [() => [packEntries([]).bytes], [isWhole]],
  apply: [() => [packEntries([]).bytes], [isWhole]],
  transact: [() => [linksRequest(), true], [no, (v) => typeof v === 'boolean']],
}

/** RTM_GETLINK of everything. */
function linksRequest(): Uint8Array {
  return encodeMessage(18, 0x300, struct({ family: u8, rest: pad(15) }), {})
}

function no(): boolean {
  return false
}
function isIfindex(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) < 2 ** 31
}
/** Whole entries: also in shared memory, of which a copy is taken. */
function isWhole(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object Uint8Array]' && (value as Uint8Array).length % 48 === 0
}

async function withSocket(netns: string, use: (socket: AddonSocket, addon: Addon) => Promise<void>): Promise<void> {
  const addon = loadAddon()
  const { socket } = addon.openSocket(netns, 1000, 0, 4096, 0, 0)
  assert.ok(socket)
  await use(socket, addon)
  await socket.close()
}

test('every argument of every method of a socket is looked at', kernelTests, async (t) => {
  const { netns } = await createStage(t)
  await withSocket(netns.path, async (socket) => {
    const call = (name: string, args: unknown[]): unknown =>
      ((socket as unknown as Record<string, Any>)[name] as Any).apply(socket, args)
    const known = Object.getOwnPropertyNames(Object.getPrototypeOf(socket)).filter((name) => name !== 'constructor')
    assert.deepEqual(
      [...Object.keys(METHODS), 'close', 'monitor', 'nameNext', 'subscribe', 'withdraw'].sort(),
      known.sort(),
    )
    for (const [name, [args, legal]] of Object.entries(METHODS))
      for (const [i, isLegal] of legal.entries())
        for (const [k, value] of hostileValues().entries()) {
          if (isLegal(value)) continue
          const spoilt = args()
          spoilt[i] = hostileValues()[k]
          assertRefused(await call(name, spoilt), `${name}, ${i}: ${typeof value} ${k}`)
        }
    const groups = bytes(1)
    for (const args of [
      [],
      [groups, true, 4096, 4096, undefined],
      [groups, true, 4096, 4096, {}],
      [groups, 1, 4096, 4096, () => {}],
      [groups, true, -1, 4096, () => {}],
      [groups, true, 4096, 2 ** 24 + 1, () => {}],
      [groups, true, 4096, 15, () => {}],
      [[1], true, 4096, 4096, () => {}],
      [bytes(), true, 4096, 4096, () => {}],
      [new Uint8Array(65), true, 4096, 4096, () => {}],
      [bytes(255), true, 4096, 4096, () => {}],
    ])
      assertRefused(call('monitor', args), `monitor(${args.length})`)
    const words = bytes(1, 0, 0, 0)
    for (const args of [
      [],
      [bytes(1, 0, 0), 4096, 4096, () => {}],
      [bytes(), 4096, 4096, () => {}],
      [new Uint8Array(260), 4096, 4096, () => {}],
      [words, -1, 4096, () => {}],
      [words, 4096, 15, () => {}],
      [words, 4096, 4096, {}],
    ])
      assertRefused(call('subscribe', args), `subscribe(${args.length})`)
    for (const value of [...hostileValues(), bytes(1, 0, 0)]) {
      call('withdraw', [value])
      call('nameNext', [value])
    }
    const { monitor } = socket.monitor(groups, true, 4096, 4096, () => {})
    assert.equal(monitor?.hearEntries(1 as never), EINVAL)
    monitor?.close()
    assert.throws(() => new (socket.constructor as new () => unknown)(), TypeError)
    for (const other of [{}, monitor]) assert.throws(() => (socket.dump as Any).call(other), TypeError)
  })
})

test('records that no message can say are refused, whatever their bytes', kernelTests, async (t) => {
  const { netns } = await createStage(t)
  await withSocket(netns.path, async (socket) => {
    const link = (
      spoil: (record: Uint8Array) => void,
      of = encodePlainLink({ kind: 'bridge', ifname: 'b' }),
    ): Uint8Array => {
      spoil(of)
      return of
    }
    const refused = async (outcome: Promise<Outcome>, what: string) => assertRefused(await outcome, what)
    await refused(
      socket.createLink(
        link((r) => r.fill(0x61, abi.LINK_IFNAME, abi.LINK_IFNAME + 16)),
        undefined,
        '',
      ),
      'name',
    )
    await refused(
      socket.createLink(
        link((r) => r.fill(0x61, abi.LINK_KIND, abi.LINK_KIND + 16)),
        undefined,
        '',
      ),
      'kind',
    )
    await refused(
      socket.createLink(
        link((r) => r.fill(0, abi.LINK_KIND, abi.LINK_KIND + 16)),
        undefined,
        '',
      ),
      'no kind',
    )
    await refused(
      socket.createLink(
        link((r) => r.fill(0xff, abi.LINK_FIELDS, abi.LINK_FIELDS + 4)),
        undefined,
        '',
      ),
      'fields',
    )
    const change = encodeChange(ifindex, { ifname: 'lo2' })
    await refused(socket.changeLink(link((r) => r.fill(0, 0, 4), change)), 'no index')
    await refused(socket.changeLink(link((r) => r.fill(0xff, 0, 4), change)), 'negative index')
    const address = encodeAddress({ ifindex, ip, prefixLength: 32 })
    for (const [at, value] of [
      [abi.ADDRESS_FAMILY, 7],
      [abi.ADDRESS_PREFIX_LENGTH, 33],
      [abi.ADDRESS_IFINDEX, 0],
    ] as const)
      await refused(socket.addAddress(address.with(at, value)), `address ${at}`)
    await refused(socket.resolveRoute(encodeQuery(ip, {}).with(abi.QUERY_FAMILY, 9)), 'query')
    for (const [what, family, index] of [
      [abi.DUMP_ROUTES, 0, 0],
      [abi.DUMP_ROUTES, 7, 0],
      [abi.DUMP_ROUTES, 2, 1],
      [abi.DUMP_NEIGHBOURS, 2, 0],
      [abi.DUMP_ADDRESSES, 9, 0],
      [0, 0, 0],
      [7, 0, 0],
    ] as const)
      await refused(socket.dump(what, family, index), `dump ${what}`)
    const entry = new Uint8Array(48)
    entry.set(bytes(abi.OP_CREATE, abi.KIND_ROUTE, abi.AF_INET, 24, 10, 0, 0, 1))
    const spoilt = [
      entry,
      entry.with(abi.OFFSET_DST_LENGTH, 33),
      entry.with(abi.OFFSET_FAMILY, 7),
      entry.with(abi.OFFSET_KIND, 9),
      entry.with(abi.OFFSET_OP, 9),
      entry.with(7, 0).with(abi.OFFSET_FLAGS, abi.ENTRY_MULTIPATH),
      entry.with(7, 0).fill(0xff, abi.OFFSET_IFINDEX, abi.OFFSET_IFINDEX + 4),
    ]
    const outcome = await socket.apply(Uint8Array.from(spoilt.flatMap((one) => [...one])))
    assert.deepEqual(
      [...outcome.errnos],
      spoilt.map(() => EINVAL),
    )
  })
})

test('every argument of the functions of the addon is looked at', async () => {
  const addon = loadAddon()
  const right = ['', 1000, 0, 4096, 0, 0]
  for (const i of right.keys())
    for (const [k, value] of hostileValues().entries()) {
      if (typeof value === (i === 0 ? 'string' : 'number')) continue
      const args: unknown[] = [...right]
      args[i] = hostileValues()[k]
      assertRefused((addon.openSocket as Any)(...args), `openSocket, ${i}: ${typeof value}`)
    }
  for (const args of [
    ['a\0b', 1000, 0, 4096, 0, 0],
    ['x'.repeat(5000), 1000, 0, 4096, 0, 0],
    ['', 0, 0, 4096, 0, 0],
    ['', 0.5, 0, 4096, 0, 0],
    ['', Number.NaN, 0, 4096, 0, 0],
    ['', 1, 65_537, 4096, 0, 0],
    ['', 1, 0, 15, 0, 0],
    ['', 1, 0, 2 ** 24 + 1, 0, 0],
    ['', 1, 0, 4096, 2 ** 26 + 1, 0],
    ['', 1, 0, 4096, 0, 32],
  ])
    assertRefused((addon.openSocket as Any)(...args), `openSocket(${args.slice(1)})`)
  for (const args of [
    [],
    ['', bytes(2), ['t'], 4096, () => {}],
    ['', bytes(2), 'names', 4096, () => {}],
    ['', bytes(2), { length: 2 }, 4096, () => {}],
    ['', bytes(2), ['t', 1], 4096, () => {}],
    ['', [2], ['t', ''], 4096, () => {}],
    ['', bytes(2), ['t', ''], 4096, 'callback'],
    [0, bytes(2), ['t', ''], 4096, () => {}],
  ])
    assertRefused((addon.openNftMonitor as Any)(...args), 'openNftMonitor')
  for (const args of [
    [],
    ['', 2, 'filter'],
    ['', 2, [1]],
    ['', '2', ['filter']],
    [undefined, 2, ['filter']],
    ['', 2, ['a\0b']],
  ])
    assertRefused(await (addon.readXtablesSizes as Any)(...args), 'readXtablesSizes')
  for (const args of [[], ['@x'], [1, 'text'], ['@x', 1], ['', 'text']])
    assertRefused((addon.sendDatagram as Any)(...args), 'sendDatagram')
  for (const args of [[], [bytes(1, 2, 3, 4)], [bytes(1, 2, 3), 1], [bytes(1, 2, 3, 4), 65_536], ['1.2.3.4', 1]])
    assertRefused((addon.openUdp as Any)(...args), 'openUdp')
  // A getter's own exception is its caller's.
  const names = ['t', '']
  Object.defineProperty(names, 0, {
    get() {
      throw new Error('as planned')
    },
  })
  assert.throws(() => addon.openNftMonitor('', bytes(2), names, 4096, () => {}), /as planned/)
  for (const value of hostileValues()) addon.release(value as ArrayBuffer)
})
