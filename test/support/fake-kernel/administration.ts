/** What other programs can do to a namespace, as types: the fake's administrator and the real one (iproute2) both do it. */
import type { Family } from '../../../lib/net/ip.ts'
import type { AddressFlags } from '../../../lib/rtnl/port.ts'

/** The port ID of the administrator's socket, as notifications show it. */
export const ADMINISTRATOR_PID = 0x4000_0001

export interface LinkOptions {
  readonly lladdr?: string
  readonly mtu?: number
}

export interface AdminVxlan extends LinkOptions {
  readonly vni: number
  readonly local?: string
  /** Name of the parent: a pinned device. */
  readonly parent?: string
  readonly port?: number
  readonly learning?: boolean
  readonly gbp?: boolean
  readonly metadata?: boolean
}

export interface AdminRoute {
  readonly dst: string
  readonly via?: string
  readonly dev?: string
  readonly metric?: number
  /** rtm_protocol; default 3 (boot), as iproute2 sends it. In deletes: absent matches any. */
  readonly protocol?: number
  readonly onlink?: boolean
  /** RTN_*; default 1. */
  readonly type?: number
  /** Several next hops, instead of `via` and `dev`. */
  readonly nexthops?: readonly { readonly via?: string; readonly dev: string }[]
  /** Default main. What happens in another table is not announced by the port. */
  readonly table?: number
}

export interface AdminRule {
  readonly family: Family
  readonly priority: number
  /** One of the two; default: look up in table main. */
  readonly table?: number
  readonly action?: 'blackhole' | 'unreachable' | 'prohibit'
  readonly not?: boolean
  readonly from?: string
  readonly to?: string
  readonly iif?: string
  readonly oif?: string
  readonly fwmark?: { readonly value: number; readonly mask: number }
  /** A selector that the port does not tell: the UDP port 8472. */
  readonly vxlanPort?: boolean
}

/** `R`: what each call gives; the fake's is an errno name or undefined, the real one's (test/conformance) a promise. */
export interface Administrator<R> {
  addVeth(ifname: string, peer: string, options?: LinkOptions & { readonly peerLladdr?: string }): R
  addBridge(ifname: string, options?: LinkOptions): R
  addMacvlan(ifname: string, parent: string, options?: LinkOptions): R
  addVxlan(ifname: string, options: AdminVxlan): R
  deleteLink(ifname: string): R
  setUp(ifname: string): R
  setDown(ifname: string): R
  rename(ifname: string, to: string): R
  /** `ip link property`: up to 127 characters. */
  addAltname(ifname: string, altname: string): R
  deleteAltname(ifname: string, altname: string): R
  setLladdr(ifname: string, lladdr: string): R
  setMtu(ifname: string, mtu: number): R
  /** null releases it. */
  setMaster(ifname: string, master: string | null): R
  /** Moves the link to another namespace, from which `deleteAway` removes it. */
  sendAway(ifname: string): R
  deleteAway(ifname: string): R
  /** `address`: 192.0.2.1/24. IPv6 without DAD unless `tentative` is asked for. */
  addAddress(
    ifname: string,
    address: string,
    flags?: { readonly tentative?: boolean; readonly deprecated?: boolean },
  ): R
  removeAddress(ifname: string, address: string): R
  replaceRoute(route: AdminRoute): R
  deleteRoute(route: AdminRoute): R
  addRule(rule: AdminRule): R
  deleteRule(rule: AdminRule): R
  replaceNeighbour(ifname: string, ip: string, lladdr: string): R
  deleteNeighbour(ifname: string, ip: string): R
  replaceFdb(ifname: string, lladdr: string, remote: string): R
  deleteFdb(ifname: string, lladdr: string, remote?: string): R
  /** Every neighbour entry of the link, permanent ones too. */
  flushNeighbours(ifname: string): R
  /** Every route of the main tables through the link, those of the kernel excepted. */
  flushRoutes(ifname: string): R
  flushFdb(ifname: string): R
  /** net.ipv4.ip_forward; in the fake on at first. */
  setForwarding(on: boolean): R
}

/** What only the fake offers: hardware, and flags that no command sets. */
export interface FakeAdministrator extends Administrator<string | undefined> {
  /** A network card: kind '', carrier as `setCarrier` says (at first there). */
  addNic(ifname: string, options?: LinkOptions): string | undefined
  setCarrier(ifname: string, carrier: boolean): string | undefined
  setAddressFlags(ifname: string, ip: string, flags: Partial<AddressFlags>): string | undefined
}
