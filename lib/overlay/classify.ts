/**
 * What a failure of the kernel's means: one table, operation and errno → verdict, each row with its evidence.
 * Must not: act. The device machine and the reconciler read it; nothing else of the agent compares an errno of netlink.
 */
import type { constants } from 'node:os'
import * as abi from '../rtnl/abi.ts'
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

export interface ClassifyRow {
  /** Operations that the row is for; 'any': each one that has no row of its own for this errno. */
  readonly on: readonly Operation[] | 'any'
  readonly errno: ErrnoName
  readonly verdict: Verdict
  /** Where the meaning is known from: docs/kernel-facts.md (measured), or the kernel's function that returns it. */
  readonly evidence: string
}

/** Errno → verdict where no row says otherwise: what is not understood is tried again, with growing delay. */
export const DEFAULT_VERDICT: Verdict = 'retry'

const NEIGHBOUR_WRITES = ['neighbour.create', 'neighbour.replace'] as const
const FDB_WRITES = ['fdb.create', 'fdb.replace'] as const
const ROUTE_WRITES = ['route.create', 'route.replace'] as const
const ENTRY_WRITES = [...NEIGHBOUR_WRITES, ...FDB_WRITES, ...ROUTE_WRITES] as const

export const CLASSIFY_ROWS: readonly ClassifyRow[] = [
  // Nothing is left to do.
  {
    on: ['neighbour.delete', 'fdb.delete'],
    errno: 'ENOENT',
    verdict: 'done',
    evidence: 'kernel-facts 4: delete of what is absent',
  },
  {
    on: ['route.delete'],
    errno: 'ESRCH',
    verdict: 'done',
    evidence: 'kernel-facts 4: delete of what is absent, or of another next hop',
  },
  {
    on: ['address.delete'],
    errno: 'EADDRNOTAVAIL',
    verdict: 'done',
    evidence: 'inet_rtm_deladdr, inet6_addr_del: no such address',
  },
  {
    on: ['address.add'],
    errno: 'EEXIST',
    verdict: 'done',
    evidence: '__inet_insert_ifa: the address is there already',
  },
  { on: ['link.delete'], errno: 'ENODEV', verdict: 'done', evidence: 'rtnl_dellink: no link of that index' },
  {
    on: ['neighbour.create', 'fdb.create', 'route.create'],
    errno: 'EEXIST',
    verdict: 'done',
    evidence: 'NLM_F_EXCL on a taken key: no longer absent, the next dump tells what it is',
  },
  {
    on: ['route.replace'],
    errno: 'EEXIST',
    verdict: 'done',
    evidence: 'fib_table_insert: ours stands already, behind another route of its metric, which the dump reports',
  },

  // A link is not there. For link.create it is the parent.
  {
    on: ENTRY_WRITES,
    errno: 'ENODEV',
    verdict: 'device-gone',
    evidence: 'neigh_add, rtnl_fdb_add, fib_check_nh: no link of that index',
  },
  {
    on: ['neighbour.delete', 'fdb.delete', 'route.delete', 'address.delete'],
    errno: 'ENODEV',
    verdict: 'device-gone',
    evidence: 'kernel-facts 2: the entries went with their link',
  },
  {
    on: ['address.add', 'link.change', 'dump'],
    errno: 'ENODEV',
    verdict: 'device-gone',
    evidence: 'no link of that index',
  },
  {
    on: ['link.create'],
    errno: 'ENODEV',
    verdict: 'device-gone',
    evidence: 'kernel-facts 2: the parent is gone: wait for it',
  },
  {
    on: ['link.create'],
    errno: 'EINVAL',
    verdict: 'device-gone',
    evidence: 'kernel-facts 2: the parent is dying: wait for it',
  },
  {
    on: ROUTE_WRITES,
    errno: 'ENETDOWN',
    verdict: 'device-down',
    evidence: 'kernel-facts 4: route write on a link that is down',
  },
  {
    on: [...NEIGHBOUR_WRITES, ...FDB_WRITES],
    errno: 'ENETDOWN',
    verdict: 'device-down',
    evidence: 'the link is going down',
  },

  // This object cannot be; others can.
  {
    on: ['link.create'],
    errno: 'EEXIST',
    verdict: 'reject',
    evidence: 'kernel-facts 4: name, or VNI with port and family, is taken',
  },
  {
    on: ['link.create', 'link.change'],
    errno: 'EAFNOSUPPORT',
    verdict: 'reject',
    evidence: 'vxlan: no IPv6 in this kernel',
  },
  {
    on: ['link.create', 'link.change'],
    errno: 'EADDRINUSE',
    verdict: 'reject',
    evidence: 'kernel-facts 4: another VXLAN device has the port',
  },
  {
    on: ['link.create', 'link.change'],
    errno: 'ERANGE',
    verdict: 'reject',
    evidence: 'rtnl, vxlan_nl2conf: value out of range',
  },
  { on: ['link.change'], errno: 'EEXIST', verdict: 'reject', evidence: 'dev_change_name: the name is taken' },
  {
    on: ['link.change'],
    errno: 'EOPNOTSUPP',
    verdict: 'reject',
    evidence: 'kernel-facts 3: cannot be changed in place: re-create',
  },
  {
    on: ['link.change'],
    errno: 'EINVAL',
    verdict: 'reject',
    evidence: 'kernel-facts 3: cannot be changed in place: re-create',
  },
  {
    on: ['link.delete'],
    errno: 'EOPNOTSUPP',
    verdict: 'reject',
    evidence: 'rtnl_delete_link: not a kind that can be deleted',
  },
  {
    on: ['address.add'],
    errno: 'EACCES',
    verdict: 'reject',
    evidence: 'addrconf_add_idev: disable_ipv6 is set on the device',
  },
  { on: ['address.add'], errno: 'EINVAL', verdict: 'reject', evidence: 'rtm_to_ifaddr: the address is malformed' },
  {
    on: ['address.add'],
    errno: 'EADDRNOTAVAIL',
    verdict: 'reject',
    evidence: 'ipv6_add_addr: no address for an interface',
  },
  {
    on: ['address.add', ...ENTRY_WRITES],
    errno: 'EOPNOTSUPP',
    verdict: 'reject',
    evidence: 'IPv6 is off, or not this kind of entry',
  },
  {
    on: ['address.add', ...ENTRY_WRITES],
    errno: 'EAFNOSUPPORT',
    verdict: 'reject',
    evidence: 'rtnl: no handler for the family',
  },
  {
    on: [...NEIGHBOUR_WRITES, ...FDB_WRITES],
    errno: 'EINVAL',
    verdict: 'reject',
    evidence: 'neigh_add, vxlan_fdb_parse: malformed',
  },
  {
    on: FDB_WRITES,
    errno: 'ENOSPC',
    verdict: 'reject',
    evidence: 'vxlan_fdb_create: the device holds `maxaddress` entries',
  },
  {
    on: ROUTE_WRITES,
    errno: 'EINVAL',
    verdict: 'reject',
    evidence: 'kernel-facts 4: the gateway is our own, or IPv6 reaches it otherwise',
  },
  {
    on: ROUTE_WRITES,
    errno: 'EACCES',
    verdict: 'reject',
    evidence: 'ip6_route_info_create: disable_ipv6 is set on the device',
  },

  // May pass by itself.
  { on: ROUTE_WRITES, errno: 'ENETUNREACH', verdict: 'retry', evidence: 'fib_check_nh: no route to the gateway yet' },
  {
    on: ROUTE_WRITES,
    errno: 'EHOSTUNREACH',
    verdict: 'retry',
    evidence: 'ip6_route_check_nh: no route to the gateway yet',
  },
  { on: 'any', errno: 'EINTR', verdict: 'retry', evidence: 'a signal' },
  { on: 'any', errno: 'EAGAIN', verdict: 'retry', evidence: 'receive time-out, or a busy kernel' },
  { on: 'any', errno: 'EBUSY', verdict: 'retry', evidence: 'the link or a dump is in use' },
  { on: 'any', errno: 'ENOMEM', verdict: 'retry', evidence: 'no memory now' },
  { on: 'any', errno: 'ENOBUFS', verdict: 'retry', evidence: 'kernel-facts 1 and 5: a buffer or a table is full now' },
  { on: 'any', errno: 'ETIMEDOUT', verdict: 'retry', evidence: 'no answer in time' },

  // The agent cannot go on.
  { on: 'any', errno: 'EPERM', verdict: 'fatal', evidence: 'rtnetlink_rcv_msg: CAP_NET_ADMIN is missing' },
  {
    on: ['link.create'],
    errno: 'EOPNOTSUPP',
    verdict: 'fatal',
    evidence: 'rtnl_newlink: unknown device type: no vxlan in the kernel',
  },
]

const TABLE = new Map<string, Verdict>()
for (const { on, errno, verdict } of CLASSIFY_ROWS) {
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
