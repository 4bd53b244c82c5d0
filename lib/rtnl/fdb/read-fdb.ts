/** From what the kernel says to a forwarding entry as a value. Must not: fail on anything that a kernel can hold. */
import { toIfindex } from '../../net/ifindex.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { FdbRecord } from './fdb-record.ts'
import * as schema from './schema.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Of these the value is told as it is, where there is one. */
const AS_IT_IS = ['vlan', 'dst', 'port', 'vni', 'srcVni', 'nexthopId', 'protocol', 'linkNetnsId'] as const

/** Reads entries of PF_BRIDGE with an Ethernet address; undefined for what is none. */
export const fdbReader: Pick<Codec<FdbRecord>, 'read'> = {
  read(view, start, end, name, faults) {
    const raw = schema.fdbMessage.read(view, start, end, name, faults)
    return raw === undefined ? undefined : recordOf(raw)
  },
}

function recordOf(raw: schema.RawFdb): FdbRecord | undefined {
  const { family, lladdr, flags = 0, extFlags = 0, cacheinfo } = raw
  const ifindex = toIfindex(raw.ifindex ?? 0)
  if (family !== schema.AF_BRIDGE || lladdr === undefined || ifindex === undefined) return undefined
  const has = (flag: number): boolean => (flags & flag) !== 0
  const value: Mutable<FdbRecord> = {
    ifindex,
    lladdr,
    self: has(schema.NTF_SELF),
    state: raw.state ?? 0,
    externLearn: has(schema.FLAGS.externLearn),
    sticky: has(schema.FLAGS.sticky),
    router: has(schema.FLAGS.router),
    offloaded: has(schema.FLAGS.offloaded),
    locked: (extFlags & schema.NTF_EXT_LOCKED) !== 0,
  }
  const [master, via] = [toIfindex(raw.master ?? 0), toIfindex(raw.via ?? 0)]
  if (master !== undefined) value.master = master
  if (via !== undefined) value.via = via
  for (const key of AS_IT_IS) if (raw[key] !== undefined) Object.assign(value, { [key]: raw[key] })
  if (cacheinfo !== undefined) value.cache = { used: cacheinfo.used ?? 0, updated: cacheinfo.updated ?? 0 }
  return value
}
