/**
 * Neighbours of all links: listed, asked for and written as whole values. The fast path for many is dumpNeighbours and applyEntries.
 * Must not: retry, decide or log.
 */

import { constants } from 'node:os'
import { NetlinkError } from '../../errors.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import { familyOf, type Ip } from '../../net/ip.ts'
import { lladdrToBytes, parseLladdr } from '../../net/lladdr.ts'
import { type CallOptions, checkCallOptions } from '../../netlink/call.ts'
import { asFamily, asFlag, asIfindex, asIp, copyOf } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { Dump } from '../../netlink/dump.ts'
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/message.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { shown } from '../../util/wrong-input.ts'
import * as inet from '../inet.ts'
import type { Neighbour, NeighbourFilter, NeighbourSpec, NeighbourState } from './neighbour.ts'
import { neighbourReader } from './read-neighbour.ts'
import * as schema from './schema.ts'

/** What names a neighbour. */
export type NeighbourKey = Pick<NeighbourSpec, 'ifindex' | 'ip' | 'proxy'>

/** Promises reject with TypeError or RangeError before anything is sent, with NetlinkError where the kernel refused. */
export interface Neighbours {
  /**
   * Of all links and both families, or of what the filter says: family, link and master are looked at inside the kernel, states
   * here. A link that is not there has none.
   */
  listNeighbours(filter?: NeighbourFilter, options?: CallOptions): Promise<Dump<readonly Neighbour[]>>
  /** undefined: there is none, or no such link. */
  getNeighbour(key: NeighbourKey, options?: CallOptions): Promise<Neighbour | undefined>
  /** EEXIST: there is one of this link and address. */
  addNeighbour(neighbour: NeighbourSpec, options?: CallOptions): Promise<void>
  replaceNeighbour(neighbour: NeighbourSpec, options?: CallOptions): Promise<void>
  /** By link, address and whether it is a proxy; the rest is passed over. ENOENT: there is none. */
  deleteNeighbour(neighbour: NeighbourSpec, options?: CallOptions): Promise<void>
}

const KEYS = [
  ...'ifindex ip lladdr hardwareAddress state proxy router externLearn managed use protocol'.split(' '),
  // Only told by the kernel: passed over.
  ...'family offloaded type cache probes'.split(' '),
]
const FILTER_KEYS = 'family ifindex master state proxies'.split(' ')
const FLAGS = {
  use: schema.NTF_USE,
  proxy: schema.NTF_PROXY,
  externLearn: schema.NTF_EXT_LEARNED,
  router: schema.NTF_ROUTER,
} as const
/** States in which the kernel needs no link-layer address. */
const WITHOUT_ADDRESS = new Set<NeighbourState>(['none', 'noarp', 'incomplete', 'failed'])
const LONGEST_ADDRESS = 32

const body = inet.called('neighbour', schema.neighbourMessage)
const answer = { ...schema.neighbourMessage, ...neighbourReader } as unknown as Codec<Neighbour>

export function neighboursOver(netlink: Netlink): Neighbours {
  const dumpOf = async ({ family, ifindex, master }: NeighbourFilter, proxies: boolean, options?: CallOptions) => {
    const flags = proxies ? schema.NTF_PROXY : 0
    const value = { family: family ?? 0, flags, ofLink: ifindex, master }
    const query = { type: schema.RTM_GETNEIGH, body: schema.neighbourMessage, value, answer }
    const named = { answerType: schema.RTM_NEWNEIGH, op: 'neighbour.list', subject: family ?? 'all' }
    const answers = family === undefined ? named : { ...named, answerFamily: inet.AF[family] }
    try {
      return await netlink.dump({ ...query, ...answers }, options)
    } catch (error) {
      if (inet.isNothing(error)) return inet.NOTHING
      throw error
    }
  }
  const write = async (op: string, flags: number, given: NeighbourSpec, options?: CallOptions) => {
    const neighbour = copyOf('neighbour', given, KEYS)
    const value = rawNeighbour(neighbour)
    const request = { type: schema.RTM_NEWNEIGH, flags: NLM_F_CREATE | flags, body, value }
    await netlink.request({ ...request, op, subject: subjectOf(neighbour) }, options)
  }
  return {
    async listNeighbours(given = {}, options) {
      const filter = copyOf('filter', given, FILTER_KEYS)
      const states = checkFilter(filter)
      const call = checkCallOptions(options)
      const { ifindex, proxies } = filter
      const dumps: Dump<readonly Neighbour[]>[] = []
      for (const one of proxies === 'only' ? [true] : proxies === true ? [false, true] : [false])
        dumps.push(await dumpOf(filter, one, call))
      const { value, ...rest } = inet.joinDumps(dumps)
      const matches = (one: Neighbour) => (ifindex ?? one.ifindex) === one.ifindex && (states?.has(one.state) ?? true)
      return { ...rest, value: value.filter(matches) }
    },
    async getNeighbour(given, options) {
      const key = copyOf('neighbour', given, KEYS)
      const query = { type: schema.RTM_GETNEIGH, body, value: rawKey(key), answer }
      const answers = { answerType: schema.RTM_NEWNEIGH, op: 'neighbour.get', subject: subjectOf(key) }
      try {
        const [found] = await netlink.request({ ...query, ...answers }, options)
        return found
      } catch (error) {
        const { ENOENT, ENODEV } = constants.errno
        if (error instanceof NetlinkError && (error.errno === ENOENT || error.errno === ENODEV)) return undefined
        throw error
      }
    },
    addNeighbour: (neighbour, options) => write('neighbour.add', NLM_F_EXCL, neighbour, options),
    replaceNeighbour: (neighbour, options) => write('neighbour.replace', NLM_F_REPLACE, neighbour, options),
    async deleteNeighbour(given, options) {
      const neighbour = copyOf('neighbour', given, KEYS)
      const request = { type: schema.RTM_DELNEIGH, body, value: rawKey(neighbour) }
      await netlink.request({ ...request, op: 'neighbour.delete', subject: subjectOf(neighbour) }, options)
    },
  }
}

