/**
 * What a program may do with the module, cut short wherever it may be: each act opens what it needs, ends it in a random way, and
 * leaves nothing behind. Must not: sample or judge.
 */
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises'
import { loadAddon } from '../../lib/addon/addon.ts'
import {
  attributes,
  message,
  type Netlink,
  openGeneric,
  openNetlink,
  pad,
  struct,
  u8,
  u16,
  u32,
} from '../../lib/netlink/index.ts'
import {
  type CallOptions,
  createEntryWriter,
  type EntryTable,
  type Ifindex,
  type Monitor,
  NetlinkError,
  NetlinkSocketError,
  NUD_PERMANENT,
  openRtnl,
  parseIp,
  parseLladdr,
  type Rtnl,
} from '../../lib/rtnl/index.ts'
import { openNftMonitor } from '../../lib/rtnl/native-nft-monitor.ts'
import type { Random } from '../kernel/healing/support/random.ts'

export interface Ground {
  /** A path, and in it a link that takes neighbours. */
  readonly netns: string
  readonly ifindex: Ifindex
  /** Tells neighbours and links of several that act at once apart: 0 to 200. */
  readonly lane: number
  readonly random: Random
}

export type Act = (ground: Ground) => Promise<unknown>

const RTM_GETLINK = 18
const RTM_GETROUTE = 26
const RTNLGRP_LINK = 1
const RTNLGRP_NEIGH = 3
const AF_INET = 2

const linkMessage = message(
  struct({ family: u8, pad: pad(1), type: u16, index: u32, flags: u32, change: u32 }),
  attributes({ mtu: [4, u32] }),
)
const routeMessage = message(
  struct({
    family: u8,
    dstLength: u8,
    srcLength: u8,
    tos: u8,
    table: u8,
    protocol: u8,
    scope: u8,
    type: u8,
    flags: u32,
  }),
  attributes({ oif: [4, u32] }),
)

/** Resolves however a call ended that may be cut short; rejects with what nothing here explains. */
async function cutShort(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (error instanceof NetlinkSocketError && ['ECANCELED', 'ETIMEDOUT'].includes(error.errnoName)) return
    // Links of other lanes come and go.
    if (error instanceof NetlinkError && ['ENODEV', 'ESRCH', 'ENETUNREACH'].includes(error.errnoName)) return
    if (error instanceof Error && error.name === 'AbortError') return
    throw error
  }
}

function batch({ ifindex, lane, random }: Ground, op: 'replace' | 'delete'): EntryTable {
  const writer = createEntryWriter()
  const lladdr = parseLladdr('0e:2a:00:00:00:01')
  for (let i = random.integer(600); i >= 0; i -= 1)
    writer.push(op, {
      kind: 'neighbour',
      ifindex,
      ip: parseIp(`10.${lane}.${i >> 8}.${i & 0xff}`),
      lladdr,
      state: NUD_PERMANENT,
      flags: 0,
      protocol: 118,
    })
  return writer.finish()
}

/** Some calls at once, each of which may have a limit or be aborted by `signal`; none of them is waited for. */
function calls(rtnl: Rtnl, ground: Ground, signal?: AbortSignal): Promise<void>[] {
  const { random, ifindex } = ground
  const kinds: readonly ((options: CallOptions) => Promise<unknown>)[] = [
    (options) => rtnl.dumpLinks(options),
    (options) => rtnl.dumpAddresses(undefined, options),
    (options) => rtnl.dumpRoutes(random.pick(['ipv4', 'ipv6'] as const), options),
    (options) => rtnl.dumpNeighbours('ipv4', ifindex, options),
    (options) => rtnl.dumpRules('ipv4', options),
    (options) => rtnl.resolveRoute(parseIp('127.0.0.1'), {}, options),
    (options) => rtnl.applyEntries(batch(ground, random.pick(['replace', 'delete'] as const)), options),
    (options) => rtnl.changeLink(ifindex, { mtu: 1400 + random.integer(100) }, options),
    (options) => askOpenFloor(rtnl, random, options),
  ]
  return Array.from({ length: 1 + random.integer(8) }, () => {
    const limited = random.pick<CallOptions>([{}, { signal }, { timeoutMs: 1 + random.integer(5) }])
    return cutShort(random.pick(kinds)(limited))
  })
}

