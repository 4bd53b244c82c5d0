/** What the tests of the real door share: an Rtnl in a namespace of its own, entries in short, and waiting for news. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { TestContext } from 'node:test'
import type {
  Entry,
  EntryOp,
  EntryTable,
  Ifindex,
  Link,
  MonitorGroup,
  MonitorOptions,
  Notification,
  RouteEntry,
  Rtnl,
  RtnlOptions,
  VxlanSpec,
} from '../../lib/rtnl/index.ts'
import {
  createEntryWriter,
  openRtnl,
  parseCidr,
  parseIp,
  parseLladdr,
  RTPROT_VTEPD,
  unpackEntries,
} from '../../lib/rtnl/index.ts'
import { createNetns, type Netns } from '../support/netns.ts'

/** The limits under which every scenario has to give the same result. */
export const LIMITS: readonly (readonly [string, RtnlOptions])[] = [
  ['with the usual buffers', {}],
  ['with buffers of 256 bytes', { bufferBytes: 256 }],
  ['with buffers of 16 bytes and chunks of one', { bufferBytes: 16, chunkEntries: 1 }],
]

export interface Stage {
  readonly netns: Netns
  readonly rtnl: Rtnl
}

/** A fresh namespace and a door to it; both gone when the test ends. */
export async function createStage(t: TestContext, options: RtnlOptions = {}): Promise<Stage> {
  const netns = await createNetns(t)
  const rtnl = openRtnl({ ...options, netns: netns.path })
  t.after(() => rtnl.close())
  return { netns, rtnl }
}

export const VXLAN: VxlanSpec = {
  ifname: 'flannel.1',
  vni: 1,
  local: parseIp('192.0.2.1'),
  parent: undefined,
  lladdr: parseLladdr('0e:2a:00:00:00:01'),
  mtu: 1450,
  port: 8472,
  learning: false,
  gbp: false,
}

export async function linkNamed(rtnl: Rtnl, ifname: string): Promise<Link> {
  const link = (await rtnl.dumpLinks()).value.find((each) => each.ifname === ifname)
  assert.ok(link, `no link ${ifname}`)
  return link
}

/** An underlay address of each family, for a device whose remotes are of that family. */
export const LOCAL = { ipv4: parseIp('192.0.2.1'), ipv6: parseIp('2001:db8:1::1') }

/** A VXLAN device that is up, with an overlay address of both families. */
export async function createDevice(rtnl: Rtnl, spec: Partial<VxlanSpec> = {}): Promise<Ifindex> {
  const whole = { ...VXLAN, ...spec }
  await rtnl.createVxlan(whole)
  const { ifindex } = await linkNamed(rtnl, whole.ifname)
  await rtnl.changeLink(ifindex, { up: true })
  await rtnl.addAddress({ ifindex, ip: parseIp('10.42.1.0'), prefixLength: 32, noDad: true })
  await rtnl.addAddress({ ifindex, ip: parseIp('fd42:0:0:1::'), prefixLength: 128, noDad: true })
  return ifindex
}

/** The three entries of one peer, numbered 0 … 65535, as vtepd programs them. */
export function peerEntries(ifindex: Ifindex, family: 'ipv4' | 'ipv6', number: number): Entry[] {
  const lladdr = parseLladdr(
    `0e:2b:00:00:${[number >> 8, number & 0xff].map((n) => n.toString(16).padStart(2, '0')).join(':')}`,
  )
  const subnet = family === 'ipv4' ? `10.${64 + (number >> 8)}.${number & 0xff}.0` : `fd42:0:1:${number.toString(16)}::`
  const remote = family === 'ipv4' ? `198.18.${number >> 8}.${number & 0xff}` : `2001:db8::${(number + 1).toString(16)}`
  const gateway = parseIp(subnet)
  return [
    { kind: 'neighbour', ifindex, ip: gateway, lladdr, state: 0x80, flags: 0, protocol: RTPROT_VTEPD },
    { kind: 'fdb', ifindex, lladdr, remote: parseIp(remote), state: 0x80, flags: 0x02, extras: false },
    routeEntry({
      dst: parseCidr(`${subnet}/${family === 'ipv4' ? 24 : 64}`),
      metric: number + 1,
      gateway,
      oif: ifindex,
      onlink: true,
    }),
  ]
}

export function routeEntry(fields: Partial<RouteEntry> & Pick<RouteEntry, 'dst'>): RouteEntry {
  return {
    kind: 'route',
    metric: 0,
    gateway: undefined,
    oif: undefined,
    onlink: false,
    protocol: RTPROT_VTEPD,
    type: 1,
    scope: 0,
    extras: false,
    dead: false,
    multipath: false,
    ...fields,
  }
}

export function batchOf(op: EntryOp, entries: Iterable<Entry>): EntryTable {
  const writer = createEntryWriter()
  for (const entry of entries) writer.push(op, entry)
  return writer.finish()
}

/** Applies and insists that every entry was done. */
export async function apply(rtnl: Rtnl, op: EntryOp, entries: Iterable<Entry>): Promise<void> {
  const { failures, unknown } = await rtnl.applyEntries(batchOf(op, entries))
  assert.deepEqual({ failures, unknown }, { failures: [], unknown: 0 })
}

/** All neighbours, FDB entries and own routes of one family, unpacked; what the kernel made by itself left out. */
export async function ownEntries(rtnl: Rtnl, ifindex: Ifindex, family: 'ipv4' | 'ipv6'): Promise<Entry[]> {
  const neighbours = unpackEntries((await rtnl.dumpNeighbours(family, ifindex)).value)
  const fdb = unpackEntries((await rtnl.dumpFdb(ifindex)).value)
  const routes = unpackEntries((await rtnl.dumpRoutes(family)).value)
  return [
    ...neighbours.filter((entry) => entry.kind === 'neighbour' && entry.state === 0x80),
    ...fdb,
    ...routes.filter((entry) => entry.kind === 'route' && entry.protocol === RTPROT_VTEPD),
  ]
}

/** Commands of iproute2, one a line and raw: what is no UTF-8 can be said too. */
export async function ipBatch(
  t: TestContext,
  netns: Netns,
  lines: readonly (string | Buffer)[],
  ...flags: string[]
): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'batch')
  writeFileSync(file, Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')])))
  await netns.exec('ip', ...flags, '-batch', file)
}

export interface Listener {
  readonly heard: readonly Notification[]
  /** Resolves with the first notification, past or future, that matches. The test's own time limit bounds the wait. */
  until(matches: (notification: Notification) => boolean): Promise<Notification>
  hearEntries(heard: boolean): void
  close(): void
}

export function listen(
  t: TestContext,
  rtnl: Rtnl,
  groups: readonly MonitorGroup[],
  options: Partial<MonitorOptions> = {},
): Listener {
  const heard: Notification[] = []
  const waiting = new Set<() => void>()
  const monitor = rtnl.monitor({
    groups,
    families: ['ipv4', 'ipv6'],
    ...options,
    onNotifications(notifications) {
      heard.push(...notifications)
      for (const look of [...waiting]) look()
    },
  })
  t.after(() => monitor.close())
  return {
    heard,
    until: (matches) =>
      new Promise((resolve) => {
        const look = (): void => {
          const found = heard.find(matches)
          if (found === undefined) return
          waiting.delete(look)
          resolve(found)
        }
        waiting.add(look)
        look()
      }),
    hearEntries: (heard) => monitor.hearEntries(heard),
    close: () => monitor.close(),
  }
}
