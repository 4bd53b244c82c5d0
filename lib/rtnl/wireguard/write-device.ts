/**
 * From what a caller asks of a device to the messages that say it: as many as its peers need, since one attribute holds 64 KiB at
 * most. Owns the checks. Must not: talk to the kernel, nor show a key in an error.
 */

import { networkAddress, prefixLength } from '../../net/cidr.ts'
import { familyOf } from '../../net/ip.ts'
import { asFlag, asIfindex, asInteger, asIp, asNetwork, copyOf } from '../../netlink/check.ts'
import { shown } from '../../util/wrong-input.ts'
import * as inet from '../inet.ts'
import type { WireguardChange, WireguardEndpoint, WireguardPeerChange } from './device.ts'
import { KEY_BYTES, keyFromBytes, parseWireguardKey, type WireguardKey } from './key.ts'
import * as schema from './schema.ts'

/** Bytes of peers in one message: what every kernel takes at once, and half of what an attribute can hold. */
const MOST_BYTES = 32_000
/** What they need at most, with all attributes, an IPv6 endpoint and padding. */
const PEER_BYTES = 140
const ALLOWED_IP_BYTES = 40

const KEYS = 'privateKey listenPort fwmark replacePeers peers'.split(' ')
const PEER_KEYS =
  'publicKey remove updateOnly presharedKey endpoint persistentKeepalive allowedIps replaceAllowedIps'.split(' ')

const ENDPOINT_KEYS = 'ip port scope flowLabel'.split(' ')
/** By which the kernel knows that a key is taken away. */
const NO_KEY = keyFromBytes(new Uint8Array(KEY_BYTES))

/** At least one message, without the name of the device; what is said of the device itself is in the first. */
export function messagesOf(change: WireguardChange): schema.RawDevice[] {
  const { privateKey, listenPort, fwmark, replacePeers, peers } = copyOf('device', change, KEYS)
  if (peers !== undefined && !Array.isArray(peers)) throw new TypeError(`device.peers: ${shown(peers)} is not an array`)
  const raw = (peers ?? []).map((peer, i) => rawPeer(`device.peers[${i}]`, peer))
  const head = {
    privateKey: keyOrNone('device.privateKey', privateKey),
    listenPort: listenPort === undefined ? undefined : asInteger('device.listenPort', listenPort, 0, 0xffff),
    fwmark: fwmark === undefined ? undefined : asInteger('device.fwmark', fwmark, 0, 0xffffffff),
    flags: asFlag('device.replacePeers', replacePeers) === true ? schema.WGDEVICE_F_REPLACE_PEERS : undefined,
  }
  const [first = [], ...more] = batchesOf(raw)
  return [{ ...head, ...(first.length === 0 ? {} : { peers: first }) }, ...more.map((batch) => ({ peers: batch }))]
}

/** Peers in their order, in batches that fit; one with many allowed IPs goes on in the next batch. */
function batchesOf(peers: readonly schema.RawPeer[]): schema.RawPeer[][] {
  const batches: schema.RawPeer[][] = []
  let batch: schema.RawPeer[] = []
  let room = MOST_BYTES
  const turn = (): void => {
    batches.push(batch)
    batch = []
    room = MOST_BYTES
  }
  for (const { allowedIps = [], ...peer } of peers) {
    let next = 0
    do {
      if (room < PEER_BYTES + ALLOWED_IP_BYTES) turn()
      const count = Math.min(allowedIps.length - next, Math.floor((room - PEER_BYTES) / ALLOWED_IP_BYTES))
      const part = allowedIps.slice(next, next + count)
      const said = next === 0 ? peer : { publicKey: peer.publicKey, flags: schema.WGPEER_F_UPDATE_ONLY }
      batch.push(part.length === 0 ? said : { ...said, allowedIps: part })
      room -= PEER_BYTES + count * ALLOWED_IP_BYTES
      next += count
    } while (next < allowedIps.length)
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}

function rawPeer(name: string, given: WireguardPeerChange): schema.RawPeer {
  const peer = copyOf(name, given, PEER_KEYS)
  const { publicKey, remove, updateOnly, presharedKey, endpoint, persistentKeepalive: every, replaceAllowedIps } = peer
  const flagOf = (key: 'remove' | 'updateOnly' | 'replaceAllowedIps', flag: number): number =>
    asFlag(`${name}.${key}`, peer[key]) === true ? flag : 0
  const flags =
    flagOf('remove', schema.WGPEER_F_REMOVE_ME) |
    flagOf('updateOnly', schema.WGPEER_F_UPDATE_ONLY) |
    flagOf('replaceAllowedIps', schema.WGPEER_F_REPLACE_ALLOWEDIPS)
  const others = { presharedKey, endpoint, persistentKeepalive: every, allowedIps: peer.allowedIps }
  if (remove === true)
    for (const [key, value] of Object.entries({ ...others, updateOnly, replaceAllowedIps }))
      if (value !== undefined && value !== false) throw new RangeError(`${name}.${key}: the peer is removed`)
  const raw = {
    publicKey: parseWireguardKey(publicKey, `${name}.publicKey`),
    presharedKey: keyOrNone(`${name}.presharedKey`, presharedKey),
    flags: flags === 0 ? undefined : flags,
    endpoint: endpoint === undefined ? undefined : rawEndpoint(`${name}.endpoint`, endpoint),
    persistentKeepalive: every === undefined ? undefined : asInteger(`${name}.persistentKeepalive`, every, 0, 0xffff),
  }
  const allowedIps = rawAllowedIps(`${name}.allowedIps`, peer.allowedIps)
  return allowedIps === undefined ? raw : { ...raw, allowedIps }
}

function rawAllowedIps(name: string, cidrs: unknown): schema.RawAllowedIp[] | undefined {
  if (cidrs === undefined) return undefined
  if (!Array.isArray(cidrs)) throw new TypeError(`${name}: ${shown(cidrs)} is not an array`)
  return cidrs.map((one, i) => {
    const cidr = asNetwork(`${name}[${i}]`, one)
    const ip = networkAddress(cidr)
    return { family: inet.AF[familyOf(ip)], ip, prefixLength: prefixLength(cidr) }
  })
}

function rawEndpoint(name: string, given: WireguardEndpoint): schema.RawEndpoint {
  const endpoint = copyOf(name, given, ENDPOINT_KEYS)
  const { port, scope, flowLabel } = endpoint
  const ip = asIp(`${name}.ip`, endpoint.ip)
  const family = familyOf(ip)
  if (family === 'ipv4') {
    inet.refuseOf(family, `${name}.scope`, scope)
    inet.refuseOf(family, `${name}.flowLabel`, flowLabel)
  }
  return {
    ip,
    port: asInteger(`${name}.port`, port, 1, 0xffff),
    scopeId: scope === undefined ? 0 : asIfindex(`${name}.scope`, scope),
    flowLabel: flowLabel === undefined ? 0 : asInteger(`${name}.flowLabel`, flowLabel, 0, 0xfffff),
  }
}

function keyOrNone(name: string, key: WireguardKey | null | undefined): WireguardKey | undefined {
  if (key === null) return NO_KEY
  return key === undefined ? undefined : parseWireguardKey(key, name)
}
