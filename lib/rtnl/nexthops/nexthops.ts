/** Nexthop objects: listed, asked for and written as whole values. Must not: retry, decide or log. */

import { constants } from 'node:os'
import { NetlinkError } from '../../errors.ts'
import { toIfindex } from '../../net/ifindex.ts'
import { type Family, familyOf } from '../../net/ip.ts'
import type { CallOptions } from '../../netlink/call.ts'
import { asFamily, asFlag, asIfindex, asInteger, asIp, asObject, copyOf } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { Dump } from '../../netlink/dump.ts'
import { NLM_F_CREATE, NLM_F_ECHO, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/message.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { shown } from '../../util/wrong-input.ts'
import * as inet from '../inet.ts'
import { type Encap, encapAttributes, encapOf } from '../routes/encap.ts'
import { statusOf } from '../routes/read-route.ts'
import { RTNH_F_ONLINK } from '../routes/schema.ts'
import type { Nexthop, NexthopFilter, NexthopSpec } from './nexthop.ts'
import * as schema from './schema.ts'

/** Promises reject with TypeError or RangeError before anything is sent, with NetlinkError where the kernel refused. */
export interface Nexthops {
  /** In the order of their ids. */
  listNexthops(filter?: NexthopFilter, options?: CallOptions): Promise<Dump<readonly Nexthop[]>>
  /** undefined: there is none of this id. */
  getNexthop(id: number, options?: CallOptions): Promise<Nexthop | undefined>
  /** Its id. EEXIST: the id is taken. */
  addNexthop(nexthop: NexthopSpec, options?: CallOptions): Promise<number>
  /** Its id. All routes that have it follow. EINVAL: a group and a single one do not replace each other. */
  replaceNexthop(nexthop: NexthopSpec, options?: CallOptions): Promise<number>
  /** Routes that have it go with it, without being announced; groups lose a member. ENOENT: there is none. */
  deleteNexthop(id: number, options?: CallOptions): Promise<void>
}

const KEYS = [
  ...'id family oif gateway onlink encap blackhole fdb group groupType resilient protocol'.split(' '),
  // Only told by the kernel: passed over.
  ...['scope', 'status'],
]
const FILTER_KEYS = 'family oif master groups fdb'.split(' ')

const body = inet.called('nexthop', schema.nexthopMessage)
const answer = {
  ...schema.nexthopMessage,
  read(view, start, end, name, faults) {
    const raw = schema.nexthopMessage.read(view, start, end, name, faults)
    return raw === undefined ? undefined : nexthopOf(raw)
  },
} as Codec<unknown> as Codec<Nexthop>

export function nexthopsOver(netlink: Netlink): Nexthops {
  const added = (op: string, flags: number) => async (nexthop: NexthopSpec, options?: CallOptions) => {
    const value = rawNexthop(nexthop)
    // The echo is how the kernel tells the id that it chose.
    const request = { type: schema.RTM_NEWNEXTHOP, flags: NLM_F_CREATE | NLM_F_ECHO | flags, body, value }
    const named = { ...request, answerType: schema.RTM_NEWNEXTHOP, op, subject: `${value.id ?? 'without an id'}` }
    const [made] = await netlink.request({ ...named, answer }, options)
    return made?.id ?? value.id ?? 0
  }
  return {
    async listNexthops(given = {}, options) {
      const filter = copyOf('filter', given, FILTER_KEYS)
      const value = questionOf(filter)
      const query = { type: schema.RTM_GETNEXTHOP, body: inet.called('filter', schema.nexthopMessage), value, answer }
      const answers = { answerType: schema.RTM_NEWNEXTHOP, op: 'nexthop.list', subject: filter.family ?? 'all' }
      try {
        return await netlink.dump({ ...query, ...answers }, options)
      } catch (error) {
        if (inet.isNothing(error)) return inet.NOTHING
        throw error
      }
    },
    async getNexthop(id, options) {
      const value = { id: asInteger('id', id, 1, 0xffffffff) }
      const query = { type: schema.RTM_GETNEXTHOP, body: schema.nexthopMessage, value, answer }
      const answers = { answerType: schema.RTM_NEWNEXTHOP, op: 'nexthop.get', subject: `${id}` }
      try {
        const [found] = await netlink.request({ ...query, ...answers }, options)
        return found
      } catch (error) {
        if (error instanceof NetlinkError && error.errno === constants.errno.ENOENT) return undefined
        throw error
      }
    },
    addNexthop: added('nexthop.add', NLM_F_EXCL),
    replaceNexthop: added('nexthop.replace', NLM_F_REPLACE),
    async deleteNexthop(id, options) {
      const value = { id: asInteger('id', id, 1, 0xffffffff) }
      const query = { type: schema.RTM_DELNEXTHOP, body: schema.nexthopMessage, value }
      await netlink.request({ ...query, op: 'nexthop.delete', subject: `${id}` }, options)
    },
  }
}

function nexthopOf(raw: schema.RawNexthop): Nexthop | undefined {
  const { id, family, flags = 0, encapType } = raw
  if (id === undefined) return undefined
  return {
    id,
    ...(family === 'ipv4' || family === 'ipv6' ? { family } : {}),
    ...(raw.oif === undefined ? {} : { oif: toIfindex(raw.oif) }),
    ...(raw.gateway === undefined ? {} : { gateway: raw.gateway }),
    ...(encapType === undefined ? {} : { encap: encapOf(encapType, raw.encap) }),
    ...(raw.group === undefined ? {} : { group: raw.group.map(({ id = 0, weight }) => ({ id, weight })) }),
    ...(raw.groupType === undefined ? {} : { groupType: raw.groupType }),
    ...(raw.resilient === undefined ? {} : { resilient: raw.resilient }),
    onlink: (flags & RTNH_F_ONLINK) !== 0,
    blackhole: raw.blackhole === true,
    fdb: raw.fdb === true,
    protocol: raw.protocol ?? 0,
    scope: raw.scope ?? 'universe',
    status: statusOf(flags),
  }
}

function questionOf(filter: NexthopFilter): schema.RawNexthop {
  const { family, oif, master, groups, fdb } = filter
  return {
    family: family === undefined ? 0 : asFamily('filter.family', family),
    oif: oif === undefined ? undefined : asIfindex('filter.oif', oif),
    master: master === undefined ? undefined : asIfindex('filter.master', master),
    groups,
    fdb,
  }
}

/** What a group, and what a blackhole, cannot have. */
const OF_A_WAY = ['family', 'oif', 'gateway', 'encap'] as const

function rawNexthop(spec: NexthopSpec): schema.RawNexthop {
  const given = copyOf('nexthop', spec, KEYS)
  const { id, gateway, onlink, blackhole, fdb, group, protocol } = given
  refuseExclusive(given)
  const common = {
    id: id === undefined ? undefined : asInteger('nexthop.id', id, 1, 0xffffffff),
    protocol: protocol === undefined ? 0 : protocol,
    fdb: asFlag('nexthop.fdb', fdb),
  }
  if (group !== undefined) return { ...common, family: 0, ...groupOf(given) }
  const ip = gateway === undefined ? undefined : asIp('nexthop.gateway', gateway)
  const family = given.family === undefined ? undefined : asFamily('nexthop.family', given.family)
  if (ip !== undefined && family !== undefined && familyOf(ip) !== family)
    throw new RangeError(`nexthop.gateway: ${ip} is not of the family ${family}`)
  return {
    ...common,
    family: family ?? ((ip === undefined ? 'ipv4' : familyOf(ip)) satisfies Family),
    flags: asFlag('nexthop.onlink', onlink) === true ? RTNH_F_ONLINK : 0,
    blackhole: asFlag('nexthop.blackhole', blackhole),
    oif: given.oif === undefined ? undefined : asIfindex('nexthop.oif', given.oif),
    gateway: ip,
    ...(given.encap === undefined ? {} : encapAttributes('nexthop.encap', given.encap as Encap)),
  }
}

function refuseExclusive(given: NexthopSpec): void {
  const { blackhole, group, groupType, resilient } = given
  for (const name of OF_A_WAY) {
    if (given[name] === undefined) continue
    if (group !== undefined) throw new RangeError(`nexthop.${name}: a group has none; its members have`)
    // The kernel tells the loopback as the link of a blackhole.
    if (blackhole === true && name !== 'family' && !(name === 'oif' && 'status' in given))
      throw new RangeError(`nexthop.${name}: a blackhole has none`)
  }
  if (blackhole !== true && [group, given.oif, given.gateway].every((one) => one === undefined))
    throw new TypeError('nexthop.oif: neither it nor `gateway`, `blackhole` or `group` says where packets go')
  if (group === undefined && (groupType !== undefined || resilient !== undefined))
    throw new RangeError(`nexthop.group: a ${groupType ?? 'resilient'} group without members`)
  if (resilient !== undefined && groupType !== 'resilient' && groupType !== 1)
    throw new RangeError("nexthop.resilient: `groupType` is not 'resilient'")
}

function groupOf({ group, groupType, resilient }: NexthopSpec): Partial<schema.RawNexthop> {
  if (!Array.isArray(group)) throw new TypeError(`nexthop.group: ${shown(group)} is not an array`)
  if (group.length === 0) throw new RangeError('nexthop.group: it is empty')
  const members = group.map((one: unknown, i) => {
    const { id, weight } = copyOf(`nexthop.group[${i}]`, one, ['id', 'weight'])
    return {
      id: asInteger(`nexthop.group[${i}].id`, id, 1, 0xffffffff),
      weight: asInteger(`nexthop.group[${i}].weight`, weight === undefined ? 1 : weight, 1, 0x10000),
    }
  })
  if (resilient === undefined) return { group: members, groupType }
  const { unbalancedTime, ...rest } = asObject('nexthop.resilient', resilient)
  return { group: members, groupType, resilient: rest }
}
