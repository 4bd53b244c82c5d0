/**
 * The other programs of the namespace: what a person with iproute2, NetworkManager or udevd does to it. Test code acts
 * through this door; its results are errno names, undefined for done, and never exceptions.
 * Must not: offer what no program could do (that is index.ts).
 */
import { cidrFamily, parseCidr } from '../../../lib/net/cidr.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { type Ip, parseIp } from '../../../lib/net/ip.ts'
import { type Lladdr, parseLladdr } from '../../../lib/net/lladdr.ts'
import * as abi from '../../../lib/rtnl/abi.ts'
import { type Entry, type EntryOp, packEntries } from '../../../lib/rtnl/entries.ts'
import type { AddressFlags, Link, LinkChange } from '../../../lib/rtnl/port.ts'
import { addAddress, deleteAddress } from './addresses.ts'
import { writeRecord } from './batch.ts'
import { plainLink } from './door.ts'
import { type Answer, ENODEV, errnoName, refuse } from './errnos.ts'
import { changeLink, createLink, createVethPair, deleteLink, forgetAway, sendAway } from './links.ts'
import { copyRecord } from './records.ts'
import { fdbRecords, neighbourRecords, routeDump } from './snapshot.ts'
import type { State } from './state.ts'
import { planVxlan } from './vxlan.ts'

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
  replaceNeighbour(ifname: string, ip: string, lladdr: string): R
  deleteNeighbour(ifname: string, ip: string): R
  replaceFdb(ifname: string, lladdr: string, remote: string): R
  deleteFdb(ifname: string, lladdr: string, remote?: string): R
  /** Every neighbour entry of the link, permanent ones too. */
  flushNeighbours(ifname: string): R
  /** Every route of the main tables through the link, those of the kernel excepted. */
  flushRoutes(ifname: string): R
  flushFdb(ifname: string): R
}

/** What only the fake offers: hardware, and flags that no command sets. */
export interface FakeAdministrator extends Administrator<string | undefined> {
  /** A network card: kind '', carrier as `setCarrier` says (at first there). */
  addNic(ifname: string, options?: LinkOptions): string | undefined
  setCarrier(ifname: string, carrier: boolean): string | undefined
  setAddressFlags(ifname: string, ip: string, flags: Partial<AddressFlags>): string | undefined
}

type Admin = Administrator<string | undefined>

export function createAdministrator(state: State): Admin {
  const on = (ifname: string, act: (ifindex: Ifindex, link: Link) => Answer): string | undefined => {
    const ifindex = state.names.get(ifname)
    const link = ifindex === undefined ? undefined : state.links.get(ifindex)
    return nameOf(link === undefined ? refuse(ENODEV) : act(link.ifindex, link))
  }
  const change = (ifname: string, what: LinkChange) => on(ifname, (ifindex) => changeLink(state, ifindex, what))
  const address = (text: string) => {
    const [ip = '', length = ''] = text.split('/')
    return { ip: parseIp(ip), prefixLength: Number(length) }
  }

  return {
    ...linkMakers(state, on),
    ...entryWriters(state, on),
    deleteLink: (ifname) => on(ifname, (ifindex) => deleteLink(state, ifindex, ADMINISTRATOR_PID)),
    setUp: (ifname) => change(ifname, { up: true }),
    setDown: (ifname) => change(ifname, { up: false }),
    rename: (ifname, to) => change(ifname, { ifname: to }),
    setLladdr: (ifname, lladdr) => change(ifname, { lladdr: parseLladdr(lladdr) }),
    setMtu: (ifname, mtu) => change(ifname, { mtu }),
    setMaster: (ifname, master) =>
      master === null
        ? change(ifname, { master: null })
        : on(master, (ifindex) => {
            const port = state.names.get(ifname)
            return port === undefined ? refuse(ENODEV) : changeLink(state, port, { master: ifindex })
          }),
    sendAway: (ifname) => on(ifname, (ifindex) => sendAway(state, ifindex, ADMINISTRATOR_PID)),
    deleteAway(ifname) {
      const link = [...state.away.values()].find((away) => away.ifname === ifname)
      if (link === undefined) return errnoName(ENODEV)
      forgetAway(state, link.ifindex)
      return undefined
    },
    addAddress: (ifname, text, flags = {}) =>
      on(ifname, (ifindex) =>
        addAddress(
          state,
          { ifindex, ...address(text), noDad: flags.tentative !== true, flags: cleanFlags(flags) },
          ADMINISTRATOR_PID,
        ),
      ),
    removeAddress: (ifname, text) =>
      on(ifname, (ifindex) => deleteAddress(state, { ifindex, ...address(text) }, ADMINISTRATOR_PID)),
  }
}