/** With a callback: it keeps its thread alive. */
function hear(rtnl: Rtnl, { random }: Ground): Monitor {
  return rtnl.monitor({
    groups: ['link', 'neighbour', 'address', 'route'],
    families: ['ipv4'],
    ignoreOwn: random.integer(2) === 0,
    // The least makes overruns.
    receiveBufferBytes: random.pick([2048, 1 << 20]),
    onNotifications: () => undefined,
  })
}

async function openAndAsk(ground: Ground): Promise<void> {
  const rtnl = openRtnl({ netns: ground.netns })
  await Promise.all(calls(rtnl, ground))
  await rtnl.close()
}

async function closeInTheMiddle(ground: Ground): Promise<void> {
  const rtnl = openRtnl({ netns: ground.netns })
  const asked = calls(rtnl, ground)
  if (ground.random.integer(2) === 0) await turn()
  await Promise.all([...asked, rtnl.close(), rtnl.close()])
}

async function monitorAndWrite(ground: Ground): Promise<void> {
  const { random } = ground
  const rtnl = openRtnl({ netns: ground.netns })
  const monitors = Array.from({ length: 1 + random.integer(3) }, () => hear(rtnl, ground))
  const asked = calls(rtnl, ground)
  if (random.integer(2) === 0) monitors[0]?.hearEntries(random.integer(2) === 0)
  if (random.integer(2) === 0) await Promise.all(asked)
  if (random.integer(2) === 0) for (const monitor of monitors) monitor.close()
  await Promise.all([...asked, rtnl.close()])
}

/** A link of its own comes, hears of itself, and goes. */
async function createAndDelete({ netns, lane, random }: Ground): Promise<void> {
  const rtnl = openRtnl({ netns })
  const ifname = `soak-${lane}-${random.integer(1000)}`
  try {
    await rtnl.createBridge({ ifname })
    const link = (await rtnl.dumpLinks()).value.find((each) => each.ifname === ifname)
    if (link === undefined) throw new Error(`${ifname} was created and is not there`)
    await rtnl.deleteLink(link.ifindex)
  } finally {
    await rtnl.close()
  }
}

function askOpenFloor(
  netlink: Pick<Netlink, 'request' | 'dump'>,
  random: Random,
  options: CallOptions,
): Promise<unknown> {
  const link = { family: 0, type: 0, index: 1, flags: 0, change: 0 }
  const route = {
    ...{ family: AF_INET, dstLength: 0, srcLength: 0, tos: 0 },
    ...{ table: 0, protocol: 0, scope: 0, type: 0, flags: 0 },
  }
  const kinds = [
    () => netlink.request({ type: RTM_GETLINK, body: linkMessage, value: link, answer: linkMessage }, options),
    () => netlink.dump({ type: RTM_GETLINK, body: linkMessage, value: { ...link, index: 0 } }, options),
    () => netlink.dump({ type: RTM_GETROUTE, body: routeMessage, value: route, answer: routeMessage }, options),
  ]
  return random.pick(kinds)()
}

async function abort(ground: Ground): Promise<void> {
  const { netns, random } = ground
  const rtnl = openRtnl({ netns })
  const controller = new AbortController()
  const asked = calls(rtnl, ground, controller.signal)
  if (random.integer(3) > 0) await turn()
  controller.abort()
  if (random.integer(2) === 0) await Promise.all(asked)
  await Promise.all([...asked, rtnl.close()])
}

/** Until so many have come, or whatever ends it. */
async function readSome(events: AsyncIterable<unknown>, most: number): Promise<void> {
  let read = 0
  for await (const _ of events) {
    read += 1
    if (read >= most) break
  }
}

async function loop(ground: Ground): Promise<void> {
  const { netns, random } = ground
  const rtnl = openRtnl({ netns })
  const controller = new AbortController()
  const { signal } = controller
  const monitor = rtnl.monitor({ groups: ['link', 'neighbour'], queueEvents: random.pick([1, 1000]), signal })
  const reading = cutShort(readSome(monitor, 1 + random.integer(20)))
  const asked = calls(rtnl, ground)
  await wait(random.integer(5))
  random.pick([() => controller.abort(), () => monitor.close(), () => undefined])()
  await Promise.all([...asked, reading, rtnl.close()])
}

