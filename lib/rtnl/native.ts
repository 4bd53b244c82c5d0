/**
 * The real kernel behind the port (port.ts): checks arguments, packs records, builds errors from what the addon says.
 * Must not: know netlink's bytes (native/), retry or log.
 */

import * as abi from '../addon/abi.ts'
import { type AddonSocket, loadAddon, type Outcome, type RecordsOutcome } from '../addon/addon.ts'
import { NetlinkProtocolError } from '../errors.ts'
import { type Caller, type CallOptions, createCaller } from '../netlink/call.ts'
import { asBoolean, asFamily, asIfindex, asIp, optional } from '../netlink/check.ts'
import { netnsPath } from '../netlink/netns-path.ts'
import { errorOf } from '../netlink/outcome-error.ts'
import { addUnreadable, type Unreadable } from '../netlink/unreadable.ts'
import { batchResult, wholeResult } from './batch-result.ts'
import { asApplyOptions, asMonitorOptions, asRtnlOptions } from './check-options.ts'
import {
  asAddressKey,
  asAddressSpec,
  asAnnouncement,
  asBridgeSpec,
  asLinkChange,
  asRouteQuery,
  asVethSpec,
  asVxlanSpec,
} from './check-specs.ts'
import { asTable, asTableOrReleased } from './check-table.ts'
import { decodeAddress, decodeLinks, decodeRecords, decodeResolved, decodeRule } from './decode-records.ts'
import { decodeEntries } from './entries.ts'
import type { FdbEntry, NeighbourEntry, RouteEntry } from './entry.ts'
import { afOf } from './entry-codec.ts'
import { openMonitor } from './native-monitor.ts'
import type { AddressSpec, Dump, Monitor, Rtnl, RtnlOptions } from './port.ts'
import * as records from './records.ts'

const DEFAULT_TIMEOUT_MS = 10_000
// Also what the kernel fills a message of a dump up to.
const DEFAULT_BUFFER_BYTES = 32_768
// Worth a release.
const LARGE_BYTES = 262_144
const NONE = new ArrayBuffer(0)
const NETLINK_ROUTE = 0

/**
 * Opens a request socket in a network namespace, at once and on this thread (some 70 µs for another namespace). Throws
 * NetlinkSocketError, TypeError or RangeError for a wrong option, ConfigError when the addon is not there. An Rtnl without a
 * request under way and without a monitor does not keep the process alive.
 */
export function openRtnl(options: RtnlOptions = {}): Rtnl {
  const { socket, bufferBytes } = openSocket(options)
  return rtnlOver(socket, bufferBytes)
}

/** The socket alone. Throws as openRtnl does. */
export function openSocket(options: RtnlOptions): { readonly socket: AddonSocket; readonly bufferBytes: number } {
  const { netns, timeoutMs, chunkEntries, receiveBufferBytes, ...rest } = asRtnlOptions(options)
  const bufferBytes = rest.bufferBytes ?? DEFAULT_BUFFER_BYTES
  const opened = loadAddon().openSocket(
    netns,
    timeoutMs ?? DEFAULT_TIMEOUT_MS,
    chunkEntries ?? 0,
    bufferBytes,
    receiveBufferBytes ?? 0,
    NETLINK_ROUTE,
  )
  if (opened.socket === undefined) throw errorOf(opened, 'open', netns === '' ? 'this network namespace' : netns)
  return { socket: opened.socket, bufferBytes }
}

