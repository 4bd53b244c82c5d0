/**
 * Forwarding entries as records: one for each link, MAC address, VLAN and VNI, in the table of the link or of its bridge; of several
 * remotes (the all-zeros and multicast addresses of a VXLAN link) each. Must not: read one into a value by itself.
 *
 * Before Linux 6.18 each request is told once more without the remote (kernel-facts 8): that asks for a dump.
 * Beside another writer the kernel's walk misses entries (Rtnl.dumpFdb), and what is learnt ages and moves without end: a table of a
 * busy bridge is `synced` only in the pauses.
 */

import { getUint16, getUint32, setUint16, setUint32, viewOf } from '../../addon/host-order.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import { lladdrToBytes } from '../../net/lladdr.ts'
import { eachAttribute } from '../../netlink/attributes.ts'
import { asIfindex, asInteger, asLladdr, fieldsOf, optional } from '../../netlink/check.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import type { FdbKey, FdbRecord } from '../fdb/fdb-record.ts'
import { fdbReader } from '../fdb/read-fdb.ts'
import * as schema from '../fdb/schema.ts'
import { createCutter, fromLatin1, toLatin1 } from './latin1.ts'
import type { Place, RecordKind } from './record-kind.ts'
import { nothing, placeReader, readWith } from './route-kind.ts'
import { createTriggers } from './triggers.ts'

/** What forwarding entries are asked for by; `master`: in the table of the link's bridge. */
export interface FdbAt extends Pick<FdbKey, 'ifindex' | 'lladdr' | 'vlan'> {
  readonly master?: boolean
  /** Of a VXLAN link in collect-metadata mode. */
  readonly srcVni?: number
}

/** struct ndmsg. */
const NDMSG_BYTES = 12
const IFINDEX = 4
const FLAGS = 10
const NDA_DST = 1
const NDA_LLADDR = 2
const NDA_CACHEINFO = 3
const NDA_VLAN = 5
const NDA_PORT = 6
const NDA_VNI = 7
const NDA_IFINDEX = 8
const NDA_SRC_VNI = 11

/** Key: link, MAC address, VLAN, VNI, whether it is the bridge's. */
const KEY_LLADDR = 4
const KEY_VLAN = 10
const KEY_SRC_VNI = 12
const KEY_MASTER = 16
const KEY_BYTES = 17
const NDA_NH_ID = 13
const OF_A_REMOTE: readonly number[] = [NDA_DST, NDA_PORT, NDA_VNI, NDA_IFINDEX]

export function fdbKind(
  netlink: Netlink,
  { ifindex }: { readonly ifindex?: Ifindex | undefined },
): RecordKind<FdbRecord, FdbAt> {
  const key = Buffer.alloc(KEY_BYTES)
  const keyView = viewOf(key)
  const page = Buffer.allocUnsafe(0x10000)
  const { cut, forget } = createCutter()
  const place = (view: DataView, start: number, end: number): Place | undefined => {
    if (end - start < NDMSG_BYTES || view.getUint8(start) !== schema.AF_BRIDGE) return undefined
    const link = getUint32(view, start + IFINDEX)
    if ((ifindex ?? link) !== link) return undefined
    key.fill(0)
    setUint32(keyView, 0, link)
    key[KEY_MASTER] = (view.getUint8(start + FLAGS) & schema.NTF_MASTER) === 0 ? 0 : 1
    let isWhole = false
    eachAttribute(view, start + NDMSG_BYTES, end, (id, from, to) => {
      if (id === NDA_LLADDR && to - from === 6) {
        isWhole = true
        for (let i = 0; i < 6; i += 1) key[KEY_LLADDR + i] = view.getUint8(from + i)
      } else if (id === NDA_VLAN && to - from === 2) setUint16(keyView, KEY_VLAN, getUint16(view, from))
      else if (id === NDA_SRC_VNI && to - from === 4) setUint32(keyView, KEY_SRC_VNI, getUint32(view, from))
    })
    return isWhole ? { key: toLatin1(key), record: cut(view, start, end) } : undefined
  }
  return {
    setType: schema.RTM_NEWNEIGH,
    deletedType: schema.RTM_DELNEIGH,
    place,
    forget,
    keyOf(asked) {
      const of = fieldsOf('key', asked, ['ifindex', 'lladdr', 'vlan', 'master', 'srcVni'])
      const number = (field: 'vlan' | 'srcVni', most: number): number =>
        optional(`key.${field}`, of[field], (name, value) => asInteger(name, value, 0, most)) ?? 0
      key.fill(0)
      setUint32(keyView, 0, asIfindex('key.ifindex', of.ifindex))
      key.set(lladdrToBytes(asLladdr('key.lladdr', of.lladdr)), KEY_LLADDR)
      setUint16(keyView, KEY_VLAN, number('vlan', 4095))
      setUint32(keyView, KEY_SRC_VNI, number('srcVni', 0xffffff))
      key[KEY_MASTER] = of.master === true ? 1 : 0
      return toLatin1(key)
    },
    read: (payload) => readWith(fdbReader, payload),
    visible(record) {
      const bytes = fromLatin1(record, page)
      eachAttribute(viewOf(bytes), NDMSG_BYTES, bytes.length, (id, from, to) => {
        if (id === NDA_CACHEINFO) bytes.fill(0, from, to)
      })
      return toLatin1(bytes)
    },
    several: {
      identity(record) {
        const bytes = fromLatin1(record, page)
        let remote = ''
        let isGroup = false
        eachAttribute(viewOf(bytes), NDMSG_BYTES, bytes.length, (id, from, to) => {
          if (id === NDA_LLADDR)
            isGroup = ((bytes[from] ?? 0) & 1) === 1 || bytes.subarray(from, to).every((one) => one === 0)
          if (OF_A_REMOTE.includes(id)) remote += `${id}:${bytes.toString('latin1', from, to)}`
        })
        return isGroup ? remote : ''
      },
      isMerged: () => false,
      tellsAlone: false,
    },
    group: undefined,
    shiftsOnAdd: false,
    isPartial: (record, known) => !hasRemote(record, page) && hasRemote(known, page),
    hint: createTriggers(),
    async dump(options) {
      const value = { family: schema.AF_BRIDGE, via: ifindex }
      const query = { type: schema.RTM_GETNEIGH, body: schema.fdbMessage, value, op: 'fdb.dump' }
      const subject = ifindex === undefined ? 'all' : `of ifindex ${ifindex}`
      const answers = { answerType: schema.RTM_NEWNEIGH, answerFamily: schema.AF_BRIDGE, subject }
      return netlink.dump({ ...query, ...answers, answer: placeReader(place) }, options).catch(nothing)
    },
  }
}

function hasRemote(record: string, page: Buffer): boolean {
  const bytes = fromLatin1(record, page)
  let found = false
  eachAttribute(viewOf(bytes), NDMSG_BYTES, bytes.length, (id) => {
    found ||= id === NDA_DST || id === NDA_NH_ID
  })
  return found
}
