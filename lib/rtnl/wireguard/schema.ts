/** The generic netlink family `wireguard` as codecs (linux/wireguard.h). Must not: show a key in an error. */
import { LITTLE_ENDIAN } from '../../addon/host-order.ts'
import { type Ip, ipFromBytes, ipToBytes } from '../../net/ip.ts'
import { attributes, listOf } from '../../netlink/attributes.ts'
import type { Codec, ValueOf } from '../../netlink/codec.ts'
import { count64, ip, text, u8, u16, u32, u64 } from '../../netlink/scalars.ts'
import { struct } from '../../netlink/structs.ts'
import { AF } from '../inet.ts'
import { KEY_BYTES, keyFromBytes, keyToBytes, parseWireguardKey, type WireguardKey } from './key.ts'

export const FAMILY = 'wireguard'
export const WG_CMD_GET_DEVICE = 0
export const WG_CMD_SET_DEVICE = 1
export const WGDEVICE_F_REPLACE_PEERS = 0x1
export const WGPEER_F_REMOVE_ME = 0x1
export const WGPEER_F_REPLACE_ALLOWEDIPS = 0x2
export const WGPEER_F_UPDATE_ONLY = 0x4

const key: Codec<WireguardKey> = {
  size: KEY_BYTES,
  write: (out, value, name) => out.bytes(keyToBytes(parseWireguardKey(value, name))),
  read: (view, start, end) =>
    end - start === KEY_BYTES
      ? keyFromBytes(new Uint8Array(view.buffer, view.byteOffset + start, KEY_BYTES))
      : undefined,
}

export interface RawEndpoint {
  readonly ip: Ip
  readonly port: number
  readonly flowLabel: number
  readonly scopeId: number
}

const IPV4_BYTES = 16
const IPV6_BYTES = 28

/** struct sockaddr_in or sockaddr_in6: family and scope in host byte order, port and flow label in network byte order. */
const endpoint: Codec<RawEndpoint> = {
  write(out, value) {
    const address = ipToBytes(value.ip)
    const isIpv4 = address.length === 4
    out.u16(isIpv4 ? AF.ipv4 : AF.ipv6)
    out.u16(value.port, false)
    if (!isIpv4) out.u32(value.flowLabel, false)
    out.bytes(address)
    if (isIpv4) out.zeros(8)
    else out.u32(value.scopeId)
  },
  read(view, start, end) {
    if (end - start < IPV4_BYTES) return undefined
    const family = view.getUint16(start, LITTLE_ENDIAN)
    const port = view.getUint16(start + 2)
    const addressAt = (at: number, length: number) =>
      ipFromBytes(new Uint8Array(view.buffer, view.byteOffset + start + at, length))
    if (family === AF.ipv4) return { ip: addressAt(4, 4), port, flowLabel: 0, scopeId: 0 }
    if (family !== AF.ipv6 || end - start < IPV6_BYTES) return undefined
    const [flowLabel, scopeId] = [view.getUint32(start + 4), view.getUint32(start + 24, LITTLE_ENDIAN)]
    return { ip: addressAt(8, 16), port, flowLabel, scopeId }
  },
}

const allowedIp = attributes({ family: [1, u16], ip: [2, ip], prefixLength: [3, u8] })

const peer = attributes({
  publicKey: [1, key],
  presharedKey: [2, key],
  flags: [3, u32],
  endpoint: [4, endpoint],
  persistentKeepalive: [5, u16],
  lastHandshake: [6, struct({ seconds: u64, nanoseconds: u64 })],
  rxBytes: [7, count64],
  txBytes: [8, count64],
  allowedIps: [9, listOf(allowedIp)],
  protocolVersion: [10, u32],
})

export const device = attributes({
  ifindex: [1, u32],
  ifname: [2, text],
  privateKey: [3, key],
  publicKey: [4, key],
  flags: [5, u32],
  listenPort: [6, u16],
  fwmark: [7, u32],
  peers: [8, listOf(peer)],
})

export type RawDevice = ValueOf<typeof device>
export type RawPeer = ValueOf<typeof peer>
export type RawAllowedIp = ValueOf<typeof allowedIp>
