/**
 * From the messages of a dump to a device: a list of peers that one message cannot hold goes on in the next, as do the allowed IPs of
 * one peer. Must not: fail on anything that a kernel can hold.
 */
import { type Cidr, cidrOf } from '../../net/cidr.ts'
import { toIfindex } from '../../net/ifindex.ts'
import type { WireguardDevice, WireguardEndpoint, WireguardPeer } from './device.ts'
import type { WireguardKey } from './key.ts'
import type { RawAllowedIp, RawDevice, RawEndpoint, RawPeer } from './schema.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const NO_KEY = `${'A'.repeat(43)}=`

/** undefined: the messages tell of no device. */
export function deviceOf(messages: readonly RawDevice[], interrupted: boolean): WireguardDevice | undefined {
  const [first] = messages
  const ifindex = toIfindex(first?.ifindex ?? 0)
  if (first === undefined || ifindex === undefined) return undefined
  const value: Mutable<WireguardDevice> = {
    ifindex,
    ifname: first.ifname ?? '',
    listenPort: first.listenPort ?? 0,
    fwmark: first.fwmark ?? 0,
    peers: peersOf(messages),
    interrupted,
  }
  if (isKey(first.privateKey)) value.privateKey = first.privateKey
  if (isKey(first.publicKey)) value.publicKey = first.publicKey
  return value
}

function peersOf(messages: readonly RawDevice[]): WireguardPeer[] {
  const peers: (WireguardPeer & { readonly allowedIps: Cidr[] })[] = []
  for (const raw of messages.flatMap((one) => one.peers ?? [])) {
    if (raw.publicKey === undefined) continue
    const last = peers.at(-1)
    if (last?.publicKey === raw.publicKey) last.allowedIps.push(...allowedIpsOf(raw))
    else peers.push(peerOf(raw, raw.publicKey))
  }
  return peers
}

function peerOf(raw: RawPeer, publicKey: WireguardKey): WireguardPeer & { readonly allowedIps: Cidr[] } {
  const { seconds = 0n, nanoseconds = 0n } = raw.lastHandshake ?? {}
  const value: Mutable<WireguardPeer> & { readonly allowedIps: Cidr[] } = {
    publicKey,
    persistentKeepalive: raw.persistentKeepalive ?? 0,
    rxBytes: raw.rxBytes ?? 0,
    txBytes: raw.txBytes ?? 0,
    allowedIps: allowedIpsOf(raw),
    protocolVersion: raw.protocolVersion ?? 0,
  }
  if (isKey(raw.presharedKey)) value.presharedKey = raw.presharedKey
  if (raw.endpoint !== undefined) value.endpoint = endpointOf(raw.endpoint)
  if (seconds !== 0n || nanoseconds !== 0n) value.lastHandshakeMs = Number(seconds * 1000n + nanoseconds / 1_000_000n)
  return value
}

function endpointOf({ ip, port, flowLabel, scopeId }: RawEndpoint): WireguardEndpoint {
  const value: Mutable<WireguardEndpoint> = { ip, port }
  const scope = toIfindex(scopeId)
  if (scope !== undefined) value.scope = scope
  if (flowLabel !== 0) value.flowLabel = flowLabel
  return value
}

function allowedIpsOf({ allowedIps = [] }: { readonly allowedIps?: readonly RawAllowedIp[] | undefined }): Cidr[] {
  return allowedIps.flatMap(({ ip, prefixLength }) => {
    if (ip === undefined || prefixLength === undefined || prefixLength > (ip.includes(':') ? 128 : 32)) return []
    return [cidrOf(ip, prefixLength)]
  })
}

function isKey(key: WireguardKey | undefined): key is WireguardKey {
  return key !== undefined && key !== NO_KEY
}
