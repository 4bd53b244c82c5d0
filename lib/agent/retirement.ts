/**
 * Removes what an earlier network of this very agent left, once the one of now carries: devices of another VNI or of a
 * backend that is left, direct routes of a network that is left, and what was kept of them. What is here of an earlier run
 * is known by the state folder, and by the subnet file, which no two agents share.
 * Must not: touch what another agent keeps, nor what only looks like ours.
 */

import { RTN_BLACKHOLE, RTN_UNICAST, RTPROT_VTEPD } from '../addon/abi.ts'
import { isVxlan, type Network } from '../cluster/network.ts'
import { KERNEL_VXLAN_PORT } from '../device/vtep.ts'
import { type Cidr, containsCidr, parseCidr } from '../net/cidr.ts'
import { FAMILIES, type Family } from '../net/ip.ts'
import { type Lladdr, parseLladdr } from '../net/lladdr.ts'
import { createEntryWriter, type RouteEntry, unpackEntry } from '../rtnl/entries.ts'
import type { Link, Rtnl } from '../rtnl/port.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import type { StandingLog } from '../util/standing-log.ts'
import { type Carrier, carrierNamed, carriersOf } from './carriers.ts'
import { createKept } from './kept-value.ts'

/** Peers that follow a moment later still send to the old device, milliseconds. */
const STAYS_MS = 1000
const AGAIN_MS = 5000

/** The names that this agent alone keeps in this network namespace. */
export interface CarrierLocks {
  /** False: another agent keeps it. */
  hold(carrier: string): Promise<boolean>
  release(carrier: string): Promise<void>
}

export interface Retirement {
  /** Nothing is removed from now on, until `resume` or `carries`; resolves when nothing is being removed. */
  pause(): Promise<void>
  resume(): void
  /** An agent core of this process kept it a moment ago. */
  left(network: Network): void
  /**
   * Before the devices of this network are made: removes at once what keeps them from coming up. Two VXLAN devices on one port
   * must agree about GBP, whatever their VNIs (EADDRINUSE).
   */
  makeRoomFor(network: Network): Promise<void>
  /** This is what carries now. */
  carries(network: Network): void
  stop(): Promise<void>
}

/** What is known of one that may be removed. */
interface Past extends Carrier {
  readonly name: string
  /** undefined: this process kept it, so that its name says enough. */
  readonly lladdr: Lladdr | undefined
  /** That it was kept for, and that may have routes beside it. */
  readonly networks: readonly Cidr[]
  readonly kept: 'here' | 'earlier'
}

/** A kept field: networks whose routes may still be there. */
const LEFT = 'left'

export interface RetirementParts {
  readonly stateDir: string
  readonly subnetFile: string
  readonly locks: CarrierLocks
  readonly openRtnl: () => Rtnl
  /** Names of the files in a folder; none where it cannot be read. */
  readonly listFolder: (folder: string) => Promise<readonly string[]>
  readonly readFile: (path: string) => Promise<string | undefined>
  readonly replaceFile: (path: string, text: string) => Promise<void>
  /** Of the state folder; what is not there is gone already. */
  readonly removeFile: (name: string) => Promise<void>
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
}

