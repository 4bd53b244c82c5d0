/**
 * What is damaged, and from which announcement to which one healing is timed. Data and names; heal.ts runs them.
 * Must not: measure.
 */
import { claimOf, deviceName, type Family } from '../../test/kernel/healing/support/cluster.ts'
import type { Host } from '../../test/kernel/healing/support/host.ts'

export interface HealCase {
  readonly name: string
  readonly pinned?: true
  readonly sizes: readonly number[]
  /** The same thing is damaged in every round, so rounds keep a distance; its damage has more than one announcement. */
  readonly quarrel?: true
  /** `round` chooses another victim each time: one that is damaged again and again is rightly repaired more slowly. */
  damage(host: Host, family: Family, round: number): Promise<void>
  /** Whether healing begins with this announcement; the last one that does counts. */
  begins(text: string, family: Family, round: number): boolean
}

/** The acceptance sizes: a device with 100 and 10,000 peers, single entries beside 1,000. */
const DEVICES = [100, 10_000] as const
const ENTRIES = [1000] as const

export const CASES: readonly HealCase[] = [
  {
    name: 'device deleted',
    quarrel: true,
    sizes: DEVICES,
    damage: (host, family) => host.ip(`link del ${deviceName(family)}`),
    begins: (text, family) => text.startsWith('Deleted') && text.includes(`: ${deviceName(family)}:`),
  },
  {
    name: 'parent rebuilt, device pinned to it',
    quarrel: true,
    pinned: true,
    sizes: DEVICES,
    async damage(host) {
      await host.ip('link del mgmt0')
      await host.buildParent()
    },
    // Until then there is no underlay, and no agent could have done anything.
    begins: (text, family) => !text.startsWith('Deleted') && text.includes(`mgmt0 `) && text.includes(address(family)),
  },
  {
    name: 'device set down',
    quarrel: true,
    sizes: DEVICES,
    damage: (host, family) => host.ip(`link set ${deviceName(family)} down`),
    begins: (text, family) => text.includes(`: ${deviceName(family)}:`) && !text.includes(',UP'),
  },
  entry('neighbour removed', (peer, name) => `neigh del ${peer.overlay} dev ${name}`),
  entry(
    'neighbour altered',
    (peer, name) => `neigh replace ${peer.overlay} lladdr ${STRANGER} dev ${name} nud permanent`,
  ),
  fdb('FDB entry removed', (peer, name) => `fdb del ${peer.lladdr} dev ${name} dst ${peer.underlay} self`),
  fdb(
    'FDB entry altered',
    (peer, name, family) =>
      `fdb replace ${peer.lladdr} dev ${name} dst ${claimOf(family, 9999).underlay} self permanent`,
  ),
  entry('route removed', (peer, name) => `route del ${peer.subnet} dev ${name} proto 118`),
  entry(
    'route altered',
    (peer, name, family) =>
      `route replace ${peer.subnet} via ${claimOf(family, 9999).overlay} dev ${name} onlink metric ${peer.metric} proto 118`,
  ),
  entry(
    "route shadowed by flannel's",
    (peer, name, family) =>
      `route add ${peer.subnet} via ${peer.overlay} dev ${name} onlink proto boot${family === 'ipv6' ? ' metric 512' : ''}`,
  ),
]

const STRANGER = '0e:ff:00:00:00:02'

type Peer = ReturnType<typeof claimOf>

function entry(name: string, line: (peer: Peer, device: string, family: Family) => string): HealCase {
  return {
    name,
    sizes: ENTRIES,
    damage: (host, family, round) => host.ip(line(victim(family, round), deviceName(family), family)),
    begins: () => true,
  }
}

function fdb(name: string, line: (peer: Peer, device: string, family: Family) => string): HealCase {
  return {
    name,
    sizes: ENTRIES,
    damage: (host, family, round) => host.bridge(line(victim(family, round), deviceName(family), family)),
    begins: () => true,
  }
}

export function victim(family: Family, round: number): Peer {
  return claimOf(family, 100 + round)
}

function address(family: Family): string {
  return `${claimOf(family, 1).underlay}/`
}