function subjectOf({ ip, ifindex }: { readonly ip: Ip; readonly ifindex: Ifindex }): string {
  return `${ip} on ifindex ${ifindex}`
}

/** The states that are wanted; undefined: all. */
function checkFilter(filter: NeighbourFilter): ReadonlySet<NeighbourState> | undefined {
  const { family, ifindex, master, state, proxies } = filter
  if (family !== undefined) asFamily('filter.family', family)
  if (ifindex !== undefined) asIfindex('filter.ifindex', ifindex)
  if (master !== undefined) asIfindex('filter.master', master)
  if (proxies !== 'only') asFlag('filter.proxies', proxies)
  if (state === undefined) return undefined
  const several: readonly NeighbourState[] = Array.isArray(state) ? state : [state as NeighbourState]
  return new Set(several.map((one) => inet.asRead(schema.state16, 'filter.state', one)))
}

function rawKey({ ifindex, ip, proxy }: NeighbourKey): schema.RawNeighbour {
  const address = asIp('neighbour.ip', ip)
  return {
    family: familyOf(address),
    ifindex: asIfindex('neighbour.ifindex', ifindex),
    flags: asFlag('neighbour.proxy', proxy) === true ? schema.NTF_PROXY : 0,
    ip: address,
  }
}

function rawNeighbour(given: NeighbourSpec): schema.RawNeighbour {
  const { state, protocol, managed, use, proxy } = given
  const key = rawKey(given)
  const lladdr = lladdrOf(given)
  let flags = 0
  for (const [name, flag] of Object.entries(FLAGS))
    if (asFlag(`neighbour.${name}`, given[name as keyof typeof FLAGS]) === true) flags |= flag
  const isManaged = asFlag('neighbour.managed', managed) === true
  const resolves = use === true || isManaged
  const usual = resolves || proxy === true ? 'none' : 'permanent'
  const chosen = inet.asRead(schema.state16, 'neighbour.state', state === undefined ? usual : state)
  if (lladdr === undefined && !resolves && proxy !== true && !WITHOUT_ADDRESS.has(chosen))
    throw new TypeError(`neighbour.lladdr: state ${chosen} needs one`)
  return {
    ...key,
    flags,
    state: proxy === true ? 0 : chosen,
    lladdr: proxy === true ? undefined : lladdr,
    protocol: protocol === 0 ? undefined : protocol,
    extFlags: isManaged ? schema.NTF_EXT_MANAGED : undefined,
  }
}

function lladdrOf({ lladdr, hardwareAddress }: NeighbourSpec): Uint8Array | undefined {
  if (hardwareAddress !== undefined) {
    if (lladdr !== undefined) throw new RangeError('neighbour.hardwareAddress: `lladdr` says that')
    if (!(hardwareAddress instanceof Uint8Array))
      throw new TypeError(`neighbour.hardwareAddress: ${shown(hardwareAddress)} is not a Uint8Array`)
    if (hardwareAddress.length === 0 || hardwareAddress.length > LONGEST_ADDRESS)
      throw new RangeError(`neighbour.hardwareAddress: ${hardwareAddress.length} bytes are not 1 to ${LONGEST_ADDRESS}`)
    return hardwareAddress
  }
  if (lladdr === undefined) return undefined
  if (typeof lladdr !== 'string') throw new TypeError(`neighbour.lladdr: ${shown(lladdr)} is not a MAC address`)
  try {
    return lladdrToBytes(parseLladdr(lladdr))
  } catch {
    throw new RangeError(`neighbour.lladdr: ${shown(lladdr)} is not a MAC address`)
  }
}
