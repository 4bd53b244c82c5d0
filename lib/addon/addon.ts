/**
 * The compiled addon: what it offers, and how it is loaded. Must not: check arguments or build netlink errors (native.ts does).
 */
import path from 'node:path'
import bindings from 'bindings'
import { ConfigError } from '../errors.ts'
import { messageOf } from '../util/message-of.ts'
import { ABSENT, faultOf, loadFault } from './addon-fault.ts'
import { ADDON_FILE, addonPlaces, machineName, remedy } from './addon-place.ts'

/** `kind` is OUTCOME_*; `errno` positive or 0; `text` the kernel's sentence, or what failed. */
export interface Outcome {
  readonly kind: number
  readonly errno: number
  readonly text: string
  /** Where in the request the kernel saw the fault, bytes; 0: not said. */
  readonly offset: number
}

export interface RecordsOutcome extends Outcome {
  readonly records?: ArrayBuffer
  readonly interrupted?: boolean
  /** Messages that did not decode and were passed over, and the first of them by name. */
  readonly unreadable?: number
  readonly firstUnreadable?: string
  /** Of a dump of links: records of ALTNAME_BYTES. */
  readonly altnames?: ArrayBuffer
}

export interface XtablesOutcome extends Outcome {
  /**
   * Twelve words a table, in the order asked for: where the rules of each of the five hooks begin, where their policies stand,
   * the number of entries (policies and the heads of chains included), and their bytes. Empty unless the outcome is done.
   */
  readonly sizes: Uint32Array
}

export interface BatchOutcome extends Outcome {
  readonly errnos: Int32Array
  /** Indexes of refused entries; entry failed[i] was refused with the sentence texts[failedText[i]]. */
  readonly failed: Uint32Array
  readonly failedText: Uint32Array
  readonly texts: readonly string[]
}

/** Promises never reject: they resolve with how it ended. */
export interface AddonSocket {
  readonly portId: number
  readonly chunkEntries: number
  readonly receiveBufferBytes: number
  dump(what: number, family: number, ifindex: number): Promise<RecordsOutcome>
  createLink(link: Uint8Array, peer: Uint8Array | undefined, peerNetns: string): Promise<Outcome>
  changeLink(change: Uint8Array): Promise<Outcome>
  moveLink(ifindex: number, netns: string): Promise<Outcome>
  deleteLink(ifindex: number): Promise<Outcome>
  addAddress(address: Uint8Array): Promise<Outcome>
  deleteAddress(address: Uint8Array): Promise<Outcome>
  announceAddress(announcement: Uint8Array): Promise<Outcome>
  /** One byte: 1 is on. */
  readTxChecksum(ifindex: number): Promise<RecordsOutcome>
  writeTxChecksum(ifindex: number, on: number): Promise<Outcome>
  resolveRoute(query: Uint8Array): Promise<RecordsOutcome>
  /** Both copy the entries before they return. */
  getFdb(entries: Uint8Array): Promise<RecordsOutcome>
  apply(entries: Uint8Array): Promise<BatchOutcome>
  /** `groups`: RTNLGRP_*; `onEvents` must not throw. */
  monitor(
    groups: Uint8Array,
    ignoreOwn: boolean,
    receiveBufferBytes: number,
    bufferBytes: number,
    onEvents: (events: ArrayBuffer) => void,
  ): Outcome & { readonly monitor?: AddonMonitor }
  /**
   * A whole message, sent as it is but for its sequence number and NLM_F_REQUEST, and NLM_F_ACK where it is no dump; `records` are
   * the messages that answer it. EINVAL for what is no request.
   */
  transact(message: Uint8Array, isDump: boolean): Promise<RecordsOutcome>
  /** As `monitor`, with messages as they are (EVENT_RAW). `groups`: four bytes each, host byte order. */
  subscribe(
    groups: Uint8Array,
    receiveBufferBytes: number,
    bufferBytes: number,
    onEvents: (events: ArrayBuffer) => void,
  ): Outcome & { readonly monitor?: AddonMonitor }
  /** What `withdraw` calls the next call by: 1 to 2^32-1. */
  nameNext(id: number): void
  /**
   * Those calls resolve with ECANCELED: at once where they wait, and then they were not sent. None of them begins meanwhile. Nothing
   * for one that has ended. `ids`: four bytes each, host byte order.
   */
  withdraw(ids: Uint8Array): void
  close(): Promise<Outcome>
}