export function createRetirement(parts: RetirementParts): Retirement {
  const { clock, log, standing, locks } = parts
  const past = new Map<string, Past>()
  let now: Network | undefined
  let timer: Timer | undefined
  let work: Promise<void> = Promise.resolve()

  const findPast = async (): Promise<readonly Past[]> => {
    const earlier = await readEarlier(parts)
    const all = new Map([...earlier, ...past.values()].map((one) => [one.name, one]))
    return [...all.values()].map((one) => {
      const before = earlier.find(({ name }) => name === one.name)?.networks ?? []
      return { ...one, networks: [...new Set([...before, ...one.networks])] }
    })
  }
  const withRtnl = async (work: (rtnl: Rtnl) => Promise<void>): Promise<void> => {
    const rtnl = parts.openRtnl()
    try {
      await work(rtnl)
    } finally {
      await rtnl.close()
    }
  }
  const makeRoomFor = async (network: Network): Promise<void> => {
    const carriers = new Set(carriersOf(network))
    const all = await findPast()
    for (const one of all) if (carriers.has(one.name)) await keepLeft(parts, one, network[one.family])
    const gone = all.filter(({ name }) => !carriers.has(name))
    if (gone.length === 0 || !isVxlan(network)) return
    const { port = KERNEL_VXLAN_PORT, gbp } = network.backend
    await withRtnl(async (rtnl) => {
      const { value: links } = await rtnl.dumpLinks()
      for (const one of gone) {
        const device = links.find((link) => isOfPast(link, one))?.vxlan
        const isInTheWay = device !== undefined && device.port === port && device.gbp !== gbp
        if (isInTheWay && (await locks.hold(one.name))) await retire(rtnl, one, network)
      }
    })
  }
  const retireAll = async (network: Network): Promise<void> => {
    const carriers = new Set(carriersOf(network))
    const all = await findPast()
    const gone = all.filter(({ name }) => !carriers.has(name))
    // Its network may be another one, though its name is not.
    const changed = all.filter(
      ({ name, family, networks }) => carriers.has(name) && networks.some((one) => one !== network[family]),
    )
    if (gone.length + changed.length === 0) return
    await withRtnl(async (rtnl) => {
      for (const one of gone) if (await locks.hold(one.name)) await retire(rtnl, one, network)
      for (const one of changed) await removeRoutes(rtnl, one, network[one.family])
    })
    for (const { name } of changed) {
      await parts.removeFile(`${name}.${LEFT}.json`)
      past.delete(name)
    }
  }
  const retire = async (rtnl: Rtnl, one: Past, network: Network): Promise<void> => {
    const { value: links } = await rtnl.dumpLinks()
    const device = links.find((link) => isOfPast(link, one))
    if (device !== undefined) {
      await rtnl.deleteLink(device.ifindex)
      log.info('netconf.old-removed', `removed ${one.name}, which net-conf does not name any more`)
    }
    await removeRoutes(rtnl, one, network[one.family])
    for (const file of await parts.listFolder(parts.stateDir))
      if (file.startsWith(`${one.name}.`)) await parts.removeFile(file)
    past.delete(one.name)
    await locks.release(one.name)
  }
  /** Direct and blackhole routes of networks that are left; inside the one of now they are the reconciler's. */
  const removeRoutes = async (rtnl: Rtnl, { family, networks }: Past, kept: Cidr | undefined): Promise<void> => {
    const left = networks.filter((one) => one !== kept)
    if (left.length === 0) return
    const isLeft = (dst: Cidr): boolean =>
      left.some((network) => containsCidr(network, dst)) && !(kept !== undefined && containsCidr(kept, dst))
    const { value: table } = await rtnl.dumpRoutes(family)
    const writer = createEntryWriter()
    for (let i = 0; i < table.length; i += 1) {
      const entry = unpackEntry(table, i)
      if (entry.kind === 'route' && isBesideDevice(entry) && isLeft(entry.dst)) writer.copy('delete', table, i)
    }
    if (writer.length === 0) return
    await rtnl.applyEntries(writer.finish())
    const whose = `routes of ${left.join(', ')}, which net-conf does not name any more`
    log.info('netconf.old-removed', `removed ${writer.length} ${whose}`)
  }
  const loop = createDirtyLoop(
    async () => {
      if (now === undefined) return
      work = retireAll(now)
      await work
      standing.over('netconf.old-stays')
    },
    (error) => {
      standing.stands('netconf.old-stays', `what an earlier network left cannot be removed: ${messageOf(error)}`, {
        error,
      })
      timer = clock.after(AGAIN_MS, () => loop.mark())
    },
  )

  const resume = (): void => {
    timer?.cancel()
    timer = clock.after(STAYS_MS, () => loop.mark())
  }

  return {
    async pause() {
      timer?.cancel()
      await work.catch(() => undefined)
      timer?.cancel()
    },
    resume,
    left(network) {
      now = undefined
      for (const family of FAMILIES) {
        const name = nameIn(network, family)
        const carrier = name === undefined ? undefined : carrierNamed(name)
        if (name === undefined || carrier === undefined || past.has(name)) continue
        const whole = network[family]
        const networks = whole === undefined ? [] : [whole]
        past.set(name, { ...carrier, name, lladdr: undefined, networks, kept: 'here' })
      }
    },
    makeRoomFor,
    carries(network) {
      now = network
      resume()
    },
    async stop() {
      timer?.cancel()
      await loop.stop()
      timer?.cancel()
    },
  }
}

function keptOf<T extends string>(parts: RetirementParts, ifname: string, field: string, parse: (text: string) => T) {
  return createKept({ ...parts, ifname, field, parse })
}

/** What an earlier run of this agent kept. */
async function readEarlier(parts: RetirementParts): Promise<readonly Past[]> {
  const found: Past[] = []
  for (const file of await parts.listFolder(parts.stateDir)) {
    const name = /^(.+)\.subnet-file\.json$/.exec(file)?.[1]
    const carrier = name === undefined ? undefined : carrierNamed(name)
    if (name === undefined || carrier === undefined) continue
    if ((await keptOf(parts, name, 'subnet-file', String).load()) !== parts.subnetFile) continue
    const lladdr = await keptOf(parts, name, 'lladdr', parseLladdr).load()
    const network = await keptOf(parts, name, 'network', parseCidr).load()
    const left = (await keptOf(parts, name, LEFT, parseLeft).load())?.split(' ').map(parseCidr) ?? []
    found.push({
      ...carrier,
      name,
      lladdr,
      networks: network === undefined ? left : [...left, network],
      kept: 'earlier',
    })
  }
  return found
}

/** CIDRs with blanks between; throws RangeError for anything else. */
function parseLeft(text: string): string {
  return text.split(' ').map(parseCidr).join(' ')
}

/** The next core keeps its own network in the place of the one before it, whose routes may not be gone by then. */
async function keepLeft(parts: RetirementParts, { name, networks }: Past, network: Cidr | undefined): Promise<void> {
  const left = networks.filter((one) => one !== network)
  if (left.length > 0) await keptOf(parts, name, LEFT, parseLeft).save(left.join(' '))
}

function nameIn(network: Network, family: Family): string | undefined {
  return carriersOf({ ...network, ipv4: undefined, ipv6: undefined, [family]: network[family] })[0]
}

/** Of an earlier run: only with the MAC address that was kept, since somebody else may have made one of that name since. */
function isOfPast({ ifname, vxlan, lladdr }: Link, { name, vni, family, lladdr: kept, kept: when }: Past): boolean {
  if (ifname !== name || vxlan === undefined || vxlan.vni !== vni || vxlan.underlay !== family) return false
  return when === 'here' || (lladdr !== undefined && lladdr === kept)
}

/** Direct, or the blackhole of our own subnet. */
function isBesideDevice({ protocol, type, onlink, gateway, extras }: RouteEntry): boolean {
  if (protocol !== RTPROT_VTEPD || extras) return false
  return type === RTN_BLACKHOLE || (type === RTN_UNICAST && !onlink && gateway !== undefined)
}
