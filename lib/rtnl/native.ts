/**
 * The real kernel behind the port (port.ts): checks arguments, packs records, builds errors from what the addon says.
 * Must not: know netlink's bytes (native/), retry or log.
 */
import { NetlinkError, NetlinkProtocolError, NetlinkSocketError } from '../errors.ts'
import { parseIfindex } from '../net/ifindex.ts'
import type { Family } from '../net/ip.ts'
import * as abi from './abi.ts'
import { type AddonSocket, type BatchOutcome, loadAddon, type Outcome, type RecordsOutcome } from './addon.ts'
import { decodeAddress, decodeLinks, decodeRecords, decodeResolved, decodeRule } from './decode-records.ts'
import { decodeEntries, type EntryTable } from './entries.ts'
import { afOf } from './entry-codec.ts'
import { errnoName } from './errno.ts'
import { openMonitor } from './native-monitor.ts'
import type { BatchResult, Dump, Monitor, Rtnl, RtnlOptions } from './port.ts'
import * as records from './records.ts'
import { addUnreadable, type Unreadable } from './unreadable.ts'

const DEFAULT_TIMEOUT_MS = 10_000
// Also what the kernel fills a message of a dump up to.
const DEFAULT_BUFFER_BYTES = 32_768
// Worth a release.
const LARGE_BYTES = 262_144
const NONE = new ArrayBuffer(0)
const INT_MAX = 0x7fffffff
const NETLINK_ROUTE = 0

/**
 * Opens a request socket in a network namespace, at once and on this thread (some 70 µs for another namespace). Throws
 * NetlinkSocketError, RangeError for an option out of range, ConfigError when the addon is not there. An Rtnl without a
 * request under way and without a monitor does not keep the process alive.
 */
export function openRtnl(options: RtnlOptions = {}): Rtnl {
  const bufferBytes = records.inRange('bufferBytes', options.bufferBytes ?? DEFAULT_BUFFER_BYTES, 16, 1 << 30)
  const opened = loadAddon().openSocket(
    options.netns ?? '',
    records.inRange('timeoutMs', options.timeoutMs ?? DEFAULT_TIMEOUT_MS, 1, INT_MAX),
    options.chunkEntries === undefined ? 0 : records.inRange('chunkEntries', options.chunkEntries, 1, INT_MAX),
    bufferBytes,
    options.receiveBufferBytes === undefined
      ? 0
      : records.inRange('receiveBufferBytes', options.receiveBufferBytes, 1, INT_MAX),
    NETLINK_ROUTE,
  )
  if (opened.socket === undefined) throw errorOf(opened, 'open', options.netns ?? 'this network namespace')
  return rtnlOver(opened.socket, bufferBytes)
}

