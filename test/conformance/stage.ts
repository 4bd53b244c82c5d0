/**
 * What a scenario can do, and how each call becomes one recorded step. Must not: know on which kernel it plays (play.ts).
 */
import { NetlinkError } from '../../lib/errors.ts'
import type { Ifindex } from '../../lib/net/ifindex.ts'
import { type Family, type Ip, parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { unpackEntries } from '../../lib/rtnl/entries.ts'
import type { BatchResult, LinkChange, Rtnl, VxlanSpec } from '../../lib/rtnl/port.ts'
import type { Administrator } from '../support/fake-kernel/index.ts'
import { type EntrySpec, type FdbSpec, packSpecs } from './entry-specs.ts'
import type { Names } from './normal.ts'

/** A link by its name, or by an ifindex kept from earlier (a stale one, mostly). */
export type LinkRef = string | Ifindex

/** What a scenario can do. Every call is one step. */
export interface Stage {
  readonly admin: Administrator<Promise<void>>
  /** The ifindex that the name had when it was last seen; 9999 when never. */
  index(ifname: string): Ifindex
  createVxlan(ifname: string, spec: VxlanStep): Promise<void>
  change(link: LinkRef, change: ChangeStep): Promise<void>
  deleteLink(link: LinkRef): Promise<void>
  createVeth(ifname: string, peer: string, mtu?: number): Promise<void>
  createBridge(ifname: string): Promise<void>
  /** To the namespace that `admin.sendAway` uses too. */
  moveAway(link: LinkRef): Promise<void>
  addAddress(link: LinkRef, address: string): Promise<void>
  deleteAddress(link: LinkRef, address: string): Promise<void>
  announce(link: LinkRef, ip: string): Promise<void>
  /** Reads it, or switches it. */
  txChecksum(link: LinkRef, on?: boolean): Promise<void>
  resolve(dst: string, query?: QueryStep): Promise<void>
  apply(...entries: EntrySpec[]): Promise<void>
  dumpNeighbours(family: Family, link: LinkRef): Promise<void>
  dumpFdb(link: LinkRef): Promise<void>
  /** Those of them that exist. */
  getFdb(...entries: FdbSpec[]): Promise<void>
}

export interface QueryStep {
  readonly source?: string
  readonly oif?: string
  readonly iif?: string
  readonly mark?: number
  readonly udpPort?: number
}

export interface VxlanStep {
  readonly vni?: number
  readonly local: string
  readonly parent?: LinkRef
  readonly lladdr?: string
  readonly mtu?: number
  readonly port?: number
  readonly learning?: boolean
  readonly gbp?: boolean
}

export interface ChangeStep {
  readonly up?: boolean
  readonly mtu?: number
  readonly lladdr?: string
  readonly ifname?: string
  readonly master?: string | null
  readonly vxlan?: { readonly local?: string; readonly parent?: LinkRef; readonly learning?: boolean }
}

/** One kernel to play on. */
export interface House {
  readonly rtnl: Rtnl
  readonly admin: Administrator<unknown>
  /** The namespace to which links are sent away. */
  readonly elsewhere: string
}

export type Scenario = (stage: Stage) => Promise<void>

/** Carries out one step; `act` resolves with its outcome: 'done', an errno name, or what was answered. */
export type Recorder = (step: string, act: () => Promise<string>) => Promise<void>

/** A stage on one kernel. */
export function createStage(house: House, names: Names, record: Recorder): Stage {
  const { rtnl } = house
  const index = (ref: LinkRef): Ifindex => (typeof ref === 'string' ? (names.indexOf(ref) ?? (9999 as Ifindex)) : ref)
  const label = (ref: LinkRef): string => (typeof ref === 'string' ? ref : `a stale ${names.of(ref)}`)
  const ask = (step: string, act: () => Promise<unknown>): Promise<void> => record(step, () => outcomeOf(act))

  return {
    admin: recordedAdmin(house.admin, record),
    index: (ifname) => index(ifname),
    createVxlan: (ifname, spec) =>
      ask(`createVxlan ${ifname} ${JSON.stringify(spec, shown(names))}`, () =>
        rtnl.createVxlan(vxlanSpec(ifname, spec, index)),
      ),
    change: (link, change) =>
      ask(`change ${label(link)} ${JSON.stringify(change, shown(names))}`, () =>
        rtnl.changeLink(index(link), linkChange(change, index)),
      ),
    createVeth: (ifname, peer, mtu = 1500) =>
      ask(`createVeth ${ifname} ${peer} ${mtu}`, () =>
        rtnl.createVeth({
          ifname,
          mtu,
          lladdr: parseLladdr('02:00:00:00:01:01'),
          peer: { ifname: peer, mtu, lladdr: parseLladdr('02:00:00:00:01:02') },
        }),
      ),
    createBridge: (ifname) =>
      ask(`createBridge ${ifname}`, () =>
        rtnl.createBridge({ ifname, mtu: 1400, lladdr: parseLladdr('02:00:00:00:01:03') }),
      ),
    moveAway: (link) => ask(`moveAway ${label(link)}`, () => rtnl.moveLink(index(link), house.elsewhere)),
    deleteLink: (link) => ask(`deleteLink ${label(link)}`, () => rtnl.deleteLink(index(link))),
    addAddress: (link, address) =>
      ask(`addAddress ${label(link)} ${address}`, () =>
        rtnl.addAddress({ ifindex: index(link), ...addressOf(address), noDad: true }),
      ),
    deleteAddress: (link, address) =>
      ask(`deleteAddress ${label(link)} ${address}`, () =>
        rtnl.deleteAddress({ ifindex: index(link), ...addressOf(address) }),
      ),
    announce: (link, ip) =>
      ask(`announce ${ip} on ${label(link)}`, () =>
        rtnl.announceAddress({
          ifindex: index(link),
          ip: parseIp(ip),
          lladdr: parseLladdr('02:00:00:00:00:10'),
          router: false,
          override: true,
        }),
      ),
    txChecksum: (link, on) =>
      ask(`txChecksum ${label(link)} ${on ?? ''}`, async () =>
        on === undefined ? `${await rtnl.readTxChecksum(index(link))}` : rtnl.writeTxChecksum(index(link), on),
      ),
    resolve: (dst, query = {}) =>
      ask(`resolve ${dst} ${JSON.stringify(query)}`, async () => {
        const { source, oif, iif, ...rest } = query
        const { table, mtu, ...found } = await rtnl.resolveRoute(parseIp(dst), {
          ...rest,
          ...(source === undefined ? {} : { source: parseIp(source) }),
          ...(oif === undefined ? {} : { oif: index(oif) }),
          ...(iif === undefined ? {} : { iif: index(iif) }),
        })
        const tail = mtu === undefined ? '' : ` mtu ${mtu}`
        return `${names.of(found.oif)} via ${found.gateway ?? '-'} from ${found.source ?? '-'} table ${table}${tail}`
      }),
    apply: (...entries) =>
      ask(`apply ${entries.map((entry) => JSON.stringify(entry, shown(names))).join(' ')}`, () =>
        rtnl.applyEntries(packSpecs(entries, index)),
      ),
    dumpNeighbours: (family, link) =>
      ask(
        `dumpNeighbours ${label(link)}`,
        async () => `${(await rtnl.dumpNeighbours(family, index(link))).value.length}`,
      ),
    getFdb: (...entries) =>
      ask(`getFdb ${entries.map((entry) => JSON.stringify(entry, shown(names))).join(' ')}`, async () => {
        const found = unpackEntries(await rtnl.getFdb(packSpecs(entries, index)))
        return found.map((each) => (each.kind === 'fdb' ? `${each.lladdr} at ${each.remote}` : each.kind)).join(', ')
      }),
    dumpFdb: (link) => ask(`dumpFdb ${label(link)}`, async () => `${(await rtnl.dumpFdb(index(link))).value.length}`),
  }
}

/** Keeps ifindexes, which differ between the kernels, out of the steps' names. */
function shown(names: Names): (key: string, value: unknown) => unknown {
  return (key, value) =>
    (key === 'parent' || key === 'dev') && typeof value === 'number' ? `a stale ${names.of(value as Ifindex)}` : value
}

function recordedAdmin(admin: Administrator<unknown>, record: Recorder): Administrator<Promise<void>> {
  return new Proxy(admin, {
    get:
      (target, method: keyof Administrator<unknown>) =>
      (...args: never[]) =>
        record(`admin.${method} ${args.map((arg) => JSON.stringify(arg)).join(' ')}`, async () => {
          const act = target[method] as (...args: never[]) => unknown
          return (await act(...args)) === undefined ? 'done' : 'failed'
        }),
  }) as Administrator<Promise<void>>
}

async function outcomeOf(act: () => Promise<unknown>): Promise<string> {
  try {
    const answer = await act()
    if (answer === undefined) return 'done'
    if (typeof answer === 'string') return answer
    const { failures, unknown } = answer as BatchResult
    const failed = failures.map(({ index, errnoName }) => `${index}: ${errnoName}`)
    return failed.length === 0 && unknown === 0
      ? 'done'
      : [...failed, ...(unknown === 0 ? [] : [`${unknown} unknown`])].join(', ')
  } catch (error) {
    if (error instanceof NetlinkError) return error.errnoName
    throw error
  }
}

function vxlanSpec(ifname: string, spec: VxlanStep, index: (ref: LinkRef) => Ifindex): VxlanSpec {
  return {
    ifname,
    vni: spec.vni ?? 1,
    local: parseIp(spec.local),
    parent: spec.parent === undefined ? undefined : index(spec.parent),
    lladdr: parseLladdr(spec.lladdr ?? '0e:2a:00:00:00:01'),
    mtu: spec.mtu ?? 1450,
    port: spec.port,
    learning: spec.learning ?? false,
    gbp: spec.gbp ?? false,
  }
}

function linkChange(change: ChangeStep, index: (ref: LinkRef) => Ifindex): LinkChange {
  const { up, mtu, lladdr, ifname, master, vxlan } = change
  return {
    ...(up === undefined ? {} : { up }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(lladdr === undefined ? {} : { lladdr: parseLladdr(lladdr) }),
    ...(ifname === undefined ? {} : { ifname }),
    ...(master === undefined ? {} : { master: master === null ? null : index(master) }),
    ...(vxlan === undefined ? {} : { vxlan: vxlanChange(vxlan, index) }),
  }
}

function vxlanChange(
  { local, parent, learning }: NonNullable<ChangeStep['vxlan']>,
  index: (ref: LinkRef) => Ifindex,
): NonNullable<LinkChange['vxlan']> {
  return {
    ...(local === undefined ? {} : { local: parseIp(local) }),
    ...(parent === undefined ? {} : { parent: index(parent) }),
    ...(learning === undefined ? {} : { learning }),
  }
}

function addressOf(text: string): { ip: Ip; prefixLength: number } {
  const [ip = '', length = ''] = text.split('/')
  return { ip: parseIp(ip), prefixLength: Number(length) }
}
