/**
 * WireGuard devices: keys, peers and where they are, over generic netlink. The link itself is created as any other, of kind
 * `wireguard`. Must not: retry, decide or log, nor show a key in an error.
 */

import { constants } from 'node:os'
import { errnoName } from '../../addon/errno.ts'
import { NetlinkError } from '../../errors.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import { type CallOptions, checkCallOptions } from '../../netlink/call.ts'
import { asIfindex, asIfname } from '../../netlink/check.ts'
import { type Generic, type GenericFamily, openGeneric } from '../../netlink/generic.ts'
import type { NetlinkOptions } from '../../netlink/netlink.ts'
import { shown } from '../../util/wrong-input.ts'
import type { WireguardChange, WireguardDevice } from './device.ts'
import { deviceOf } from './read-device.ts'
import * as schema from './schema.ts'
import { messagesOf } from './write-device.ts'

/** Promises reject with TypeError or RangeError before anything is sent, with NetlinkError where the kernel refused. */
export interface Wireguard extends AsyncDisposable {
  /**
   * The device with all its peers, also where the kernel needs several messages to tell them. undefined: there is no such link, or
   * it is of another kind. EPERM: only CAP_NET_ADMIN may read it.
   */
  getDevice(link: string | Ifindex, options?: CallOptions): Promise<WireguardDevice | undefined>
  /**
   * Changes what is named. A list of peers that needs several messages is not changed at once: where a later one is refused, the
   * earlier ones are done, and the error says which peers it was about. ENODEV: there is no such link; EOPNOTSUPP: it is of another
   * kind, or this kernel has no WireGuard.
   */
  setDevice(link: string | Ifindex, change: WireguardChange, options?: CallOptions): Promise<void>
  /** As that of Rtnl. */
  close(): Promise<void>
}

/** Opens WireGuard's generic netlink in a network namespace. Throws as openNetlink does. */
export function openWireguard(options: Omit<NetlinkOptions, 'protocol'> = {}): Wireguard {
  return wireguardOver(openGeneric(options))
}

/** Over a socket of generic netlink, which `close` closes. */
export function wireguardOver(generic: Generic): Wireguard {
  let family: GenericFamily | undefined
  const wireguard: Wireguard = {
    async getDevice(link, options) {
      const [name, subject] = linkOf(link)
      const remaining = remainingOf(options)
      family ??= await generic.family(schema.FAMILY, remaining())
      if (family === undefined) return undefined
      const query = { command: schema.WG_CMD_GET_DEVICE, schema: schema.device, value: name }
      try {
        const dump = await family.dump({ ...query, op: 'wireguard.get', subject }, remaining())
        return deviceOf(dump.value, dump.interrupted)
      } catch (error) {
        const { ENODEV, EOPNOTSUPP } = constants.errno
        if (error instanceof NetlinkError && (error.errno === ENODEV || error.errno === EOPNOTSUPP)) return undefined
        throw error
      }
    },
    async setDevice(link, change, options) {
      const [name, subject] = linkOf(link)
      const messages = messagesOf(change)
      const remaining = remainingOf(options)
      family ??= await generic.family(schema.FAMILY, remaining())
      if (family === undefined) throw withoutWireguard(subject)
      let peers = 0
      for (const message of messages) {
        const [from, count] = [peers, message.peers?.length ?? 0]
        peers += count
        const about = messages.length === 1 ? subject : `${subject}, entries ${from} to ${peers - 1} of its peers`
        const query = { command: schema.WG_CMD_SET_DEVICE, schema: schema.device, value: { ...name, ...message } }
        await family.request({ ...query, op: 'wireguard.set', subject: about }, remaining())
      }
    },
    close: () => generic.close(),
    [Symbol.asyncDispose]: () => generic.close(),
  }
  return wireguard
}

function linkOf(link: unknown): [schema.RawDevice, subject: string] {
  if (typeof link === 'number') return [{ ifindex: asIfindex('link', link) }, `ifindex ${link}`]
  if (typeof link !== 'string')
    throw new TypeError(`link: ${shown(link)} is neither the name of a link nor its ifindex`)
  return [{ ifname: asIfname('link', link) }, link]
}

/** One limit for several messages: what is left of it each time. */
function remainingOf(options: CallOptions | undefined): () => CallOptions {
  const { signal, timeoutMs } = checkCallOptions(options)
  const end = timeoutMs === undefined ? undefined : performance.now() + timeoutMs
  return () => ({
    signal,
    timeoutMs: end === undefined ? undefined : Math.max(1, Math.round(end - performance.now())),
  })
}

function withoutWireguard(subject: string): NetlinkError {
  const errno = constants.errno.EOPNOTSUPP
  const extack = 'this kernel has no WireGuard'
  return new NetlinkError({ op: 'wireguard.set', subject, errno, errnoName: errnoName(errno), extack })
}
