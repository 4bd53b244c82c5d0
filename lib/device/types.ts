/**
 * The vocabulary of the device machine: what it wants, what it can see, where it can stand, what may happen, what it may
 * ask for. Data only. Must not: hold behaviour (decide.ts, machine.ts) or name an address family's number of addresses.
 */

import { isVxlan, type Network, type VxlanNetwork } from '../cluster/network.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import type { Family, Ip } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import type { Verdict } from '../overlay/classify.ts'
import type { Address, AddressSpec, Link, LinkChange, VxlanSpec } from '../rtnl/port.ts'
import type { Underlay, UnderlayWaiting } from '../underlay/underlay.ts'
import type { ChecksumWish } from './checksum.ts'

/** Fixed for the life of one machine: one machine keeps one device of one family; with host-gw, that there is none. */
export interface DeviceSettings {
  readonly family: Family
  readonly network: Network
}

/** Of a machine that keeps a device. */
export interface VxlanSettings extends DeviceSettings {
  readonly network: VxlanNetwork
}

export function keepsDevice(settings: DeviceSettings): settings is VxlanSettings {
  return isVxlan(settings.network)
}

/** What the lease source and the state folder say; each part may be missing for now. */
export interface Wanted {
  /** Our part of the network; undefined: not assigned yet. */
  readonly subnet: Cidr | undefined
  /**
   * `configured`: everybody was told this one (leases file): the device must have it. `remembered`: published or saved
   * earlier: used for a new device, while a compatible device that exists keeps its own, which is published again
   * (flannel-contract 5). undefined: not read yet.
   */
  readonly lladdr: { readonly value: Lladdr; readonly authority: 'configured' | 'remembered' } | undefined
}

/** The facts of one moment, from dumps; overwritten whole, never merged. */
export interface Observation {
  readonly underlay: Underlay | UnderlayWaiting
  /** The link with our name, or our link under whatever name it has now. */
  readonly device: Link | undefined
  /** `device` is enslaved to a bridge, which takes its packets away from routing; a VRF may be on purpose. */
  readonly bridged: boolean
  /** Addresses of `device`, of both families. */
  readonly addresses: readonly Address[]
  /** Whether an address of `device` with this prefix takes outer packets: it holds our underlay address, or one of a peer's. */
  readonly swallowed: (prefix: Cidr) => boolean
  /** net.ipv6.conf.DEVICE.accept_ra; undefined where the host has no IPv6 or no device. */
  readonly acceptRa: number | undefined
  /** Of `device`: whether another link makes its checksums, and whether it should; undefined: it stays as it is. */
  readonly txChecksum: { readonly actual: boolean; readonly wanted: ChecksumWish } | undefined
  /** Another link that holds our VNI and port in this family, so that the kernel would refuse ours with EEXIST. */
  readonly holder: Link | undefined
  /** A dump stayed inconsistent: what it shows exists, what it does not show may exist all the same. */
  readonly interrupted: boolean
}

/**
 * The device as it was last confirmed; exists only in states that have a link. With host-gw it is the underlay's link, which
 * carries packets of pods as they are.
 */
export interface Device {
  readonly ifindex: Ifindex
  readonly ifname: string
  /** undefined: the underlay's link is no Ethernet one (host-gw). */
  readonly lladdr: Lladdr | undefined
  /** Bytes, inner. */
  readonly mtu: number
  readonly local: Ip
  /** Pinned to its parent: it dies with it (kernel-facts 2). */
  readonly pinned: boolean
  /** The overlay address that it holds: the network address of our subnet, which with host-gw nobody holds. */
  readonly overlay: Ip
}

