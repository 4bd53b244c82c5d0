/**
 * What a failure of the kernel's means: one table, operation and errno → verdict, each row with its evidence.
 * Must not: act. The device machine and the reconciler read it; nothing else of the agent compares an errno of netlink.
 */
import type { constants } from 'node:os'
import * as abi from '../addon/abi.ts'
import type { EntryTable } from '../rtnl/entries.ts'

/**
 * done: the aim is reached · retry: may pass by itself, again after a delay · device-gone: a link that the operation names
 * is not there; observe, do not repeat by time · device-down: the device is down; observe, set up · reject: this object
 * cannot be written as it is; name it, go on with the others (for `link.change`: re-create) · fatal: the agent cannot go on.
 */
export type Verdict = 'done' | 'retry' | 'device-gone' | 'device-down' | 'reject' | 'fatal'

/** Verbs of entries are those of a batch: `create` is EXCL, `replace` creates too. */
export type EntryOperation = `${'neighbour' | 'fdb' | 'route'}.${'create' | 'replace' | 'delete'}`
export type Operation =
  | EntryOperation
  | 'link.create'
  | 'link.change'
  | 'link.delete'
  | 'address.add'
  | 'address.delete'
  | 'dump'

/** Checked against Node's list, of which only the type is used here. */
export type ErrnoName = keyof typeof constants.errno

/**
 * `on`: operations that the row is for; 'any': each one that has no row of its own for this errno. `evidence`: where the
 * meaning is known from, docs/kernel-facts.md (measured) or the kernel's function that returns it.
 */
export type ClassifyRow = readonly [
  on: readonly Operation[] | 'any',
  errno: ErrnoName,
  verdict: Verdict,
  evidence: string,
]

/** Errno → verdict where no row says otherwise: what is not understood is tried again, with growing delay. */
export const DEFAULT_VERDICT: Verdict = 'retry'

const NEIGHBOUR_WRITES = ['neighbour.create', 'neighbour.replace'] as const
const FDB_WRITES = ['fdb.create', 'fdb.replace'] as const
const ROUTE_WRITES = ['route.create', 'route.replace'] as const
const ENTRY_WRITES = [...NEIGHBOUR_WRITES, ...FDB_WRITES, ...ROUTE_WRITES] as const

