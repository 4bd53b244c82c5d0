/**
 * Where a scenario plays: the same steps on the fake kernel and on the real one, each recorded with its result, what the
 * monitor heard of it and the whole state after it. Must not: know which scenario plays.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { NetlinkError } from '../../lib/errors.ts'
import type { Ifindex } from '../../lib/net/ifindex.ts'
import { type Family, type Ip, parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { openRtnl } from '../../lib/rtnl/native.ts'
import type { BatchResult, LinkChange, Notification, Rtnl, VxlanSpec } from '../../lib/rtnl/port.ts'
import { type Administrator, createFakeKernel } from '../support/fake-kernel/index.ts'
import { createNetns } from '../support/netns.ts'
import { type EntrySpec, packSpecs } from './entry-specs.ts'
import { createNames, type Heard, type Names, observe, renderNews } from './normal.ts'
import { realAdministrator } from './real-administrator.ts'

/** One step as it was seen. `outcome`: 'done', an errno name, or what was answered. */
export interface Scene {
  readonly step: string
  readonly outcome: string
  readonly news: readonly string[]
  readonly state: readonly string[]
}

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
  addAddress(link: LinkRef, address: string): Promise<void>
  deleteAddress(link: LinkRef, address: string): Promise<void>
  resolve(dst: string, options?: { readonly oif?: string; readonly source?: string }): Promise<void>
  apply(...entries: EntrySpec[]): Promise<void>
  dumpNeighbours(family: Family, link: LinkRef): Promise<void>
  dumpFdb(link: LinkRef): Promise<void>
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
interface House {
  readonly rtnl: Rtnl
  readonly admin: Administrator<unknown>
  /** How long an expected echo may take: the real kernel does some of it in the background. */
  readonly patienceMs: number
}

export type Scenario = (stage: Stage) => Promise<void>

export async function playOnFake(scenario: Scenario): Promise<Scene[]> {
  const kernel = createFakeKernel({ dad: false })
  const house = { rtnl: kernel.open(), admin: kernel.admin, patienceMs: 0 }
  return play(house, scenario, undefined)
}

/**
 * Plays on the real kernel, and fails at the first step that differs from `expected`; waits, within bounds, for what of a
 * step is still to come.
 */
export async function playOnReal(t: TestContext, scenario: Scenario, expected: readonly Scene[]): Promise<void> {
  const netns = await createNetns(t, 'stage')
  const elsewhere = await createNetns(t, 'elsewhere')
  const quiet = ['accept_dad=0', 'router_solicitations=0', 'accept_ra=0'].flatMap((each) => [
    `net.ipv6.conf.all.${each}`,
    `net.ipv6.conf.default.${each}`,
  ])
  await netns.exec('sysctl', '-qw', ...quiet, 'net.ipv4.conf.all.promote_secondaries=0')
  const rtnl = openRtnl({ netns: netns.path })
  const house = {
    rtnl,
    admin: realAdministrator(netns, elsewhere),
    patienceMs: 2000,
  }
  try {
    const scenes = await play(house, scenario, expected)
    assert.equal(scenes.length, expected.length)
  } finally {
    await rtnl.close()
  }
}

async function play(house: House, scenario: Scenario, expected: readonly Scene[] | undefined): Promise<Scene[]> {
  const scenes: Scene[] = []
  const names = createNames()
  const ear = listen(house.rtnl)
  const heard: Heard = { links: new Map(), addresses: new Map() }
  try {
    await observe(house.rtnl, names)
    await scenario(
      createStage(house, names, async (step, act) => {
        const outcome = await act()
        const hoped = expected?.[scenes.length]
        const scene = { step, outcome, ...(await watch(house, ear, names, heard, hoped)) }
        scenes.push(scene)
        if (hoped !== undefined) assertAlike(hoped, scene, scenes.length)
      }),
    )
  } finally {
    ear.close()
  }
  return scenes
}

interface Ear {
  /** Everything heard since the last call that returned; waits until the mark has been heard. */
  take(): Promise<Notification[]>
  close(): void
}

