/**
 * Neighbours as records: one for each link and address. Must not: read one into a value by itself.
 *
 * The kernel tells of a state when it changes a neighbour by an answer or by time, but not when it begins to ask for one
 * (`incomplete`), nor when it uses a stale one (`delay`): between two dumps those are as they were last told. Entries that this host
 * answers for (proxies) are a table of their own and left out.
 */

import { getUint32, setUint32, viewOf } from '../../addon/host-order.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import { FAMILIES, type Family, familyOf, type Ip, ipToBytes } from '../../net/ip.ts'
import { eachAttribute } from '../../netlink/attributes.ts'
import { asIfindex, asIp, fieldsOf } from '../../netlink/check.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { latin1Of } from '../../util/latin1.ts'
import * as inet from '../inet.ts'
import type { Neighbour } from '../neighbours/neighbour.ts'
import { neighbourReader } from '../neighbours/read-neighbour.ts'
import * as schema from '../neighbours/schema.ts'
import { createCutter, fromLatin1, toLatin1 } from './latin1.ts'
import type { Place, RecordKind } from './record-kind.ts'
import { nothing, placeReader, readWith } from './route-kind.ts'
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
  const { cut, forget } = createCutter()
  const afs = new Set<number>((family === undefined ? FAMILIES : [family]).map((one) => inet.AF[one]))
  const place = (view: DataView, start: number, end: number): Place | undefined => {
    if (end - start < NDMSG_BYTES || !afs.has(view.getUint8(start))) return undefined
    const link = getUint32(view, start + IFINDEX)
    if ((view.getUint8(start + FLAGS) & schema.NTF_PROXY) !== 0 || (ifindex ?? link) !== link) return undefined
    let keyEnd = 0
    eachAttribute(view, start + NDMSG_BYTES, end, (id, from, to) => {
      if (id !== NDA_DST || to - from > 16) return
      for (let i = from; i < to; i += 1) key[KEY_IP + i - from] = view.getUint8(i)
      keyEnd = KEY_IP + to - from
    })
    if (keyEnd === 0) return undefined
    key[0] = view.getUint8(start)
    setUint32(keyView, 1, link)
    return { key: latin1Of(key, 0, keyEnd), record: cut(view, start, end) }
  }
  return {
    setType: schema.RTM_NEWNEIGH,
    deletedType: schema.RTM_DELNEIGH,
    place,
    forget,
    keyOf(asked) {
      const of = fieldsOf('key', asked, ['ifindex', 'ip'])
      const ip = asIp('key.ip', of.ip)
      key[0] = inet.AF[familyOf(ip)]
      setUint32(keyView, 1, asIfindex('key.ifindex', of.ifindex))
      const bytes = ipToBytes(ip)
      key.set(bytes, KEY_IP)
      return latin1Of(key, 0, KEY_IP + bytes.length)
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
    isPartial: () => false,
    hint: createTriggers(),
    async dump(options) {
      const value = { family: family ?? 0, ofLink: ifindex }
      const query = { type: schema.RTM_GETNEIGH, body: schema.neighbourMessage, value, op: 'neighbour.dump' }
      const answers = { answerType: schema.RTM_NEWNEIGH, subject: family ?? 'all' }
      return netlink.dump({ ...query, ...answers, answer: placeReader(place) }, options).catch(nothing)
    },
  }
}
