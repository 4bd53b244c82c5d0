/**
 * Forwarding entries of bridges, VXLAN and other links: listed, asked for and written as whole values. The fast path for many is
 * dumpFdb and applyEntries. Must not: retry, decide or log.
 */
import { constants } from 'node:os'
import { NetlinkError } from '../../errors.ts'
import type { CallOptions } from '../../netlink/call.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { Dump } from '../../netlink/dump.ts'
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/message.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import * as inet from '../inet.ts'
import type { FdbFilter, FdbKey, FdbRecord, FdbRemote, FdbSpec } from './fdb-record.ts'
import { fdbReader } from './read-fdb.ts'
import * as schema from './schema.ts'
import { checkFilter, fieldsOfFdb, rawFdb, rawKey, rawRemote } from './write-fdb.ts'

/** Promises reject with TypeError or RangeError before anything is sent, with NetlinkError where the kernel refused. */
export interface FdbTables {
  /**
   * Of all links, or of what the filter says: link and master are looked at inside the kernel, VLAN and address here. A link that
   * is not there has none. A VXLAN entry with several remotes is one value for each. Beside another writer the kernel's walk misses
   * entries that never changed, shows others twice, and is never marked as interrupted: absence here is no proof, ask
   * `getFdbEntry`.
   */
  listFdb(filter?: FdbFilter, options?: CallOptions): Promise<Dump<readonly FdbRecord[]>>
  /**
   * undefined: there is none, or no such link. Of several remotes the first. EOPNOTSUPP: the link has no table of that kind that
   * could be asked, as is so of all but bridges and VXLAN links.
   */
  getFdbEntry(key: FdbKey & Pick<FdbRemote, 'srcVni'>, options?: CallOptions): Promise<FdbRecord | undefined>
  /** EEXIST: there is one of this address. */
  addFdb(entry: FdbSpec, options?: CallOptions): Promise<void>
  /** In place of what is there; of a VXLAN link in place of the one remote. */
  replaceFdb(entry: FdbSpec, options?: CallOptions): Promise<void>
  /** One remote more of an address of a VXLAN link: of those that are no unicast addresses, and all zeros. */
  appendFdb(entry: FdbSpec, options?: CallOptions): Promise<void>
  /** By what names it, and the remote where one is said: without it all go. ENOENT: there is none. */
  deleteFdb(entry: FdbKey & FdbRemote, options?: CallOptions): Promise<void>
}

const body = inet.called('fdb', schema.fdbMessage)
const answer = { ...schema.fdbMessage, ...fdbReader } as unknown as Codec<FdbRecord>

export function fdbOver(netlink: Netlink): FdbTables {
  const write = async (op: string, flags: number, given: FdbSpec, options?: CallOptions) => {
    const entry = fieldsOfFdb(given)
    const value = rawFdb(entry)
    const request = { type: schema.RTM_NEWNEIGH, flags: NLM_F_CREATE | flags, body, value }
    await netlink.request({ ...request, op, subject: subjectOf(entry) }, options)
  }
  return {
    async listFdb(given = {}, options) {
      const filter = checkFilter(given)
      const { ifindex, master, vlan, lladdr } = filter
      const value = { family: schema.AF_BRIDGE, via: ifindex, master }
      const query = { type: schema.RTM_GETNEIGH, body: schema.fdbMessage, value, answer }
      const answers = { answerType: schema.RTM_NEWNEIGH, answerFamily: schema.AF_BRIDGE }
      const subject = ifindex === undefined ? 'all' : `of ifindex ${ifindex}`
      const matches = (one: FdbRecord): boolean =>
        (ifindex ?? one.ifindex) === one.ifindex &&
        (vlan ?? one.vlan) === one.vlan &&
        (lladdr ?? one.lladdr) === one.lladdr
      try {
        const dump = await netlink.dump({ ...query, ...answers, op: 'fdb.list', subject }, options)
        return { ...dump, value: dump.value.filter(matches) }
      } catch (error) {
        if (inet.isNothing(error)) return inet.NOTHING
        throw error
      }
    },
    async getFdbEntry(given, options) {
      const key = fieldsOfFdb(given)
      const value = { ...rawKey(key), vni: rawRemote(key).srcVni }
      const query = { type: schema.RTM_GETNEIGH, body, value, answer, answerType: schema.RTM_NEWNEIGH }
      try {
        const [found] = await netlink.request({ ...query, op: 'fdb.get', subject: subjectOf(key) }, options)
        return found
      } catch (error) {
        const { ENOENT, ENODEV } = constants.errno
        if (error instanceof NetlinkError && (error.errno === ENOENT || error.errno === ENODEV)) return undefined
        throw error
      }
    },
    addFdb: (entry, options) => write('fdb.add', NLM_F_EXCL, entry, options),
    replaceFdb: (entry, options) => write('fdb.replace', NLM_F_REPLACE, entry, options),
    appendFdb: (entry, options) => write('fdb.append', NLM_F_APPEND, entry, options),
    async deleteFdb(given, options) {
      const entry = fieldsOfFdb(given)
      // A table of plain addresses, as a veth has one, asks for it.
      const value = { ...rawRemote(entry), state: 'permanent' as const }
      const request = { type: schema.RTM_DELNEIGH, body, value }
      await netlink.request({ ...request, op: 'fdb.delete', subject: subjectOf(entry) }, options)
    },
  }
}

function subjectOf({ lladdr, ifindex, vlan }: FdbKey): string {
  return `${lladdr}${vlan === undefined ? '' : ` of VLAN ${vlan}`} on ifindex ${ifindex}`
}
