/** Addresses of links: listed and written as whole values. Must not: retry, decide or log. */

import { addressBits, type Family, familyOf } from '../../net/ip.ts'
import type { CallOptions } from '../../netlink/call.ts'
import { asFamily, asFlag, asIfindex, asInteger, asIp, asIpOf, copyOf } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { Dump } from '../../netlink/dump.ts'
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/message.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { shown } from '../../util/wrong-input.ts'
import { AF, asRead, called, isNothing, NOTHING, refuseOf, scope8 } from '../inet.ts'
import type { AddressDetails, AddressFilter, AddressRequest } from './address.ts'
import { addressReader } from './read-address.ts'
import * as schema from './schema.ts'

/** Promises reject with TypeError or RangeError before anything is sent, with NetlinkError where the kernel refused. */
export interface Addresses {
  /** Of all links and both families, or of what the filter says. A link that is not there has none. */
  listAddresses(filter?: AddressFilter, options?: CallOptions): Promise<Dump<readonly AddressDetails[]>>
  /** EEXIST: the link has it already. ENODEV: there is no such link. */
  createAddress(address: AddressRequest, options?: CallOptions): Promise<void>
  /**
   * Creates it, or gives the one that is there new lifetimes and flags. The kernel changes neither `peer` nor, of IPv4, `scope`,
   * `label` and `broadcast` of one that is there.
   */
  addAddress(address: AddressRequest, options?: CallOptions): Promise<void>
  /** By link, address, prefix length, and peer and label where they are given; the rest is passed over. EADDRNOTAVAIL: there is none. */
  deleteAddress(address: AddressRequest, options?: CallOptions): Promise<void>
}

const READ_ONLY = ['family', 'status', 'anycast', 'created', 'updated']
const KEYS = [
  ...'ifindex ip prefixLength peer broadcast label scope valid preferred metric protocol'.split(' '),
  ...'noDad noPrefixRoute mcAutoJoin manageTempAddr home optimistic'.split(' '),
  ...READ_ONLY,
]
const FILTER_KEYS = ['family', 'ifindex', 'scope']
const LABEL_BYTES = 15

const body = called('address', schema.addressMessage)
const answer = { ...schema.addressMessage, ...addressReader } as unknown as Codec<AddressDetails>

export function addressesOver(netlink: Netlink): Addresses {
  const write = async (op: string, type: number, flags: number, address: AddressRequest, options?: CallOptions) => {
    const given = copyOf('address', address, KEYS)
    const value = type === schema.RTM_DELADDR ? rawKey(given) : rawAddress(given)
    const subject = `${value.local}/${value.prefixLength} on ifindex ${value.ifindex}`
    await netlink.request({ type, flags, body, value, op, subject }, options)
  }
  return {
    async listAddresses(wanted = {}, options) {
      const filter = copyOf('filter', wanted, FILTER_KEYS)
      const { family, ifindex } = filter
      if (family !== undefined) asFamily('filter.family', family)
      if (ifindex !== undefined) asIfindex('filter.ifindex', ifindex)
      const scope = filter.scope === undefined ? undefined : asRead(scope8, 'filter.scope', filter.scope)
      const value = { family: family ?? 0, ifindex: ifindex ?? 0 }
      const query = { type: schema.RTM_GETADDR, body: schema.addressMessage, value, answer }
      const answers = {
        answerType: schema.RTM_NEWADDR,
        ...(family === undefined ? {} : { answerFamily: AF[family] }),
        op: 'address.list',
        subject: family ?? 'all',
      }
      try {
        const dump = await netlink.dump({ ...query, ...answers }, options)
        const matches = (one: AddressDetails) =>
          (ifindex ?? one.ifindex) === one.ifindex && (scope ?? one.scope) === one.scope
        return { ...dump, value: dump.value.filter(matches) }
      } catch (error) {
        if (isNothing(error)) return NOTHING
        throw error
      }
    },
    createAddress: (address, options) =>
      write('address.create', schema.RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, address, options),
    addAddress: (address, options) =>
      write('address.add', schema.RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, address, options),
    deleteAddress: (address, options) => write('address.delete', schema.RTM_DELADDR, 0, address, options),
  }
}