type On = (ifname: string, act: (ifindex: Ifindex, link: Link) => Answer) => string | undefined

function linkMakers(state: State, on: On): Pick<Admin, 'addVeth' | 'addBridge' | 'addMacvlan' | 'addVxlan'> {
  const plain = (kind: string, ifname: string, options: LinkOptions = {}, offset = 0) =>
    plainLink(state, kind, { ifname, ...sizes(options) }, offset)
  return {
    addVeth: (ifname, peer, options = {}) => {
      const far = plain('veth', peer, options.peerLladdr === undefined ? {} : { lladdr: options.peerLladdr }, 1)
      return nameOf(createVethPair(state, plain('veth', ifname, options), far, ADMINISTRATOR_PID))
    },
    addBridge: (ifname, options) => nameOf(createLink(state, plain('bridge', ifname, options), {}, ADMINISTRATOR_PID)),
    addMacvlan: (ifname, parent, options) =>
      on(parent, (ifindex, link) =>
        createLink(
          state,
          { ...plain('macvlan', ifname, { mtu: link.mtu, ...options }), parent: ifindex },
          {},
          ADMINISTRATOR_PID,
        ),
      ),
    addVxlan(ifname, options) {
      const make = (parent: Ifindex | undefined, mtu: number): Answer => {
        const planned = planVxlan(state, {
          ifname,
          vni: options.vni,
          local: options.local === undefined ? undefined : parseIp(options.local),
          parent,
          lladdr: plain('vxlan', ifname, options).lladdr as Lladdr,
          mtu: options.mtu ?? mtu,
          port: options.port,
          learning: options.learning ?? false,
          gbp: options.gbp ?? false,
          metadata: options.metadata ?? false,
          txQueueLength: 1000,
        })
        return 'errno' in planned ? planned : createLink(state, planned, {}, ADMINISTRATOR_PID)
      }
      // Without a size asked for, a pinned device takes what its parent leaves, an unpinned one 1500.
      if (options.parent === undefined) return nameOf(make(undefined, 1500))
      return on(options.parent, (ifindex) => make(ifindex, Number.MAX_SAFE_INTEGER))
    },
  }
}

type EntryWriters = Pick<
  Admin,
  | 'replaceRoute'
  | 'deleteRoute'
  | 'replaceNeighbour'
  | 'deleteNeighbour'
  | 'replaceFdb'
  | 'deleteFdb'
  | 'flushNeighbours'
  | 'flushRoutes'
  | 'flushFdb'
>

