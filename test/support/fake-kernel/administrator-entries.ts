/** The administrator's entries: routes, neighbours and FDB entries as iproute2 writes them. Must not: touch links. */

import * as abi from '../../../lib/addon/abi.ts'
import { type Cidr, cidrFamily, cidrOf } from '../../../lib/net/cidr.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { type Ip, ipFromBytes, parseIp } from '../../../lib/net/ip.ts'
import { readAddress } from '../../../lib/net/ip-text.ts'
import { type Lladdr, parseLladdr } from '../../../lib/net/lladdr.ts'
import { type Entry, type EntryOp, packEntries } from '../../../lib/rtnl/entries.ts'
import type { Link } from '../../../lib/rtnl/port.ts'
import { ADMINISTRATOR_PID, type Administrator, type AdminRoute } from './administration.ts'
import { writeRecord } from './batch.ts'
import { type Answer, EINVAL, ENODEV, errnoName, refuse } from './errnos.ts'
import { copyRecord, decodeRoute, getUint32, keyOfIp } from './records.ts'
import { writeMultipath } from './routes.ts'
import { fdbRecords, neighbourRecords, routeDump } from './snapshot.ts'
import type { State } from './state.ts'

/** Finds the link by its name; ENODEV when there is none. */
export type On = (ifname: string, act: (ifindex: Ifindex, link: Link) => Answer) => string | undefined

/** What `bridge fdb … permanent` sends: NUD_PERMANENT and NUD_NOARP. */
const BRIDGE_PERMANENT = 0xc0

type EntryWriters = Pick<
  Administrator<string | undefined>,
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

/** The methods that write entries. */
export function entryWriters(state: State, on: On): EntryWriters {
  const write = (op: EntryOp, entry: Entry, table?: number): Answer =>
    writeRecord(state, copyRecord(packEntries([entry]), 0), OPS[op], ADMINISTRATOR_PID, table)
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
    state: BRIDGE_PERMANENT,
    flags: abi.NTF_SELF,
    extras: false,
  })
  const route = (op: EntryOp, spec: AdminRoute): string | undefined => {
    if (spec.nexthops !== undefined && op === 'replace') return nameOf(replaceMultipath(state, spec, spec.nexthops))
    const oif = spec.dev === undefined ? undefined : state.names.get(spec.dev)
    if (spec.dev !== undefined && oif === undefined) return errnoName(ENODEV)
    return nameOf(write(op, routeEntry(op, spec, oif), spec.table))
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
    flushFdb: (ifname) =>
      on(ifname, (ifindex) =>
        state.settings.traits.flushesFdb ? removeAll(fdbRecords(state, ifindex)) : refuse(EINVAL),
      ),
    flushRoutes: (ifname) => on(ifname, (ifindex) => removeAll(foreignRoutes(state, ifindex))),
  }
}

const OPS = { replace: abi.OP_REPLACE, delete: abi.OP_DELETE, create: abi.OP_CREATE } as const

function foreignRoutes(state: State, ifindex: Ifindex): Uint8Array[] {
  return (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const table = routeDump(state, family)
    return Array.from({ length: table.length }, (_, index) => copyRecord(table, index)).filter(
      (bytes) => bytes[abi.OFFSET_PROTOCOL] !== abi.RTPROT_KERNEL && getUint32(bytes, abi.OFFSET_IFINDEX) === ifindex,
    )
  })
}

/** As iproute2 sends it: a delete names neither protocol nor type unless it is told to. */
function routeEntry(op: EntryOp, spec: AdminRoute, oif: Ifindex | undefined): Entry {
  const dst = prefixOf(spec.dst)
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
    multipath: false,
  }
}

function replaceMultipath(state: State, spec: AdminRoute, nexthops: NonNullable<AdminRoute['nexthops']>): Answer {
  const hops = nexthops.map(({ via, dev }) => ({
    gateway: via === undefined ? undefined : keyOfIp(parseIp(via)),
    oif: state.names.get(dev) ?? 0,
  }))
  if (hops.some((hop) => hop.oif === 0)) return refuse(ENODEV)
  const { bytes: _, ...plain } = decodeRoute(copyRecord(packEntries([routeEntry('replace', spec, undefined)]), 0))
  return writeMultipath(state, plain, hops, ADMINISTRATOR_PID)
}

/** Any prefix that iproute2 takes, IPv4-mapped ones too: the kernel has fewer scruples than parseCidr. */
function prefixOf(text: string): Cidr {
  const [address = '', length = ''] = text.split('/')
  const bytes = new Uint8Array(16)
  return cidrOf(ipFromBytes(bytes.subarray(0, readAddress(address, bytes))), Number(length))
}

/** 'ENODEV', or undefined for done. */
export function nameOf(answer: Answer): string | undefined {
  return answer === undefined ? undefined : errnoName(answer.errno)
}