/** A live copy of a table, whose owner may be gone before the first dump. */
async function watch(ground: Ground): Promise<void> {
  const { netns, random } = ground
  const rtnl = openRtnl({ netns })
  const controller = new AbortController()
  const { signal } = controller
  const asked = calls(rtnl, ground)
  const opening = rtnl.watchTable(random.pick(['links', 'routes', 'neighbours', 'rules'] as const))
  const using = cutShort(
    opening.then(async (table) => {
      const reading = cutShort(readSome(table.changes({ queueChanges: random.pick([1, 1000]), signal }), 5))
      const settling = cutShort(table.settled({ signal }))
      await wait(random.integer(5))
      random.pick([() => controller.abort(), () => undefined])()
      if (random.integer(2) === 0) await table.close()
      else await rtnl.close()
      await Promise.all([reading, settling])
    }),
  )
  if (random.integer(3) === 0) await rtnl.close()
  await Promise.all([...asked, using])
  await rtnl.close()
}

async function subscribe({ netns, random }: Ground): Promise<void> {
  const netlink = openNetlink({ protocol: 'route', netns })
  const controller = new AbortController()
  const { signal } = controller
  const subscription = netlink.subscribe({
    groups: [RTNLGRP_LINK, RTNLGRP_NEIGH],
    receiveBufferBytes: random.pick([2048, 1 << 20]),
    queueEvents: random.pick([1, 1000]),
    signal,
  })
  const reading = cutShort(readSome(subscription, 1 + random.integer(20)))
  await wait(random.integer(5))
  random.pick([() => controller.abort(), () => subscription.close(), () => undefined])()
  await netlink.close()
  await reading
}

async function askFamilies({ netns }: Ground): Promise<void> {
  const generic = openGeneric({ netns })
  if ((await generic.family('nlctrl')) === undefined) throw new Error('the kernel has no nlctrl')
  if ((await generic.family('no-such-family')) !== undefined) throw new Error('the kernel has no-such-family')
  await generic.close()
}

async function hearTables({ netns, random }: Ground): Promise<void> {
  const ears = openNftMonitor({ netns, watched: [{ family: 'ipv4', table: 'filter' }], onNews: () => undefined })
  if (random.integer(2) === 0) await turn()
  ears.close()
}

/** What cannot be opened leaves nothing open. */
async function failToOpen({ random }: Ground): Promise<void> {
  const netns = random.pick(['/run/netns/no-such-namespace', '/proc/self/status', '/proc/self/ns/mnt'])
  const open = random.pick([() => openRtnl({ netns }), () => openNetlink({ protocol: 'route', netns })])
  try {
    open()
  } catch (error) {
    if (error instanceof NetlinkSocketError || error instanceof RangeError) return
    throw error
  }
  throw new Error(`${netns} was opened`)
}

/** The garbage collector closes it. */
async function forget(ground: Ground): Promise<void> {
  const rtnl = openRtnl({ netns: ground.netns })
  if (ground.random.integer(2) === 0) await rtnl.dumpLinks()
}

async function askXtables({ netns }: Ground): Promise<void> {
  await loadAddon().readXtablesSizes(netns, AF_INET, ['filter'])
}

export const ACTS: readonly Act[] = [
  openAndAsk,
  closeInTheMiddle,
  closeInTheMiddle,
  monitorAndWrite,
  monitorAndWrite,
  createAndDelete,
  abort,
  abort,
  loop,
  watch,
  subscribe,
  askFamilies,
  hearTables,
  failToOpen,
  forget,
  askXtables,
]

/** For a thread that ends in the middle: everything is in flight when it returns, what it opened is returned. */
export function startEverything(ground: Ground): { readonly monitor: Monitor; readonly ears: { close(): void } } {
  const rtnl = openRtnl({ netns: ground.netns })
  const netlink = openNetlink({ protocol: 'route', netns: ground.netns })
  const monitor = hear(rtnl, ground)
  const ears = openNftMonitor({
    netns: ground.netns,
    watched: [{ family: 'ipv4', table: 'filter' }],
    onNews: () => undefined,
  })
  for (const call of calls(rtnl, ground)) call.catch(() => undefined)
  const { signal } = new AbortController()
  for (let i = 0; i < 3; i += 1)
    askOpenFloor(netlink, ground.random, { signal, timeoutMs: 5000 }).catch(() => undefined)
  loadAddon()
    .readXtablesSizes(ground.netns, AF_INET, ['filter'])
    .catch(() => undefined)
  return { monitor, ears }
}
