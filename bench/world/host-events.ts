/** What goes on in a host's network without concerning any peer, one event at a time. Must not: touch our device. */
import { setTimeout as wait } from 'node:timers/promises'
import { parseCidr } from '../../lib/net/cidr.ts'
import type { Family } from '../../lib/net/ip.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { type Entry, type EntryTable, packEntries } from '../../lib/rtnl/entries.ts'
import type { Ifindex } from '../../lib/rtnl/port.ts'
import { joined, withOp } from './batches.ts'
import type { BusyNode } from './busy-node.ts'
import { leaseOf } from './cluster.ts'
import type { Disturber } from './disturber.ts'
import { UNDERLAY_IFNAME } from './ground.ts'

export interface HostEvents {
  readonly name: string
  /** For `ms`, one every `everyMs`; resolves with how many there were. */
  make(node: BusyNode, disturber: Disturber, ms: number, everyMs: number): Promise<number>
}

export const HOST_EVENTS: readonly HostEvents[] = [
  {
    name: 'nothing',
    async make(_node, _disturber, ms) {
      await wait(ms)
      return 0
    },
  },
  written('neighbours', neighbours),
  written('routes', routes),
  {
    name: 'links',
    async make({ ground: { rtnl } }, _disturber, ms, everyMs) {
      await rtnl.createBridge({ ifname: 'other0' })
      const ifindex = await indexOf({ rtnl }, 'other0')
      const count = Math.floor(ms / everyMs)
      for (let i = 0; i < count; i += 1) {
        await rtnl.changeLink(ifindex, { mtu: i % 2 === 0 ? 1400 : 1500 })
        await wait(everyMs)
      }
      await rtnl.deleteLink(ifindex)
      return count
    },
  },
]

function written(name: string, of: (family: Family, ifindex: Ifindex) => readonly Entry[]): HostEvents {
  return {
    name,
    async make({ ground }, disturber, ms, everyMs) {
      const ifindex = await indexOf(ground, UNDERLAY_IFNAME)
      const tables = ground.families.map((family): EntryTable => packEntries(of(family, ifindex)))
      return await disturber.write(ground.netns, withOp(joined(tables), 'replace'), ms, everyMs)
    },
  }
}

const NUD_REACHABLE = 0x02
const LLADDRS = ['0e:ff:00:00:00:01', '0e:ff:00:00:00:02'].map(parseLladdr)

/** The underlay's neighbours are the peers' own nodes: each has now one lladdr, now another. */
function neighbours(family: Family, ifindex: Ifindex): readonly Entry[] {
  return LLADDRS.flatMap((lladdr) =>
    Array.from({ length: 10 }, (_, i): Entry => {
      const ip = leaseOf([family], i + 1)[family]?.underlay ?? parseIp('0.0.0.0')
      return { kind: 'neighbour', ifindex, ip, lladdr, state: NUD_REACHABLE, flags: 0, protocol: 0 }
    }),
  )
}

/** One route of somebody else, by one gateway and by another. */
function routes(family: Family, oif: Ifindex): readonly Entry[] {
  const route = { kind: 'route', oif, metric: 7, onlink: false, protocol: 4, type: 1, scope: 0 } as const
  const rest = { extras: false, dead: false, multipath: false }
  return [1, 2].map((peer) => ({
    ...route,
    ...rest,
    dst: parseCidr(family === 'ipv4' ? '203.0.113.0/24' : '2001:db8:200::/48'),
    gateway: leaseOf([family], peer)[family]?.underlay,
  }))
}

async function indexOf({ rtnl }: Pick<BusyNode['ground'], 'rtnl'>, ifname: string): Promise<Ifindex> {
  const link = (await rtnl.dumpLinks()).value.find((candidate) => candidate.ifname === ifname)
  if (link === undefined) throw new Error(`${ifname} is not there`)
  return link.ifindex
}