export const CLASSIFY_ROWS: readonly ClassifyRow[] = [
  // Nothing is left to do.
  [['neighbour.delete', 'fdb.delete'], 'ENOENT', 'done', 'kernel-facts 4: delete of what is absent'],
  [['route.delete'], 'ESRCH', 'done', 'kernel-facts 4: delete of what is absent, or of another next hop'],
  [['address.delete'], 'EADDRNOTAVAIL', 'done', 'inet_rtm_deladdr, inet6_addr_del: no such address'],
  [['address.add'], 'EEXIST', 'done', '__inet_insert_ifa: the address is there already'],
  [['link.delete'], 'ENODEV', 'done', 'rtnl_dellink: no link of that index'],
  [
    ['neighbour.create', 'fdb.create', 'route.create'],
    'EEXIST',
    'done',
    'NLM_F_EXCL on a taken key: no longer absent, the next dump tells what it is',
  ],
  [
    ['route.replace'],
    'EEXIST',
    'done',
    'fib_table_insert: ours stands already, behind another route of its metric, which the dump reports',
  ],

  // A link is not there. For link.create it is the parent.
  [ENTRY_WRITES, 'ENODEV', 'device-gone', 'neigh_add, rtnl_fdb_add, fib_check_nh: no link of that index'],
  [
    ['neighbour.delete', 'fdb.delete', 'route.delete', 'address.delete'],
    'ENODEV',
    'device-gone',
    'kernel-facts 2: the entries went with their link',
  ],
  [['address.add', 'link.change', 'dump'], 'ENODEV', 'device-gone', 'no link of that index'],
  [['link.create'], 'ENODEV', 'device-gone', 'kernel-facts 2: the parent is gone: wait for it'],
  [['link.create'], 'EINVAL', 'device-gone', 'kernel-facts 2: the parent is dying: wait for it'],
  [ROUTE_WRITES, 'ENETDOWN', 'device-down', 'kernel-facts 4: route write on a link that is down'],
  [[...NEIGHBOUR_WRITES, ...FDB_WRITES], 'ENETDOWN', 'device-down', 'the link is going down'],

  // This object cannot be; others can.
  [['link.create'], 'EEXIST', 'reject', 'kernel-facts 4: name, or VNI with port and family, is taken'],
  [['link.create', 'link.change'], 'EAFNOSUPPORT', 'reject', 'vxlan: no IPv6 in this kernel'],
  [['link.create', 'link.change'], 'EADDRINUSE', 'reject', 'kernel-facts 4: another VXLAN device has the port'],
  [['link.create', 'link.change'], 'ERANGE', 'reject', 'rtnl, vxlan_nl2conf: value out of range'],
  [['link.change'], 'EEXIST', 'reject', 'dev_change_name: the name is taken'],
  [['link.change'], 'EOPNOTSUPP', 'reject', 'kernel-facts 3: cannot be changed in place: re-create'],
  [['link.change'], 'EINVAL', 'reject', 'kernel-facts 3: cannot be changed in place: re-create'],
  [['link.delete'], 'EOPNOTSUPP', 'reject', 'rtnl_delete_link: not a kind that can be deleted'],
  [['address.add'], 'EACCES', 'reject', 'addrconf_add_idev: disable_ipv6 is set on the device'],
  [['address.add'], 'EINVAL', 'reject', 'rtm_to_ifaddr: the address is malformed'],
  [['address.add'], 'EADDRNOTAVAIL', 'reject', 'ipv6_add_addr: no address for an interface'],
  [['address.add', ...ENTRY_WRITES], 'EOPNOTSUPP', 'reject', 'IPv6 is off, or not this kind of entry'],
  [['address.add', ...ENTRY_WRITES], 'EAFNOSUPPORT', 'reject', 'rtnl: no handler for the family'],
  [[...NEIGHBOUR_WRITES, ...FDB_WRITES], 'EINVAL', 'reject', 'neigh_add, vxlan_fdb_parse: malformed'],
  [FDB_WRITES, 'ENOSPC', 'reject', 'vxlan_fdb_create: the device holds `maxaddress` entries'],
  [ROUTE_WRITES, 'EINVAL', 'reject', 'kernel-facts 4: the gateway is our own, or IPv6 reaches it otherwise'],
  [ROUTE_WRITES, 'EACCES', 'reject', 'ip6_route_info_create: disable_ipv6 is set on the device'],

  // May pass by itself.
  [ROUTE_WRITES, 'ENETUNREACH', 'retry', 'fib_check_nh: no route to the gateway yet'],
  [ROUTE_WRITES, 'EHOSTUNREACH', 'retry', 'ip6_route_check_nh: no route to the gateway yet'],
  ['any', 'EINTR', 'retry', 'a signal'],
  ['any', 'EAGAIN', 'retry', 'receive time-out, or a busy kernel'],
  ['any', 'EBUSY', 'retry', 'the link or a dump is in use'],
  ['any', 'ENOMEM', 'retry', 'no memory now'],
  ['any', 'ENOBUFS', 'retry', 'kernel-facts 1 and 5: a buffer or a table is full now'],
  ['any', 'ETIMEDOUT', 'retry', 'no answer in time'],

  // The agent cannot go on.
  ['any', 'EPERM', 'fatal', 'rtnetlink_rcv_msg: CAP_NET_ADMIN is missing'],
  [['link.create'], 'EOPNOTSUPP', 'fatal', 'rtnl_newlink: unknown device type: no vxlan in the kernel'],
]

const TABLE = new Map<string, Verdict>()
for (const [on, errno, verdict] of CLASSIFY_ROWS) {
  for (const operation of on === 'any' ? ['any'] : on) TABLE.set(`${operation} ${errno}`, verdict)
}

/**
 * Total over names (`ENODEV`), which unlike numbers are the same on every architecture; what no row names is
 * DEFAULT_VERDICT. For the same errno a row of the operation's own wins over one for any.
 */
export function classify(operation: Operation, errnoName: string): Verdict {
  return TABLE.get(`${operation} ${errnoName}`) ?? TABLE.get(`any ${errnoName}`) ?? DEFAULT_VERDICT
}

/** The operation of entry `index` of a batch; throws RangeError when its bytes are no entry. */
export function operationOf(batch: EntryTable, index: number): EntryOperation {
  const at = index * abi.ENTRY_BYTES
  const kind = KINDS[batch.bytes[at + abi.OFFSET_KIND] ?? 0]
  const verb = VERBS[batch.bytes[at + abi.OFFSET_OP] ?? 0]
  if (kind === undefined || verb === undefined || index >= batch.length)
    throw new RangeError(`entry ${index} is no batch entry`)
  return `${kind}.${verb}`
}

const KINDS = [undefined, 'neighbour', 'fdb', 'route'] as const
const VERBS = [undefined, 'replace', 'delete', 'create'] as const