/** What the kernel looks for when it deletes. */
function rawKey(given: AddressRequest): schema.RawAddress {
  const { ifindex, prefixLength, label, peer } = given
  const ip = asIp('address.ip', given.ip)
  const family = familyOf(ip)
  if (family === 'ipv6') refuseOf(family, 'address.label', label)
  return {
    family,
    prefixLength: asInteger('address.prefixLength', prefixLength, 0, addressBits(family)),
    ifindex: asIfindex('address.ifindex', ifindex),
    local: ip,
    address: peer === undefined ? ip : asIpOf('address.peer', peer, family),
    label: label === undefined ? undefined : checkLabel(label),
  }
}

function rawAddress(given: AddressRequest): schema.RawAddress {
  const key = rawKey(given)
  const family = key.family as Family
  const { broadcast, scope, metric, protocol } = given
  if (family === 'ipv6') refuseOf(family, 'address.broadcast', broadcast)
  const flags = flagsOf(given, family)
  const cacheinfo = lifetimesOf(given)
  return {
    ...key,
    ...(scope === undefined ? {} : { scope }),
    broadcast: broadcast === undefined ? undefined : asIpOf('address.broadcast', broadcast, family),
    shortFlags: flags & 0xff,
    flags,
    metric: metric === 0 ? undefined : metric,
    protocol: protocol === 0 ? undefined : protocol,
    ...(cacheinfo === undefined ? {} : { cacheinfo }),
  }
}

const OF_BOTH = {
  noDad: schema.IFA_F_NODAD,
  noPrefixRoute: schema.IFA_F_NOPREFIXROUTE,
  mcAutoJoin: schema.IFA_F_MCAUTOJOIN,
}
const OF_IPV6 = {
  manageTempAddr: schema.IFA_F_MANAGETEMPADDR,
  home: schema.IFA_F_HOMEADDRESS,
  optimistic: schema.IFA_F_OPTIMISTIC,
}

function flagsOf(given: AddressRequest, family: Family): number {
  let flags = 0
  for (const [name, flag] of Object.entries({ ...OF_BOTH, ...OF_IPV6 })) {
    const value = asFlag(`address.${name}`, given[name as keyof AddressRequest])
    if (value !== true) continue
    if (family === 'ipv4' && Object.hasOwn(OF_IPV6, name)) refuseOf(family, `address.${name}`, value)
    flags |= flag
  }
  return flags
}

/** undefined: nothing is said of them, and both are forever. */
function lifetimesOf({ valid, preferred }: AddressRequest): schema.RawAddress['cacheinfo'] {
  if (valid === undefined && preferred === undefined) return undefined
  const seconds = (name: string, value: unknown): number =>
    value === undefined || value === 'forever' ? schema.INFINITY : asInteger(name, value, 0, schema.INFINITY - 1)
  const most = seconds('address.valid', valid)
  if (most === 0) throw new RangeError('address.valid: 0 seconds are none; delete it')
  const least = preferred === undefined ? most : seconds('address.preferred', preferred)
  if (least > most) throw new RangeError(`address.preferred: ${preferred} is longer than \`valid\``)
  return { valid: most, preferred: least }
}

function checkLabel(label: unknown): string {
  if (typeof label !== 'string') throw new TypeError(`address.label: ${shown(label)} is not a string`)
  const bytes = Buffer.byteLength(label)
  if (bytes === 0 || bytes > LABEL_BYTES || /[\0\p{Cs}]/u.test(label))
    throw new RangeError(`address.label: ${shown(label)} has not 1 to ${LABEL_BYTES} bytes of text`)
  return label
}