export type DeviceState =
  /** Nothing is known, or what was known is known to be gone: an observation is due. */
  | { readonly name: 'blind'; readonly because: string }
  /**
   * There is no device that can be used, and what is needed to make one is missing; it can come by itself. `cannot`: what is
   * missing is room: the underlay's MTU is too small for the family, which does not exist meanwhile.
   */
  | { readonly name: 'waiting'; readonly because: string; readonly cannot: boolean }
  /** The kernel was asked for a new device, and has not answered yet. */
  | { readonly name: 'creating' }
  /** A link with our name that cannot be changed into ours is being deleted. */
  | { readonly name: 'removing'; readonly because: string }
  /** Our link stands, but differs in something that can be changed in place; the change is in flight. */
  | { readonly name: 'repairing'; readonly ifindex: Ifindex; readonly because: string }
  /**
   * Entries can be programmed and packets flow. `flaw`: what is not as it should be and cannot be mended, but does not stop
   * packets (a clamped MTU, a setting that is read-only); the device is used all the same.
   */
  | { readonly name: 'ready'; readonly device: Device; readonly underlay: Underlay; readonly flaw: string | undefined }
  /** The device is as it should be, its underlay is away: entries are kept true, so that packets flow when it returns. */
  | { readonly name: 'stranded'; readonly device: Device; readonly because: string; readonly flaw: string | undefined }
  /**
   * Somebody else has to act, or the kernel refuses: looked at again at every change, and from time to time. `fatal`: what
   * is missing (privilege, VXLAN in the kernel) does not come by itself.
   */
  | { readonly name: 'blocked'; readonly because: string; readonly fatal: boolean }
  /** Told to stop: everything stays in the kernel, nothing more is asked for. */
  | { readonly name: 'stopped' }

/** One write. `subject` of its errors is the interface name. */
export type DeviceOp =
  | { readonly op: 'create'; readonly spec: VxlanSpec }
  | { readonly op: 'delete'; readonly ifindex: Ifindex }
  | { readonly op: 'change'; readonly ifindex: Ifindex; readonly change: LinkChange }
  | { readonly op: 'add-address'; readonly address: AddressSpec }
  | { readonly op: 'delete-address'; readonly address: Omit<AddressSpec, 'noDad'> }
  | { readonly op: 'tx-checksum'; readonly ifindex: Ifindex; readonly on: boolean }
  | { readonly op: 'accept-ra-off'; readonly ifindex: Ifindex; readonly ifname: string }

export type DeviceEvent =
  /** The lease source or the state folder says something else than before. */
  | { readonly type: 'wanted'; readonly wanted: Wanted }
  /** Something happened that may concern the device or its underlay; what it was does not matter. */
  | { readonly type: 'disturbed' }
  /** The kernel announced that this link is gone: its ifindex must not be used again. */
  | { readonly type: 'gone'; readonly ifindex: Ifindex }
  | { readonly type: 'observed'; readonly epoch: number; readonly observation: Observation }
  | { readonly type: 'observe-failed'; readonly epoch: number; readonly because: string }
  | { readonly type: 'applied'; readonly epoch: number }
  | {
      readonly type: 'apply-failed'
      readonly epoch: number
      readonly op: DeviceOp
      readonly verdict: Verdict
      /** The error in one line. */
      readonly because: string
    }
  /** A pause is over. */
  | { readonly type: 'due'; readonly epoch: number }
  /** What was refused may be tried again. */
  | { readonly type: 'patience-over' }
  /** Whatever was in flight is not answered any more (an exception of ours): look at everything. */
  | { readonly type: 'lost'; readonly because: string }
  | { readonly type: 'stop' }

/** What a pause is over: trouble passes (a dump that failed or stayed inconsistent, a write to try again), a refusal may not. */
export type PauseOver = 'trouble' | 'refusal'

/** What the runner shall do; each answer carries the epoch of its question. */
export type DeviceEffect =
  /** Dump and answer `observed` or `observe-failed`. `ifindex`: our link as last known, to recognise it under another name. */
  | { readonly type: 'observe'; readonly epoch: number; readonly ifindex: Ifindex | undefined }
  /** In order; the first failure ends it. Answer `applied` or `apply-failed`. */
  | { readonly type: 'apply'; readonly epoch: number; readonly ops: readonly DeviceOp[]; readonly because: string }
  /** Something went wrong once more: answer `due` when it is time to look again. A newer one replaces this one. */
  | { readonly type: 'pause'; readonly epoch: number; readonly over: PauseOver }
  /** Something happened during that pause: it may be over now, and is as soon as the governor allows. */
  | { readonly type: 'hasten'; readonly epoch: number; readonly over: PauseOver }
  /** A flaw stands: answer `patience-over` when it is time to try once more. A newer one replaces this one. */
  | { readonly type: 'patience' }
