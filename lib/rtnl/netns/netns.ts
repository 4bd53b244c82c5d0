/**
 * Ids that network namespaces have for each other: how a link says that its parent or peer is elsewhere (IFLA_LINK_NETNSID), and
 * the names under /run/netns. Must not: create or delete a namespace: that is a mount, which Node cannot make.
 */
import { readdir } from 'node:fs/promises'
import { attributes } from '../../netlink/attributes.ts'
import { type CallOptions, checkCallOptions } from '../../netlink/call.ts'
import { asInteger } from '../../netlink/check.ts'
import type { Dump } from '../../netlink/dump.ts'
import { message } from '../../netlink/message.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { NETNS_FOLDER, type NetnsRef, netnsPath } from '../../netlink/netns-path.ts'
import { s32, u8, u32 } from '../../netlink/scalars.ts'
import { struct } from '../../netlink/structs.ts'
import { withNetns } from '../links/netns-fd.ts'

/** Of the namespace in which the socket was opened. */
export interface Namespaces {
  /** The names under /run/netns, sorted. */
  listNamespaces(): Promise<readonly string[]>
  /** The id that this namespace has for another; undefined: none yet. NetlinkSocketError: it cannot be opened. */
  getNetnsId(netns: NetnsRef, options?: CallOptions): Promise<number | undefined>
  /** Gives it one, and resolves with it; `id` undefined: the kernel chooses. EEXIST: it has one, or the id is taken. */
  setNetnsId(netns: NetnsRef, id?: number, options?: CallOptions): Promise<number>
  listNetnsIds(options?: CallOptions): Promise<Dump<readonly number[]>>
}

const RTM_NEWNSID = 88
const RTM_GETNSID = 90
/** NETNSA_NSID_NOT_ASSIGNED; of what is written, that the kernel shall choose. */
const NOT_ASSIGNED = -1

/** struct rtgenmsg and NETNSA_* (linux/net_namespace.h). */
const netnsMessage = message(struct({ family: u8 }), attributes({ id: [1, s32], fd: [3, u32] }))

export function namespacesOver(netlink: Netlink): Namespaces {
  const idOf = async (reference: { readonly fd?: number | undefined }, subject: string, options: CallOptions) => {
    const named = { answerType: RTM_NEWNSID, op: 'netns.get-id', subject }
    const query = { type: RTM_GETNSID, body: netnsMessage, value: reference, answer: netnsMessage }
    const [found] = await netlink.request({ ...query, ...named }, options)
    return found?.id === NOT_ASSIGNED ? undefined : found?.id
  }
  return {
    async listNamespaces() {
      try {
        return (await readdir(NETNS_FOLDER)).sort()
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw error
      }
    },
    async getNetnsId(netns, options) {
      const path = netnsPath('netns', netns)
      const call = checkCallOptions(options)
      return withNetns('netns.get-id', [path], ([fd]) => idOf({ fd }, path, call))
    },
    async setNetnsId(netns, id, options) {
      const path = netnsPath('netns', netns)
      const chosen = id === undefined ? NOT_ASSIGNED : asInteger('id', id, 0, 0x7fffffff)
      const call = checkCallOptions(options)
      return withNetns('netns.set-id', [path], async ([fd]) => {
        const query = { type: RTM_NEWNSID, body: netnsMessage, value: { fd, id: chosen } }
        await netlink.request({ ...query, op: 'netns.set-id', subject: path }, call)
        return id ?? (await idOf({ fd }, path, call)) ?? NOT_ASSIGNED
      })
    },
    async listNetnsIds(options) {
      const query = { type: RTM_GETNSID, body: netnsMessage, value: {}, answer: netnsMessage, answerType: RTM_NEWNSID }
      const dump = await netlink.dump({ ...query, op: 'netns.list-ids', subject: 'all' }, options)
      return { ...dump, value: dump.value.flatMap(({ id }) => (id === undefined || id < 0 ? [] : [id])) }
    },
  }
}
