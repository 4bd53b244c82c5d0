/**
 * Neighbours as records: one for each link and address. Must not: read one into a value by itself.
 *
 * The kernel tells of a state when it changes a neighbour by an answer or by time, but not when it begins to ask for one
 * (`incomplete`), nor when it uses a stale one (`delay`): between two dumps those are as they were last told. Entries that this host
 * answers for (proxies) are a table of their own and left out.
 */
import type { Ifindex } from '../../net/ifindex.ts'
import { FAMILIES, type Family, familyOf, type Ip, ipToBytes } from '../../net/ip.ts'
import { eachAttribute } from '../../netlink/attributes.ts'
import type { NetlinkMessage } from '../../netlink/message.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { asIfindex, asIp, fieldsOf } from '../check.ts'
import { getUint32, setUint32, viewOf } from '../host-order.ts'
import * as inet from '../inet.ts'
import type { Neighbour } from '../neighbours/neighbour.ts'
import { neighbourReader } from '../neighbours/read-neighbour.ts'
import * as schema from '../neighbours/schema.ts'
import { fromLatin1, toLatin1 } from './latin1.ts'
import type { RecordKind } from './record-kind.ts'
import { nothing, readWith } from './route-kind.ts'
import { createTriggers } from './triggers.ts'

export interface NeighbourAt {
  readonly ifindex: Ifindex
  readonly ip: Ip
}

export interface NeighbourScope {
  /** Default: both. */
  readonly family?: Family | undefined
  /** Default: all links. */
  readonly ifindex?: Ifindex | undefined
}

/** struct ndmsg. */
const NDMSG_BYTES = 12
const IFINDEX = 4
const FLAGS = 10
const NDA_DST = 1
const NDA_CACHEINFO = 3
const NDA_PROBES = 4
const KEY_IP = 5

export function neighbourKind(
  netlink: Netlink,
  { family, ifindex }: NeighbourScope,
): RecordKind<Neighbour, NeighbourAt> {
  const key = Buffer.alloc(KEY_IP + 16)
  const keyView = viewOf(key)
  const page = Buffer.allocUnsafe(0x10000)
  const afs = new Set<number>((family === undefined ? FAMILIES : [family]).map((one) => inet.AF[one]))
  return {
    setType: schema.RTM_NEWNEIGH,
    deletedType: schema.RTM_DELNEIGH,
    place(payload) {
      if (payload.length < NDMSG_BYTES || !afs.has(payload[0] ?? 0)) return undefined
      const view = viewOf(payload)
      const link = getUint32(view, IFINDEX)
      if (((payload[FLAGS] ?? 0) & schema.NTF_PROXY) !== 0 || (ifindex ?? link) !== link) return undefined
      let end = 0
      eachAttribute(view, NDMSG_BYTES, payload.length, (id, from, to) => {
        if (id !== NDA_DST || to - from > 16) return
        key.set(payload.subarray(from, to), KEY_IP)
        end = KEY_IP + to - from
      })
      if (end === 0) return undefined
      key[0] = payload[0] ?? 0
      setUint32(keyView, 1, link)
      return { key: key.toString('latin1', 0, end), record: toLatin1(payload) }
    },
    keyOf(asked) {
      const of = fieldsOf('key', asked, ['ifindex', 'ip'])
      const ip = asIp('key.ip', of.ip)
      key[0] = inet.AF[familyOf(ip)]
      setUint32(keyView, 1, asIfindex('key.ifindex', of.ifindex))
      const bytes = ipToBytes(ip)
      key.set(bytes, KEY_IP)
      return key.toString('latin1', 0, KEY_IP + bytes.length)
    },
    read: (payload) => readWith(neighbourReader, payload),
    visible(record) {
      const bytes = fromLatin1(record, page)
      eachAttribute(viewOf(bytes), NDMSG_BYTES, bytes.length, (id, from, to) => {
        if (id === NDA_CACHEINFO || id === NDA_PROBES) bytes.fill(0, from, to)
      })
      return toLatin1(bytes)
    },
    several: undefined,
    group: undefined,
    shiftsOnAdd: true,
    hint: createTriggers(),
    async dump(options) {
      const value = { family: family ?? 0, ofLink: ifindex }
      const query = { type: schema.RTM_GETNEIGH, body: schema.neighbourMessage, value, op: 'neighbour.dump' }
      const answers = { answerType: schema.RTM_NEWNEIGH, subject: family ?? 'all' }
      const dump = await netlink.dump<object>({ ...query, ...answers }, options).catch(nothing)
      return dump as typeof dump & { readonly value: readonly NetlinkMessage[] }
    },
  }
}