function rtnlOver(socket: AddonSocket, bufferBytes: number): Rtnl {
  const monitors = new Set<Monitor>()
  let closing: Promise<void> | undefined
  const dump = async <T>(
    op: string,
    subject: string,
    what: number,
    family: number,
    ifindex: number,
    read: (bytes: Uint8Array, altnames: Uint8Array) => Pick<Dump<T>, 'value' | 'unreadable'>,
  ): Promise<Dump<T>> => {
    const outcome = done(await socket.dump(what, family, ifindex), op, subject)
    const { value, unreadable } = read(bytesOf(outcome), new Uint8Array(outcome.altnames ?? NONE))
    return {
      value,
      interrupted: outcome.interrupted === true,
      unreadable: addUnreadable(passedOver(outcome), unreadable),
    }
  }

  return {
    portId: socket.portId,
    dumpLinks: () => dump('link.dump', 'all', abi.DUMP_LINKS, 0, 0, decodeLinks),
    dumpAddresses: (family?: Family) =>
      dump('address.dump', family ?? 'all', abi.DUMP_ADDRESSES, family === undefined ? 0 : afOf(family), 0, (bytes) =>
        decodeRecords(bytes, abi.ADDRESS_BYTES, decodeAddress),
      ),
    dumpRoutes: (family) => dump('route.dump', family, abi.DUMP_ROUTES, afOf(family), 0, decodeEntries),
    dumpNeighbours: async (family, ifindex) =>
      dump(
        'neighbour.dump',
        `${family} ${nameOf(ifindex)}`,
        abi.DUMP_NEIGHBOURS,
        afOf(family),
        parseIfindex(ifindex),
        decodeEntries,
      ),
    dumpFdb: async (ifindex) =>
      dump('fdb.dump', nameOf(ifindex), abi.DUMP_FDB, 0, parseIfindex(ifindex), decodeEntries),
    dumpRules: (family) =>
      dump('rule.dump', family, abi.DUMP_RULES, afOf(family), 0, (bytes) =>
        decodeRecords(bytes, abi.RULE_BYTES, decodeRule),
      ),
    async getFdb(entries) {
      const bytes = tableBytes(entries)
      for (let at = abi.OFFSET_KIND; at < bytes.length; at += abi.ENTRY_BYTES)
        if (bytes[at] !== abi.KIND_FDB) throw new RangeError('only FDB entries can be looked up')
      const outcome = done(await socket.getFdb(bytes), 'fdb.get', `${entries.length} entries`)
      return decodeEntries(bytesOf(outcome)).value
    },

    async createVxlan(spec) {
      done(await socket.createLink(records.encodeVxlan(spec), undefined, ''), 'link.create', spec.ifname)
    },
    async createVeth(spec) {
      const near = records.encodePlainLink({ kind: 'veth', ...spec })
      const far = records.encodePlainLink({ kind: 'veth', ...spec.peer })
      done(await socket.createLink(near, far, spec.peer.netns ?? ''), 'link.create', spec.ifname)
    },
    async createBridge(spec) {
      const link = records.encodePlainLink({ kind: 'bridge', ...spec })
      done(await socket.createLink(link, undefined, ''), 'link.create', spec.ifname)
    },
    async changeLink(ifindex, change) {
      done(await socket.changeLink(records.encodeChange(ifindex, change)), 'link.change', nameOf(ifindex))
    },
    async moveLink(ifindex, netns) {
      done(await socket.moveLink(parseIfindex(ifindex), netns), 'link.move', nameOf(ifindex))
    },
    async deleteLink(ifindex) {
      done(await socket.deleteLink(parseIfindex(ifindex)), 'link.delete', nameOf(ifindex))
    },

    async addAddress(spec) {
      const subject = `${spec.ip}/${spec.prefixLength} on ${nameOf(spec.ifindex)}`
      done(await socket.addAddress(records.encodeAddress(spec)), 'address.add', subject)
    },
    async deleteAddress(spec) {
      const subject = `${spec.ip}/${spec.prefixLength} on ${nameOf(spec.ifindex)}`
      done(await socket.deleteAddress(records.encodeAddress(spec)), 'address.delete', subject)
    },
    async resolveRoute(dst, query = {}) {
      const outcome = await socket.resolveRoute(records.encodeQuery(dst, query))
      const resolved = decodeResolved(bytesOf(done(outcome, 'route.resolve', dst)))
      if (resolved === undefined) throw new NetlinkProtocolError(`route.resolve ${dst}: the answer cannot be read`)
      return resolved
    },
    async announceAddress(announcement) {
      const subject = `${announcement.ip} on ${nameOf(announcement.ifindex)}`
      done(await socket.announceAddress(records.encodeAnnouncement(announcement)), 'address.announce', subject)
    },

    async readTxChecksum(ifindex) {
      const outcome = done(await socket.readTxChecksum(parseIfindex(ifindex)), 'link.read-checksum', nameOf(ifindex))
      return bytesOf(outcome)[0] === 1
    },
    async writeTxChecksum(ifindex, on) {
      const outcome = await socket.writeTxChecksum(parseIfindex(ifindex), on ? 1 : 0)
      done(outcome, 'link.write-checksum', nameOf(ifindex))
    },

    async applyEntries(batch) {
      const outcome = await socket.apply(tableBytes(batch))
      return batchResult(done(outcome, 'batch', `${batch.length} entries`))
    },

    release({ bytes }) {
      const { buffer } = bytes
      // Small Buffers share one that Node keeps, of 8 KiB or, from Node 24 on, 64.
      if (!(buffer instanceof ArrayBuffer) || buffer.byteLength <= Buffer.poolSize) return
      if (buffer.byteLength >= LARGE_BYTES) loadAddon().release(buffer)
    },

    monitor(options) {
      const monitor = openMonitor(socket, bufferBytes, options, errorOf, () => monitors.delete(monitor))
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

function tableBytes({ bytes, length }: EntryTable): Uint8Array {
  if (!Number.isInteger(length) || length < 0 || length * abi.ENTRY_BYTES > bytes.length)
    throw new RangeError(`a table of ${length} entries cannot have ${bytes.length} bytes`)
  return bytes.subarray(0, length * abi.ENTRY_BYTES)
}

function batchResult(outcome: BatchOutcome): BatchResult {
  const { errnos, failed, failedText, texts } = outcome
  const failures = Array.from(failed, (index, i) => {
    const errno = errnos[index] ?? 0
    return { index, errno, errnoName: errnoName(errno), extack: texts[failedText[i] ?? 0] ?? '' }
  })
  // An entry that cannot be sent is noted before the kernel's answers to those before it.
  failures.sort((a, b) => a.index - b.index)
  let unknown = 0
  for (let i = 0; i < errnos.length; i += 1) if (errnos[i] === -1) unknown += 1
  return { errnos, failures, unknown }
}

function done<T extends Outcome>(outcome: T, op: string, subject: string): T {
  if (outcome.kind !== abi.OUTCOME_DONE) throw errorOf(outcome, op, subject)
  return outcome
}

function errorOf(outcome: Outcome, op: string, subject: string): Error {
  const fields = { errno: outcome.errno, errnoName: errnoName(outcome.errno) }
  switch (outcome.kind) {
    case abi.OUTCOME_REFUSED:
      return new NetlinkError({ op, subject, ...fields, extack: outcome.text })
    case abi.OUTCOME_SOCKET: {
      const hint =
        fields.errnoName === 'EPERM' ? `; ${missing(op)}, or CAP_SYS_ADMIN to enter a namespace, is missing` : ''
      return new NetlinkSocketError({ op, ...fields, detail: `${subject}: ${outcome.text}${hint}` })
    }
    default:
      return new NetlinkProtocolError(`${op} ${subject}: ${outcome.text}`)
  }
}

function missing(op: string): string {
  return op === 'address.announce' ? 'CAP_NET_RAW' : 'CAP_NET_ADMIN'
}

function passedOver({ unreadable = 0, firstUnreadable = '' }: RecordsOutcome): Unreadable | undefined {
  return unreadable === 0 ? undefined : { count: unreadable, first: firstUnreadable }
}

function bytesOf(outcome: RecordsOutcome): Uint8Array {
  return new Uint8Array(outcome.records ?? NONE)
}

function nameOf(ifindex: number): string {
  return `ifindex ${ifindex}`
}