/** Marks the stream of news by changing lo's MTU: what came before the mark had been caused before it. */
function listen(rtnl: Rtnl): Ear {
  let heard: Notification[] = []
  let wake = (): void => undefined
  let mtu = 65_536
  const monitor = rtnl.monitor({
    groups: ['link', 'address', 'neighbour', 'route'],
    families: ['ipv4', 'ipv6'],
    ignoreOwn: false,
    onNotifications(notifications) {
      heard.push(...notifications)
      wake()
    },
  })
  const isMark = (news: Notification): boolean => news.type === 'link' && news.link.loopback && news.link.mtu === mtu
  return {
    async take() {
      mtu = mtu === 65_536 ? 65_535 : 65_536
      await rtnl.changeLink(1 as Ifindex, { mtu })
      while (!heard.some(isMark)) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      const taken = heard.filter((news) => !isMark(news))
      heard = []
      return taken
    },
    close: () => monitor.close(),
  }
}

async function watch(
  house: House,
  ear: Ear,
  names: Names,
  heard: Heard,
  hoped: Scene | undefined,
): Promise<{ news: string[]; state: string[] }> {
  const deadline = performance.now() + house.patienceMs
  const notifications: Notification[] = []
  for (;;) {
    notifications.push(...(await ear.take()))
    const known: Heard = { links: new Map(heard.links), addresses: new Map(heard.addresses) }
    const news = renderNews(notifications, names, known, house.rtnl.portId)
    const state = await observe(house.rtnl, names)
    const complete = hoped === undefined || (equal(news, hoped.news) && equal(state, hoped.state))
    if (complete || performance.now() > deadline) {
      for (const [key, word] of known.links) heard.links.set(key, word)
      for (const [key, word] of known.addresses) heard.addresses.set(key, word)
      return { news, state }
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Fails with what only one of the two has seen. */
function assertAlike(fake: Scene, real: Scene, at: number): void {
  const only = (a: readonly string[], b: readonly string[]): string[] => a.filter((line) => !b.includes(line))
  const differences = (['news', 'state'] as const).flatMap((part) => [
    ...only(fake[part], real[part]).map((line) => `only the fake's ${part}: ${line}`),
    ...only(real[part], fake[part]).map((line) => `only the real ${part}: ${line}`),
    ...(equal(fake[part], real[part]) ? [] : [`${part}: ${fake[part].length} lines, really ${real[part].length}`]),
  ])
  if (fake.outcome !== real.outcome)
    differences.unshift(`the fake says '${fake.outcome}', the real one '${real.outcome}'`)
  if (differences.length > 0) assert.fail([`step ${at}, ${real.step}`, ...differences].join('\n'))
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index])
}

type Record = (step: string, act: () => Promise<string>) => Promise<void>

function createStage(house: House, names: Names, record: Record): Stage {
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
    deleteLink: (link) => ask(`deleteLink ${label(link)}`, () => rtnl.deleteLink(index(link))),
    addAddress: (link, address) =>
      ask(`addAddress ${label(link)} ${address}`, () =>
        rtnl.addAddress({ ifindex: index(link), ...addressOf(address), noDad: true }),
      ),
    deleteAddress: (link, address) =>
      ask(`deleteAddress ${label(link)} ${address}`, () =>
        rtnl.deleteAddress({ ifindex: index(link), ...addressOf(address) }),
      ),
    resolve: (dst, options = {}) =>
      ask(`resolve ${dst} ${JSON.stringify(options)}`, async () => {
        const oif = options.oif === undefined ? {} : { oif: index(options.oif) }
        const source = options.source === undefined ? {} : { source: parseIp(options.source) }
        const found = await rtnl.resolveRoute(parseIp(dst), { ...oif, ...source })
        return `${names.of(found.oif)} via ${found.gateway ?? '-'} from ${found.source ?? '-'}`
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
    dumpFdb: (link) => ask(`dumpFdb ${label(link)}`, async () => `${(await rtnl.dumpFdb(index(link))).value.length}`),
  }
}

/** Keeps ifindexes, which differ between the kernels, out of the steps' names. */
function shown(names: Names): (key: string, value: unknown) => unknown {
  return (key, value) =>
    (key === 'parent' || key === 'dev') && typeof value === 'number' ? `a stale ${names.of(value as Ifindex)}` : value
}

function recordedAdmin(admin: Administrator<unknown>, record: Record): Administrator<Promise<void>> {
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