function entryWriters(state: State, on: On): EntryWriters {
  const write = (op: EntryOp, entry: Entry): Answer =>
    writeRecord(state, copyRecord(packEntries([entry]), 0), OPS[op], ADMINISTRATOR_PID)
  const removeAll = (records: readonly Uint8Array[]): undefined => {
    for (const record of records) writeRecord(state, record.slice(), abi.OP_DELETE, ADMINISTRATOR_PID)
  }
  const neighbour = (ifindex: Ifindex, ip: Ip, lladdr: Lladdr | undefined): Entry => ({
    kind: 'neighbour',
    ifindex,
    ip,
    lladdr,
    state: abi.NUD_PERMANENT,
    flags: 0,
    protocol: 0,
  })
  const fdb = (ifindex: Ifindex, lladdr: string, remote: string | undefined): Entry => ({
    kind: 'fdb',
    ifindex,
    lladdr: parseLladdr(lladdr),
    remote: remote === undefined ? undefined : parseIp(remote),
    state: abi.NUD_PERMANENT,
    flags: abi.NTF_SELF,
    extras: false,
  })
  const route = (op: EntryOp, spec: AdminRoute): string | undefined => {
    const oif = spec.dev === undefined ? undefined : state.names.get(spec.dev)
    if (spec.dev !== undefined && oif === undefined) return errnoName(ENODEV)
    return nameOf(write(op, routeEntry(op, spec, oif)))
  }
  return {
    replaceRoute: (spec) => route('replace', spec),
    deleteRoute: (spec) => route('delete', spec),
    replaceNeighbour: (ifname, ip, lladdr) =>
      on(ifname, (ifindex) => write('replace', neighbour(ifindex, parseIp(ip), parseLladdr(lladdr)))),
    deleteNeighbour: (ifname, ip) =>
      on(ifname, (ifindex) => write('delete', neighbour(ifindex, parseIp(ip), undefined))),
    replaceFdb: (ifname, lladdr, remote) => on(ifname, (ifindex) => write('replace', fdb(ifindex, lladdr, remote))),
    deleteFdb: (ifname, lladdr, remote) => on(ifname, (ifindex) => write('delete', fdb(ifindex, lladdr, remote))),
    flushNeighbours: (ifname) =>
      on(ifname, (ifindex) =>
        removeAll([...neighbourRecords(state, 'ipv4', ifindex), ...neighbourRecords(state, 'ipv6', ifindex)]),
      ),
    flushFdb: (ifname) => on(ifname, (ifindex) => removeAll(fdbRecords(state, ifindex))),
    flushRoutes: (ifname) => on(ifname, (ifindex) => removeAll(foreignRoutes(state, ifindex))),
  }
}

const OPS = { replace: abi.OP_REPLACE, delete: abi.OP_DELETE, create: abi.OP_CREATE } as const

function foreignRoutes(state: State, ifindex: Ifindex): Uint8Array[] {
  return (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const table = routeDump(state, family)
    return Array.from({ length: table.length }, (_, index) => copyRecord(table, index)).filter(
      (bytes) =>
        bytes[abi.OFFSET_PROTOCOL] !== abi.RTPROT_KERNEL &&
        new DataView(bytes.buffer, abi.OFFSET_IFINDEX, 4).getUint32(0, true) === ifindex,
    )
  })
}

/** As iproute2 sends it: a delete names neither protocol nor type unless it is told to. */
function routeEntry(op: EntryOp, spec: AdminRoute, oif: Ifindex | undefined): Entry {
  const dst = parseCidr(spec.dst)
  const gateway = spec.via === undefined ? undefined : parseIp(spec.via)
  const connected = gateway === undefined && oif !== undefined && cidrFamily(dst) === 'ipv4'
  return {
    kind: 'route',
    dst,
    metric: spec.metric ?? 0,
    gateway,
    oif,
    onlink: spec.onlink ?? false,
    protocol: spec.protocol ?? (op === 'delete' ? 0 : abi.RTPROT_BOOT),
    type: spec.type ?? (op === 'delete' ? 0 : abi.RTN_UNICAST),
    scope: connected ? 253 : 0,
    extras: false,
    dead: false,
  }
}

function sizes(options: LinkOptions): { mtu?: number; lladdr?: Lladdr } {
  return {
    ...(options.mtu === undefined ? {} : { mtu: options.mtu }),
    ...(options.lladdr === undefined ? {} : { lladdr: parseLladdr(options.lladdr) }),
  }
}

function cleanFlags(flags: { readonly tentative?: boolean; readonly deprecated?: boolean }): Partial<AddressFlags> {
  return {
    ...(flags.tentative === undefined ? {} : { tentative: flags.tentative }),
    ...(flags.deprecated === undefined ? {} : { deprecated: flags.deprecated }),
  }
}

function nameOf(answer: Answer): string | undefined {
  return answer === undefined ? undefined : errnoName(answer.errno)
}
