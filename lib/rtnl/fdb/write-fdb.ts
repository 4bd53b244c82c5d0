/** From what a caller asks of a forwarding entry to the kernel's fields; owns the checks. Must not: talk to the kernel. */

import { parseLladdr } from '../../net/lladdr.ts'
import { asFlag, asIfindex, asInteger, asIp, copyOf } from '../../netlink/check.ts'
import { shown } from '../../util/wrong-input.ts'
import * as inet from '../inet.ts'
import type { FdbFilter, FdbKey, FdbRemote, FdbSpec } from './fdb-record.ts'
import * as schema from './schema.ts'

const KEYS = [
  ...'ifindex lladdr vlan master self dst port vni srcVni via nexthopId state externLearn sticky router'.split(' '),
  // Only told by the kernel: passed over.
  ...'offloaded locked protocol linkNetnsId cache'.split(' '),
]
const FILTER_KEYS = 'ifindex master vlan lladdr'.split(' ')
const REMOTE_KEYS = ['dst', 'port', 'vni', 'srcVni', 'via', 'nexthopId'] as const
const MOST_VNI = 0xffffff

/** Its fields, each read once. */
export function fieldsOfFdb<T extends FdbKey>(given: T): T {
  return copyOf('fdb', given, KEYS)
}

/** Link, address, VLAN and table: what names an entry. */
export function rawKey(given: FdbKey): schema.RawFdb {
  const { ifindex, lladdr, vlan, master, self } = given
  const ofBridge = typeof master === 'number' ? asIfindex('fdb.master', master) > 0 : master
  const isOfBridge = asFlag('fdb.master', ofBridge) === true
  const isSelf = asFlag('fdb.self', self) ?? !isOfBridge
  if (isSelf === isOfBridge)
    throw new RangeError(`fdb.self: an entry is in one table, that of the link or that of its bridge (fdb.master)`)
  return {
    family: schema.AF_BRIDGE,
    ifindex: asIfindex('fdb.ifindex', ifindex),
    flags: isSelf ? schema.NTF_SELF : schema.NTF_MASTER,
    lladdr: checkLladdr('fdb.lladdr', lladdr),
    vlan: vlan === undefined ? undefined : checkVlan('fdb.vlan', vlan),
  }
}

/** The key, and the remote where one is named: which of several is meant. */
export function rawRemote(given: FdbKey & FdbRemote): schema.RawFdb {
  const key = rawKey(given)
  const { dst, port, vni, srcVni, via, nexthopId } = given
  const named = REMOTE_KEYS.find((one) => given[one] !== undefined)
  if (named !== undefined && key.flags === schema.NTF_MASTER)
    throw new RangeError(`fdb.${named}: an entry of a bridge has no remote`)
  const beside = [dst, port, vni, via].some((one) => one !== undefined)
  if (nexthopId !== undefined && beside) throw new RangeError('fdb.nexthopId: the nexthop says what dst would')
  return {
    ...key,
    dst: dst === undefined ? undefined : asIp('fdb.dst', dst),
    port: port === undefined ? undefined : asInteger('fdb.port', port, 1, 0xffff),
    vni: vni === undefined ? undefined : asInteger('fdb.vni', vni, 0, MOST_VNI),
    srcVni: srcVni === undefined ? undefined : asInteger('fdb.srcVni', srcVni, 0, MOST_VNI),
    via: via === undefined ? undefined : asIfindex('fdb.via', via),
    nexthopId: nexthopId === undefined ? undefined : asInteger('fdb.nexthopId', nexthopId, 1, 0xffffffff),
  }
}

export function rawFdb(given: FdbSpec): schema.RawFdb {
  const raw = rawRemote(given)
  let flags = raw.flags ?? 0
  for (const name of ['externLearn', 'sticky', 'router'] as const)
    if (asFlag(`fdb.${name}`, given[name]) === true) flags |= schema.FLAGS[name]
  return {
    ...raw,
    flags,
    state: inet.asRead(schema.state16, 'fdb.state', given.state === undefined ? 'permanent' : given.state),
  }
}

export function checkFilter(given: FdbFilter): FdbFilter {
  const filter = copyOf('filter', given, FILTER_KEYS)
  const { ifindex, master, vlan, lladdr } = filter
  if (ifindex !== undefined) asIfindex('filter.ifindex', ifindex)
  if (master !== undefined) asIfindex('filter.master', master)
  if (vlan !== undefined) checkVlan('filter.vlan', vlan)
  return lladdr === undefined ? filter : { ...filter, lladdr: checkLladdr('filter.lladdr', lladdr) }
}

function checkVlan(name: string, value: unknown): number {
  return asInteger(name, value, 1, 4094)
}

function checkLladdr(name: string, value: unknown) {
  if (typeof value !== 'string') throw new TypeError(`${name}: ${shown(value)} is not a MAC address`)
  try {
    return parseLladdr(value)
  } catch {
    throw new RangeError(`${name}: ${shown(value)} is not a MAC address`)
  }
}
