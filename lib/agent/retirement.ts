/**
 * Removes what an earlier network of this very agent left, once the one of now carries: devices of another VNI or of a
 * backend that is left, direct routes of a network that is left, and what was kept of them. What is here of an earlier run
 * is known by the state folder, and by the subnet file, which no two agents share.
 * Must not: touch what another agent keeps, nor what only looks like ours.
 */
import type { Network } from '../cluster/network.ts'
import { type Cidr, containsCidr, parseCidr } from '../net/cidr.ts'
import { FAMILIES, type Family } from '../net/ip.ts'
import { type Lladdr, parseLladdr } from '../net/lladdr.ts'
import { RTN_BLACKHOLE, RTN_UNICAST, RTPROT_VTEPD } from '../rtnl/abi.ts'
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
  /** An agent core of this process kept it a moment ago. */
  left(network: Network): void
  /** This is what carries now. */
  carries(network: Network): void
  stop(): Promise<void>
}

/** What is known of one that may be removed. */
interface Past extends Carrier {
  readonly name: string
  /** undefined: this process kept it, so that its name says enough. */
  readonly lladdr: Lladdr | undefined
  readonly network: Cidr | undefined
  readonly kept: 'here' | 'earlier'
}

export function createRetirement(parts: {
  readonly stateDir: string
  readonly subnetFile: string
  readonly locks: CarrierLocks
  readonly openRtnl: () => Rtnl
  /** Names of the files in a folder; none where it cannot be read. */
  readonly listFolder: (folder: string) => Promise<readonly string[]>
  readonly readFile: (path: string) => Promise<string | undefined>
  /** Of the state folder; what is not there is gone already. */
  readonly removeFile: (name: string) => Promise<void>
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
}): Retirement {
  const { clock, log, standing, locks } = parts
  const past = new Map<string, Past>()
  let now: Network | undefined
  let timer: Timer | undefined

  const keptOf = <T extends string>(
    ifname: string,
    field: string,
    parse: (text: string) => T,
  ): Promise<T | undefined> => createKept({ ...parts, ifname, field, parse, replaceFile: async () => undefined }).load()
  /** Those that an earlier run of this agent kept. */
  const readEarlier = async (): Promise<readonly Past[]> => {
    const found: Past[] = []
    for (const file of await parts.listFolder(parts.stateDir)) {
      const name = /^(.+)\.subnet-file\.json$/.exec(file)?.[1]
      const carrier = name === undefined ? undefined : carrierNamed(name)
      if (name === undefined || carrier === undefined) continue
      if ((await keptOf(name, 'subnet-file', String)) !== parts.subnetFile) continue
      const [lladdr, network] = [await keptOf(name, 'lladdr', parseLladdr), await keptOf(name, 'network', parseCidr)]
      found.push({ ...carrier, name, lladdr, network, kept: 'earlier' })
    }
    return found
  }
  const retireAll = async (network: Network): Promise<void> => {
    const carriers = new Set(carriersOf(network))
    const all = new Map([...(await readEarlier()).map((one) => [one.name, one] as const), ...past])
    const gone = [...all.values()].filter(({ name }) => !carriers.has(name))
    // Its network may have changed, though its name has not.
    const changed = [...past.values()].filter(({ name }) => carriers.has(name))
    if (gone.length + changed.length === 0) return
    const rtnl = parts.openRtnl()
    try {
      for (const one of gone) if (await locks.hold(one.name)) await retire(rtnl, one, network)
      for (const one of changed) await removeRoutes(rtnl, one, network[one.family])
    } finally {
      await rtnl.close()
    }
    for (const { name } of changed) past.delete(name)
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
  /** Direct and blackhole routes of a network that is left; inside the one of now they are the reconciler's. */
  const removeRoutes = async (rtnl: Rtnl, { family, network: left }: Past, kept: Cidr | undefined): Promise<void> => {
    if (left === undefined || left === kept) return
    const { value: table } = await rtnl.dumpRoutes(family)
    const writer = createEntryWriter()
    for (let i = 0; i < table.length; i += 1) {
      const entry = unpackEntry(table, i)
      if (entry.kind !== 'route' || !isBesideDevice(entry) || !containsCidr(left, entry.dst)) continue
      if (kept === undefined || !containsCidr(kept, entry.dst)) writer.copy('delete', table, i)
    }
    if (writer.length === 0) return
    await rtnl.applyEntries(writer.finish())
    log.info('netconf.old-removed', `removed ${writer.length} routes of ${left}, which net-conf does not name any more`)
  }
  const loop = createDirtyLoop(
    async () => {
      if (now !== undefined) await retireAll(now)
      standing.over('netconf.old-stays')
    },
    (error) => {
      standing.stands('netconf.old-stays', `what an earlier network left cannot be removed: ${messageOf(error)}`, {
        error,
      })
      timer = clock.after(AGAIN_MS, () => loop.mark())
    },
  )

  return {
    left(network) {
      timer?.cancel()
      now = undefined
      for (const family of FAMILIES) {
        const name = nameIn(network, family)
        const carrier = name === undefined ? undefined : carrierNamed(name)
        if (name === undefined || carrier === undefined || past.has(name)) continue
        past.set(name, { ...carrier, name, lladdr: undefined, network: network[family], kept: 'here' })
      }
    },
    carries(network) {
      now = network
      timer?.cancel()
      timer = clock.after(STAYS_MS, () => loop.mark())
    },
    async stop() {
      timer?.cancel()
      await loop.stop()
      timer?.cancel()
    },
  }
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
