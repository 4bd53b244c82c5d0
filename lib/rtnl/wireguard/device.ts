/** A WireGuard device as a value: what the kernel tells of one, and what can be asked of it. Must not: know the bytes. */
import type { Cidr } from '../../net/cidr.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import type { Ip } from '../../net/ip.ts'
import type { WireguardKey } from './key.ts'

/** Where a peer is reached. */
export interface WireguardEndpoint {
  readonly ip: Ip
  /** UDP, host byte order, 1 … 65535. */
  readonly port: number
  /** IPv6: the link of a link-local address. */
  readonly scope?: Ifindex | undefined
  /** IPv6, 20 bits. */
  readonly flowLabel?: number | undefined
}

export interface WireguardPeer {
  readonly publicKey: WireguardKey
  /** undefined: none. */
  readonly presharedKey?: WireguardKey | undefined
  /** undefined: it has never been told, nor has the peer been heard. */
  readonly endpoint?: WireguardEndpoint | undefined
  /** Seconds; 0: none is sent. */
  readonly persistentKeepalive: number
  /** Milliseconds since 1970, by the clock of this host; undefined: there was none. */
  readonly lastHandshakeMs?: number | undefined
  readonly rxBytes: number
  readonly txBytes: number
  /** Networks that are sent to the peer, and whose packets it may send. */
  readonly allowedIps: readonly Cidr[]
  readonly protocolVersion: number
}

export interface WireguardDevice {
  readonly ifindex: Ifindex
  readonly ifname: string
  /** undefined: none is set, or this process may not see it. */
  readonly privateKey?: WireguardKey | undefined
  readonly publicKey?: WireguardKey | undefined
  /** UDP, host byte order; 0 before the link was up. */
  readonly listenPort: number
  /** 0: none. */
  readonly fwmark: number
  readonly peers: readonly WireguardPeer[]
  /** It changed while it was read, five times: peers may be missing, or be there twice. */
  readonly interrupted: boolean
}

/** What a peer shall be; absent keys stay as they are. */
export interface WireguardPeerChange {
  readonly publicKey: WireguardKey
  /** It is removed: nothing else may be said of it. */
  readonly remove?: boolean | undefined
  /** It is not created where it is not there, and nothing is said then. */
  readonly updateOnly?: boolean | undefined
  /** null: none. */
  readonly presharedKey?: WireguardKey | null | undefined
  readonly endpoint?: WireguardEndpoint | undefined
  /** Seconds, 0 … 65535; 0: none is sent. */
  readonly persistentKeepalive?: number | undefined
  /** Added to what it has, taken from peers that have them; host bits are cleared. */
  readonly allowedIps?: readonly Cidr[] | undefined
  /** Those that are not in `allowedIps` go. */
  readonly replaceAllowedIps?: boolean | undefined
}

/** What a device shall be; absent keys stay as they are. */
export interface WireguardChange {
  /** null: none. */
  readonly privateKey?: WireguardKey | null | undefined
  /** UDP, host byte order; 0: the kernel chooses. */
  readonly listenPort?: number | undefined
  /** Of the packets it sends; 0: none. */
  readonly fwmark?: number | undefined
  /** Peers that are not in `peers` go. */
  readonly replacePeers?: boolean | undefined
  readonly peers?: readonly WireguardPeerChange[] | undefined
}