/** Over a socket that it closes; `call`: where others make calls of the same socket. */
export function rtnlOver(socket: AddonSocket, bufferBytes: number, call: Caller = createCaller(socket)): Rtnl {
  const monitors = new Set<Monitor>()
  let closing: Promise<void> | undefined
  const dump = async <T>(
    op: string,
    subject: string,
    what: number,
    family: number,
    ifindex: number,
    read: (bytes: Uint8Array, altnames: Uint8Array) => Pick<Dump<T>, 'value' | 'unreadable'>,
    options: CallOptions | undefined,
  ): Promise<Dump<T>> => {
    const outcome = await call(options, () => socket.dump(what, family, ifindex))
    const { value, unreadable } = read(bytesOf(outcome), new Uint8Array(outcome.altnames ?? NONE))
    const answer = {
      value,
      interrupted: outcome.interrupted === true || outcome.kind !== abi.OUTCOME_DONE,
      unreadable: addUnreadable(passedOver(outcome), unreadable),
    }
    done(outcome, op, subject, answer)
    return answer
  }

  return {
    portId: socket.portId,
    dumpLinks: (options) => dump('link.dump', 'all', abi.DUMP_LINKS, 0, 0, decodeLinks, options),
    dumpAddresses: async (family, options) => {
      const of = optional('family', family, asFamily)
      const what = of === undefined ? 0 : afOf(of)
      const read = (bytes: Uint8Array) => decodeRecords(bytes, abi.ADDRESS_BYTES, decodeAddress)
      return dump('address.dump', of ?? 'all', abi.DUMP_ADDRESSES, what, 0, read, options)
    },
    dumpRoutes: async (family, options) => {
      const of = asFamily('family', family)
      return dump('route.dump', of, abi.DUMP_ROUTES, afOf(of), 0, decodeEntries<RouteEntry>, options)
    },
    dumpNeighbours: async (family, ifindex, options) => {
      const [of, link] = [asFamily('family', family), asIfindex('ifindex', ifindex)]
      const subject = `${of} ${nameOf(link)}`
      return dump(
        'neighbour.dump',
        subject,
        abi.DUMP_NEIGHBOURS,
        afOf(of),
        link,
        decodeEntries<NeighbourEntry>,
        options,
      )
    },
    dumpFdb: async (ifindex, options) => {
      const link = asIfindex('ifindex', ifindex)
      return dump('fdb.dump', nameOf(link), abi.DUMP_FDB, 0, link, decodeEntries<FdbEntry>, options)
    },
    dumpRules: async (family, options) => {
      const of = asFamily('family', family)
      const read = (bytes: Uint8Array) => decodeRecords(bytes, abi.RULE_BYTES, decodeRule)
      return dump('rule.dump', of, abi.DUMP_RULES, afOf(of), 0, read, options)
    },
    async getFdb(entries, options) {
      const { bytes, length } = asTable('entries', entries)
      for (let at = abi.OFFSET_KIND; at < bytes.length; at += abi.ENTRY_BYTES)
        if (bytes[at] !== abi.KIND_FDB) throw new RangeError('entries: only FDB entries can be looked up')
      const outcome = await call(options, () => socket.getFdb(bytes))
      const { value } = decodeEntries<FdbEntry>(bytesOf(outcome))
      done(outcome, 'fdb.get', `${length} entries`, value)
      return value
    },

    async createVxlan(spec, options) {
      const of = asVxlanSpec(spec)
      done(
        await call(options, () => socket.createLink(records.encodeVxlan(of), undefined, '')),
        'link.create',
        of.ifname,
      )
    },
    async createVeth(spec, options) {
      const { peer, ...near } = asVethSpec(spec)
      const bytes = records.encodePlainLink({ kind: 'veth', ...near })
      const far = records.encodePlainLink({ kind: 'veth', ...peer })
      done(await call(options, () => socket.createLink(bytes, far, peer.netns ?? '')), 'link.create', near.ifname)
    },
    async createBridge(spec, options) {
      const of = asBridgeSpec(spec)
      const link = records.encodePlainLink({ kind: 'bridge', ...of })
      done(await call(options, () => socket.createLink(link, undefined, '')), 'link.create', of.ifname)
    },
    async changeLink(ifindex, change, options) {
      const link = asIfindex('ifindex', ifindex)
      done(
        await call(options, () => socket.changeLink(records.encodeChange(link, asLinkChange(change)))),
        'link.change',
        nameOf(link),
      )
    },
    async moveLink(ifindex, netns, options) {
      const link = asIfindex('ifindex', ifindex)
      done(await call(options, () => socket.moveLink(link, netnsPath('netns', netns))), 'link.move', nameOf(link))
    },
    async deleteLink(ifindex, options) {
      const link = asIfindex('ifindex', ifindex)
      done(await call(options, () => socket.deleteLink(link)), 'link.delete', nameOf(link))
    },

    async addAddress(spec, options) {
      const of = asAddressSpec(spec)
      done(await call(options, () => socket.addAddress(records.encodeAddress(of))), 'address.add', addressOf(of))
    },
    async deleteAddress(spec, options) {
      const of = asAddressKey(spec)
      done(await call(options, () => socket.deleteAddress(records.encodeAddress(of))), 'address.delete', addressOf(of))
    },
    async resolveRoute(dst, query = {}, options = undefined) {
      const to = asIp('dst', dst)
      const outcome = await call(options, () => socket.resolveRoute(records.encodeQuery(to, asRouteQuery(query, to))))
      const resolved = decodeResolved(bytesOf(done(outcome, 'route.resolve', to)))
      if (resolved === undefined) throw new NetlinkProtocolError(`route.resolve ${to}: the answer cannot be read`)
      return resolved
    },
    async announceAddress(announcement, options) {
      const of = asAnnouncement(announcement)
      const subject = `${of.ip} on ${nameOf(of.ifindex)}`
      done(
        await call(options, () => socket.announceAddress(records.encodeAnnouncement(of))),
        'address.announce',
        subject,
      )
    },

    async readTxChecksum(ifindex, options) {
      const link = asIfindex('ifindex', ifindex)
      return (
        bytesOf(done(await call(options, () => socket.readTxChecksum(link)), 'link.read-checksum', nameOf(link)))[0] ===
        1
      )
    },
    async writeTxChecksum(ifindex, on, options) {
      const link = asIfindex('ifindex', ifindex)
      done(
        await call(options, () => socket.writeTxChecksum(link, asBoolean('on', on) ? 1 : 0)),
        'link.write-checksum',
        nameOf(link),
      )
    },

    async applyEntries(batch, options = {}) {
      const { bytes, length } = asTable('batch', batch)
      const { throwOnFailure, ...limits } = asApplyOptions(options)
      const outcome = await call(limits, () => socket.apply(bytes))
      const result = batchResult(outcome, length)
      done(outcome, 'batch', `${length} entries`, result)
      return throwOnFailure ? wholeResult(result) : result
    },

    release(table) {
      const { buffer } = asTableOrReleased('table', table)
      // Small Buffers share one that Node keeps, of 8 KiB or, from Node 24 on, 64.
      if (buffer.byteLength <= Buffer.poolSize) return
      if (buffer.byteLength >= LARGE_BYTES) loadAddon().release(buffer)
    },

    monitor(options) {
      const checked = asMonitorOptions(options)
      const monitor = openMonitor(socket, bufferBytes, checked, () => monitors.delete(monitor))
      monitors.add(monitor)
      return monitor
    },
    close() {
      closing ??= (async () => {
        // A monitor's filter names this socket's port ID, which another socket may have once this one is closed.
        for (const monitor of [...monitors]) monitor.close()
        await socket.close()
      })()
      return closing
    },
  }
}

/** `partial`: what had come, for the socket that failed on the way. */
function done<T extends Outcome>(outcome: T, op: string, subject: string, partial?: unknown): T {
  if (outcome.kind !== abi.OUTCOME_DONE) throw errorOf(outcome, op, subject, { partial })
  return outcome
}

function passedOver({ unreadable = 0, firstUnreadable = '' }: RecordsOutcome): Unreadable | undefined {
  return unreadable === 0 ? undefined : { count: unreadable, first: firstUnreadable }
}

function bytesOf(outcome: RecordsOutcome): Uint8Array {
  return new Uint8Array(outcome.records ?? NONE)
}

function addressOf({ ip, prefixLength, ifindex }: Omit<AddressSpec, 'noDad'>): string {
  return `${ip}/${prefixLength} on ${nameOf(ifindex)}`
}

function nameOf(ifindex: number): string {
  return `ifindex ${ifindex}`
}
