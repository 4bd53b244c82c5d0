/**
 * The kernel's network tables as they would be: read from the real ones, written nowhere. The agent works on it as on the kernel, so
 * that what it would do is what it does. Owns what was written. Must not: pass any write on; a write that it does not know is refused.
 */
import { constants } from 'node:os'
import type { DeviceOp } from '../../device/types.ts'
import { KERNEL_VXLAN_PORT } from '../../device/vtep.ts'
import { NetlinkError } from '../../errors.ts'
import { cidrFamily, contains, prefixLength } from '../../net/cidr.ts'
import { type Ifindex, parseIfindex } from '../../net/ifindex.ts'
import { familyOf, type Ip } from '../../net/ip.ts'
import { type Entry, type EntryTable, type RouteEntry, unpackEntries } from '../../rtnl/entries.ts'
import type { Address, Dump, Link, LinkChange, Rtnl, VxlanSpec } from '../../rtnl/port.ts'
import { MAIN } from '../../way/rules.ts'
import { createShadowEntries } from './shadow-entries.ts'

export interface Shadow {
  /** One more door; the tables behind all of them are the same. */
  open(): Rtnl
  /** What was asked of the kernel beside entries, in order. */
  readonly ops: readonly DeviceOp[]
  entries(): readonly { readonly op: 'replace' | 'delete'; readonly entry: Entry }[]
  /** Of any link that was seen or made. */
  nameOf(ifindex: Ifindex): string | undefined
  /** It exists in the shadow alone. */
  isMade(ifname: string): boolean
}

/** Above what a kernel gives. */
const FIRST_IFINDEX = 0x7f000000
const ALL_FLAGS_OFF = {
  tentative: false,
  optimistic: false,
  dadFailed: false,
  deprecated: false,
  temporary: false,
  secondary: false,
}

export function createShadow(openReal: () => Rtnl): Shadow {
  const ops: DeviceOp[] = []
  const entries = createShadowEntries()
  /** Made or changed. */
  const known = new Map<Ifindex, Link>()
  const gone = new Set<Ifindex>()
  const made = new Set<Ifindex>()
  const names = new Map<Ifindex, string>()
  const checksums = new Map<Ifindex, boolean>()
  let added: Address[] = []
  const removed = new Set<string>()
  const keyOf = ({ ifindex, ip, prefixLength }: Pick<Address, 'ifindex' | 'ip' | 'prefixLength'>): string =>
    `${ifindex} ${ip}/${prefixLength}`
  const without = <T>(value: T): Dump<T> => ({ value, interrupted: false, unreadable: undefined })

  const linksOf = (real: readonly Link[]): readonly Link[] => {
    const present = real.filter(({ ifindex }) => !gone.has(ifindex)).map((link) => known.get(link.ifindex) ?? link)
    const all = [...present, ...[...known.values()].filter(({ ifindex }) => made.has(ifindex) && !gone.has(ifindex))]
    for (const { ifindex, ifname } of all) names.set(ifindex, ifname)
    return all
  }
  const isOn = (ifindex: Ifindex) => (entry: Entry) => 'ifindex' in entry && entry.ifindex === ifindex

  const door = (real: Rtnl): Rtnl => {
    const find = async (ifindex: Ifindex): Promise<Link> => {
      const link = linksOf((await real.dumpLinks()).value).find((one) => one.ifindex === ifindex)
      if (link === undefined) throw missing('link.change', ifindex)
      return link
    }
    return {
      ...real,
      portId: real.portId,
      dumpLinks: async () => {
        const dump = await real.dumpLinks()
        return { ...dump, value: linksOf(dump.value) }
      },
      dumpAddresses: async (family) => {
        const dump = await real.dumpAddresses(family)
        const stay = dump.value.filter((one) => !gone.has(one.ifindex) && !removed.has(keyOf(one)))
        return {
          ...dump,
          value: [...stay, ...added.filter(({ ip }) => family === undefined || familyOf(ip) === family)],
        }
      },
      dumpRoutes: async (family) => {
        const dump = await real.dumpRoutes(family)
        const isOfFamily = (entry: Entry): boolean => entry.kind === 'route' && cidrFamily(entry.dst) === family
        return { ...dump, value: entries.merge(dump.value, isOfFamily, gone) }
      },
      dumpNeighbours: async (family, ifindex) => {
        const dump = made.has(ifindex) ? without(NOTHING) : await real.dumpNeighbours(family, ifindex)
        return {
          ...dump,
          value: entries.merge(dump.value, (entry) => entry.kind === 'neighbour' && isOn(ifindex)(entry)),
        }
      },
      dumpFdb: async (ifindex) => {
        const dump = made.has(ifindex) ? without(NOTHING) : await real.dumpFdb(ifindex)
        return { ...dump, value: entries.merge(dump.value, (entry) => entry.kind === 'fdb' && isOn(ifindex)(entry)) }
      },
      getFdb: async (asked) => {
        const [first] = unpackEntries(asked)
        if (first?.kind !== 'fdb' || !made.has(first.ifindex)) return await real.getFdb(asked)
        const wanted = new Set(unpackEntries(asked).map((entry) => (entry.kind === 'fdb' ? entry.lladdr : undefined)))
        return entries.merge(NOTHING, (entry) => entry.kind === 'fdb' && wanted.has(entry.lladdr))
      },
      async resolveRoute(dst, query) {
        const ours = bestRoute(entries.written(), dst)
        if (ours === undefined) return await real.resolveRoute(dst, query)
        return { oif: ours.oif, table: MAIN, mtu: undefined, gateway: ours.gateway, source: undefined }
      },
      readTxChecksum: async (ifindex) =>
        checksums.get(ifindex) ?? (made.has(ifindex) || (await real.readTxChecksum(ifindex))),
      async writeTxChecksum(ifindex, on) {
        ops.push({ op: 'tx-checksum', ifindex, on })
        checksums.set(ifindex, on)
      },
      async createVxlan(spec) {
        ops.push({ op: 'create', spec })
        const ifindex = parseIfindex(FIRST_IFINDEX + made.size)
        made.add(ifindex)
        known.set(ifindex, linkOf(ifindex, spec))
      },
      async changeLink(ifindex, change) {
        const link = await find(ifindex)
        ops.push({ op: 'change', ifindex, change })
        known.set(ifindex, changed(link, change))
      },
      async deleteLink(ifindex) {
        await find(ifindex)
        ops.push({ op: 'delete', ifindex })
        gone.add(ifindex)
        added = added.filter((one) => one.ifindex !== ifindex)
      },
      async addAddress({ ifindex, ip, prefixLength, noDad }) {
        ops.push({ op: 'add-address', address: { ifindex, ip, prefixLength, noDad } })
        removed.delete(keyOf({ ifindex, ip, prefixLength }))
        added = added.filter((one) => keyOf(one) !== keyOf({ ifindex, ip, prefixLength }))
        const flags = { ...ALL_FLAGS_OFF, permanent: true, noDad }
        added.push({ ifindex, ip, prefixLength, scope: 0, protocol: 0, flags })
      },
      async deleteAddress({ ifindex, ip, prefixLength }) {
        ops.push({ op: 'delete-address', address: { ifindex, ip, prefixLength } })
        removed.add(keyOf({ ifindex, ip, prefixLength }))
        added = added.filter((one) => keyOf(one) !== keyOf({ ifindex, ip, prefixLength }))
      },
      async applyEntries(batch) {
        entries.apply(batch)
        return { errnos: new Int32Array(batch.length), failures: [], unknown: 0 }
      },
      announceAddress: async () => undefined,
      createVeth: () => refused('createVeth'),
      createBridge: () => refused('createBridge'),
      moveLink: () => refused('moveLink'),
    }
  }
  return {
    open: () => door(openReal()),
    ops,
    entries: () => entries.written(),
    nameOf: (ifindex) => names.get(ifindex),
    isMade: (ifname) => [...made].some((ifindex) => known.get(ifindex)?.ifname === ifname),
  }
}

