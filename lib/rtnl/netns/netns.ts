/**
 * Ids that network namespaces have for each other: how a link says that its parent or peer is elsewhere (IFLA_LINK_NETNSID), and
 * the names under /run/netns. Must not: create or delete a namespace: that is a mount, which Node cannot make.
 */
import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { attributes } from '../../netlink/attributes.ts'
import type { CallOptions } from '../../netlink/call.ts'
import { checkInteger, checkObject, shown } from '../../netlink/codec.ts'
import { message } from '../../netlink/message.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { s32, u8, u32 } from '../../netlink/scalars.ts'
import { struct } from '../../netlink/structs.ts'
import type { Dump } from '../port.ts'

/** A name (/run/netns/NAME), a path (it has a `/`), a process in it, or an open descriptor of it. */
export type NetnsReference = string | { readonly pid: number } | { readonly fd: number }

/** Of the namespace in which the socket was opened. */
export interface Namespaces {
  /** The names under /run/netns, sorted. */
  listNamespaces(): Promise<readonly string[]>
  /** The id that this namespace has for another; undefined: none yet. Rejects with a system error where a name is not there. */
  getNetnsId(netns: NetnsReference, options?: CallOptions): Promise<number | undefined>
  /** Gives it one, and resolves with it; `id` undefined: the kernel chooses. EEXIST: it has one, or the id is taken. */
  setNetnsId(netns: NetnsReference, id?: number, options?: CallOptions): Promise<number>
  listNetnsIds(options?: CallOptions): Promise<Dump<readonly number[]>>
}

const FOLDER = '/run/netns'
const RTM_NEWNSID = 88
const RTM_GETNSID = 90
/** NETNSA_NSID_NOT_ASSIGNED; of what is written, that the kernel shall choose. */
const NOT_ASSIGNED = -1

/** struct rtgenmsg and NETNSA_* (linux/net_namespace.h). */
const netnsMessage = message(struct({ family: u8 }), attributes({ id: [1, s32], pid: [2, u32], fd: [3, u32] }))

export function namespacesOver(netlink: Netlink): Namespaces {
  const getNetnsId = (netns: NetnsReference, options?: CallOptions) =>
    withReference(netns, async (reference) => {
      const named = { answerType: RTM_NEWNSID, op: 'netns.get-id', subject: subjectOf(netns) }
      const query = { type: RTM_GETNSID, body: netnsMessage, value: reference, answer: netnsMessage }
      const [found] = await netlink.request({ ...query, ...named }, options)
      return found?.id === NOT_ASSIGNED ? undefined : found?.id
    })
  return {
    async listNamespaces() {
      try {
        return (await readdir(FOLDER)).sort()
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw error
      }
    },
    getNetnsId,
    async setNetnsId(netns, id, options) {
      const chosen = id === undefined ? NOT_ASSIGNED : checkInteger('id', id, 0, 0x7fffffff)
      await withReference(netns, async (reference) => {
        const value = { ...reference, id: chosen }
        const query = { type: RTM_NEWNSID, body: netnsMessage, value }
        await netlink.request({ ...query, op: 'netns.set-id', subject: subjectOf(netns) }, options)
      })
      return id ?? (await getNetnsId(netns, options)) ?? NOT_ASSIGNED
    },
    async listNetnsIds(options) {
      const query = { type: RTM_GETNSID, body: netnsMessage, value: {}, answer: netnsMessage, answerType: RTM_NEWNSID }
      const dump = await netlink.dump({ ...query, op: 'netns.list-ids', subject: 'all' }, options)
      return { ...dump, value: dump.value.flatMap(({ id }) => (id === undefined || id < 0 ? [] : [id])) }
    },
  }
}

/** Calls `use` while the namespace is held open. */
async function withReference<T>(
  netns: NetnsReference,
  use: (reference: { readonly pid: number } | { readonly fd: number }) => Promise<T>,
): Promise<T> {
  if (typeof netns !== 'string') return use(checkReference(netns))
  if (netns === '' || netns === '.' || netns === '..' || netns.includes('\0'))
    throw new RangeError(`netns: ${shown(netns)} is neither a name nor a path`)
  // A pipe or a device of that name must not be waited for.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK
  const file = await open(netns.includes('/') ? netns : `${FOLDER}/${netns}`, flags)
  try {
    return await use({ fd: file.fd })
  } finally {
    await file.close()
  }
}

function checkReference(netns: unknown): { readonly pid: number } | { readonly fd: number } {
  const given = checkObject('netns', netns)
  const [key, ...more] = Object.keys(given)
  if (more.length > 0 || (key !== 'pid' && key !== 'fd'))
    throw new TypeError('netns: an object has either `pid` or `fd`, and nothing else')
  const number = checkInteger(`netns.${key}`, given[key], key === 'pid' ? 1 : 0, 0x7fffffff)
  return key === 'pid' ? { pid: number } : { fd: number }
}

function subjectOf(netns: NetnsReference): string {
  if (typeof netns === 'string') return netns
  return 'pid' in netns ? `of process ${netns.pid}` : `of descriptor ${netns.fd}`
}
