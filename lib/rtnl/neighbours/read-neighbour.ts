/** From what the kernel says to a neighbour as a value. Must not: fail on anything that a kernel can hold. */
import { toIfindex } from '../../net/ifindex.ts'
import { lladdrFromBytes } from '../../net/lladdr.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { Neighbour } from './neighbour.ts'
import * as schema from './schema.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const LLADDR_BYTES = 6

/** Reads neighbours of IPv4 and IPv6; undefined for what is none. */
export const neighbourReader: Pick<Codec<Neighbour>, 'read'> = {
  read(view, start, end, name, faults) {
    const raw = schema.neighbourMessage.read(view, start, end, name, faults)
    return raw === undefined ? undefined : neighbourOf(raw)
  },
}

function neighbourOf(raw: schema.RawNeighbour): Neighbour | undefined {
  const { family, ip, lladdr, cacheinfo, flags = 0, extFlags = 0 } = raw
  const ifindex = toIfindex(raw.ifindex ?? 0)
  if (ip === undefined || ifindex === undefined || (family !== 'ipv4' && family !== 'ipv6')) return undefined
  const has = (flag: number): boolean => (flags & flag) !== 0
  const value: Mutable<Neighbour> = {
    family,
    ifindex,
    ip,
    lladdr: lladdr?.length === LLADDR_BYTES ? lladdrFromBytes(lladdr) : undefined,
    state: raw.state ?? 'none',
    proxy: has(schema.NTF_PROXY),
    router: has(schema.NTF_ROUTER),
    externLearn: has(schema.NTF_EXT_LEARNED),
    managed: (extFlags & schema.NTF_EXT_MANAGED) !== 0,
    offloaded: has(schema.NTF_OFFLOADED),
    protocol: raw.protocol ?? 0,
    type: raw.type ?? 'unspec',
  }
  if (lladdr !== undefined && lladdr.length !== LLADDR_BYTES) value.hardwareAddress = lladdr
  if (raw.probes !== undefined) value.probes = raw.probes
  if (cacheinfo !== undefined) {
    const { confirmed = 0, used = 0, updated = 0, references = 0 } = cacheinfo
    value.cache = { confirmed, used, updated, references }
  }
  return value
}