const NOTHING: EntryTable<never> = { bytes: new Uint8Array(0), length: 0 }

function missing(op: string, ifindex: Ifindex): NetlinkError {
  return new NetlinkError({
    op,
    errno: constants.errno.ENODEV,
    errnoName: 'ENODEV',
    extack: '',
    subject: String(ifindex),
  })
}

function refused(what: string): Promise<never> {
  return Promise.reject(new TypeError(`${what} is nothing that an agent does`))
}

function bestRoute(written: ReturnType<Shadow['entries']>, dst: Ip): RouteEntry | undefined {
  let best: RouteEntry | undefined
  for (const { op, entry } of written) {
    if (op === 'delete' || entry.kind !== 'route' || !contains(entry.dst, dst)) continue
    if (best === undefined || prefixLength(entry.dst) > prefixLength(best.dst)) best = entry
  }
  return best
}

/** As the kernel makes it: down, with the default port, its queue as we ask. */
function linkOf(ifindex: Ifindex, spec: VxlanSpec): Link {
  const { ifname, vni, local, parent, lladdr, mtu, port = KERNEL_VXLAN_PORT, learning, gbp } = spec
  return {
    ifindex,
    ifname,
    altnames: [],
    kind: 'vxlan',
    mtu,
    lladdr,
    up: false,
    carrier: false,
    loopback: false,
    noArp: false,
    master: undefined,
    parent,
    txQueueLength: 0,
    vxlan: {
      vni,
      underlay: familyOf(local),
      local,
      parent,
      port,
      learning,
      gbp,
      metadata: false,
      l2miss: false,
      l3miss: false,
      group: undefined,
    },
  }
}

function changed(link: Link, { up, mtu, lladdr, ifname, master, vxlan }: LinkChange): Link {
  return {
    ...link,
    ...(up === undefined ? {} : { up, carrier: up }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(lladdr === undefined ? {} : { lladdr }),
    ...(ifname === undefined ? {} : { ifname }),
    ...(master === undefined ? {} : { master: master ?? undefined }),
    ...(vxlan === undefined || link.vxlan === undefined ? {} : { vxlan: { ...link.vxlan, ...vxlan } }),
  }
}