export interface AddonMonitor {
  /** 0 or a positive errno. */
  hearEntries(heard: boolean): number
  /** Whether it keeps the process alive; true at first. */
  setRef(counts: boolean): void
  /** Asks for an EVENT_MARK. */
  mark(): void
  close(): void
}

export interface Addon {
  openSocket(
    netns: string,
    timeoutMs: number,
    chunkEntries: number,
    bufferBytes: number,
    receiveBufferBytes: number,
    /** NETLINK_*. */
    protocol: number,
  ): Outcome & { readonly socket?: AddonSocket }
  /**
   * Hears what touches some tables of nftables, in bare event records (EVENT_TOUCHED, EVENT_OVERRUN, EVENT_CLOSED). `families`:
   * NFPROTO_*; `names`: for each of them a table and a chain, '' for all of the table. `onEvents` must not throw.
   */
  openNftMonitor(
    netns: string,
    families: Uint8Array,
    names: readonly string[],
    receiveBufferBytes: number,
    onEvents: (events: ArrayBuffer) => void,
  ): Outcome & { readonly monitor?: AddonMonitor }
  /** Detaches the buffer, so that its memory is freed now. Nothing where it cannot be detached, or is already. */
  release(buffer: ArrayBuffer): void
  /**
   * For a whole process: what its malloc gives out in blocks of 128 KiB or more, large ArrayBuffers among them, goes back to
   * the system as soon as it is freed. glibc otherwise keeps up to 64 MiB of it (mallopt(3)). Nothing with another libc.
   */
  returnLargeBlocksEarly(): void
  /**
   * For a whole process: what malloc holds without using it, and the pages of program files that were read so far, go back to
   * the system. The latter stay in the page cache: what is needed again is there at the next fault, in microseconds.
   */
  returnUnused(): void
  /** One datagram to a Unix socket, without waiting; a name that begins with @ is abstract, of this network namespace. */
  sendDatagram(path: string, text: string): Outcome
  /**
   * A UDP socket that sends with DF whatever the kernel has learnt of the path, bound to an address (network byte order), which need
   * not be there yet. `fd` belongs to the caller, and is there only where the outcome is done.
   */
  openUdp(address: Uint8Array, port: number): Outcome & { readonly fd?: number }
  /**
   * How large tables of legacy iptables are. `netns`: a path, or empty: our own; `family`: AF_*. A table that is not in /proc/net/ip_tables_names (ip6_) is made by
   * the question. Asked on another thread, since it waits for whoever reads or replaces a table.
   */
  readXtablesSizes(netns: string, family: number, tables: readonly string[]): Promise<XtablesOutcome>
}

let loaded: Addon | undefined

/**
 * VTEPD_NATIVE_DIR (a sanitizer or debug build) alone where it is set; else the first of build/Release and the prebuilt one of
 * this machine that loads. Throws ConfigError, which says what is wrong with each and what to do, when there is none.
 */
export function loadAddon(): Addon {
  loaded ??= loadFirstOf(addonPlaces())
  return loaded
}

function bindingOf(file: string): Addon {
  const folder = path.dirname(file)
  return bindings({ bindings: path.basename(file), module_root: folder, try: [['module_root', 'bindings']] }) as Addon
}

/** The first of some files that loads; each is looked at first, so that a broken one does no harm. Throws as loadAddon does. */
export function loadFirstOf(places: readonly string[]): Addon {
  const faults: string[] = []
  for (const file of places) {
    try {
      const fault = faultOf(file)
      if (fault === undefined) return bindingOf(file)
      faults.push(fault)
    } catch (cause) {
      faults.push(loadFault(file, messageOf(cause)))
    }
  }
  // What is not there explains nothing where another one is, and does not load.
  const telling = faults.filter((fault) => fault !== ABSENT)
  const why =
    telling.length > 0 ? telling.join('; ') : `there is none for ${machineName()} (looked for: ${places.join(', ')})`
  throw new ConfigError(ADDON_FILE, `the native addon cannot be loaded: ${why}; ${remedy()}`)
}
