/** Every damage that the tables of a device can suffer, whole or in single entries (damage.ts says what a damage is). */
import { claimOf, deviceName, type Family, peerNumbers } from './cluster.ts'
import { type Damage, device, inOneStep } from './damage.ts'
import type { Host } from './host.ts'

/** The peer that single damages hit. */
export const VICTIM = 3

export const TABLE_DAMAGES: readonly Damage[] = [
  device('loses its neighbours', (name) => [flushNeighbours(name)]),
  {
    name: 'loses its routes',
    extent: 'device',
    apply: (host, family) => host.whileFrozen(() => host.ip(...deleteRoutes(host, family))),
  },
  { name: 'loses its FDB', extent: 'device', apply: flushFdb },
  {
    name: 'loses all three tables',
    extent: 'device',
    async apply(host, family) {
      await host.whileFrozen(async () => {
        await host.ip(...deleteRoutes(host, family), flushNeighbours(deviceName(family)))
        await flushFdb(host, family)
      })
    },
  },
  one('loses one neighbour', (name, peer) => [`neigh del ${peer.overlay} dev ${name}`]),
  one('has one neighbour with another MAC', (name, peer) => [
    `neigh replace ${peer.overlay} lladdr 0e:ff:00:00:00:02 dev ${name} nud permanent`,
  ]),
  one('has one neighbour that is no longer permanent', (name, peer) => [
    `neigh replace ${peer.overlay} lladdr ${peer.lladdr} dev ${name} nud stale`,
  ]),
  oneFdb('loses one FDB entry', (name, peer) => `fdb del ${peer.lladdr} dev ${name} dst ${peer.underlay} self`),
  oneFdb(
    'has one FDB entry that leads elsewhere',
    (name, peer, family) =>
      `fdb replace ${peer.lladdr} dev ${name} dst ${claimOf(family, VICTIM + 1000).underlay} self permanent`,
  ),
  one('loses one route', (name, peer) => [`route del ${peer.subnet} dev ${name} proto 118`]),
  one('has one route by another gateway', (name, peer, family) => [
    `route del ${peer.subnet} dev ${name} proto 118`,
    `route add ${peer.subnet} via ${claimOf(family, VICTIM + 1000).overlay} dev ${name} onlink metric ${peer.metric} proto 118`,
  ]),
  one('has one route of another protocol in the place of ours', (name, peer) => [
    `route del ${peer.subnet} dev ${name} proto 118`,
    `route add ${peer.subnet} via ${peer.overlay} dev ${name} onlink metric ${peer.metric} proto static`,
  ]),
  one("has one route shadowed by flannel's", (name, peer, family) => [
    `route add ${peer.subnet} via ${peer.overlay} dev ${name} onlink proto boot${family === 'ipv6' ? ' metric 512' : ''}`,
  ]),
  one('has one route shadowed by an older one of ours', (name, peer) => [
    `route add ${peer.subnet} via ${peer.overlay} dev ${name} onlink proto 118 metric 2`,
  ]),
  {
    name: "has one route shadowed by somebody's blackhole, until that goes",
    extent: 'one',
    waits: true,
    apply: blackhole,
  },
  {
    name: 'gets a neighbour, an FDB entry and a route of a peer that is gone',
    extent: 'one',
    async apply(host, family) {
      const [gone, name] = [claimOf(family, 4000), deviceName(family)]
      await host.bridge(`fdb append ${gone.lladdr} dev ${name} dst ${gone.underlay} self permanent`)
      await host.ip(
        `neigh add ${gone.overlay} lladdr ${gone.lladdr} dev ${name} nud permanent`,
        `route add ${gone.subnet} via ${gone.overlay} dev ${name} onlink proto 118 metric ${gone.metric}`,
      )
    },
  },
]

type Peer = ReturnType<typeof claimOf>

function one(name: string, lines: (device: string, peer: Peer, family: Family) => string[]): Damage {
  return {
    name,
    extent: 'one',
    apply: (host, family) => inOneStep(host, lines(deviceName(family), claimOf(family, VICTIM), family)),
  }
}

function oneFdb(name: string, line: (device: string, peer: Peer, family: Family) => string): Damage {
  return {
    name,
    extent: 'one',
    apply: (host, family) => host.bridge(line(deviceName(family), claimOf(family, VICTIM), family)),
  }
}

async function blackhole(host: Host, family: Family): Promise<void> {
  const { subnet } = claimOf(family, VICTIM)
  const seen = host.agent.lines.length
  await host.ip(`route add blackhole ${subnet} proto static metric 1`)
  await host.agent.until('peers.shadowed', ({ msg }) => msg.includes(subnet), seen)
  await host.ip(`route del blackhole ${subnet} proto static metric 1`)
}

function flushNeighbours(name: string): string {
  return `neigh flush dev ${name} nud permanent`
}

/** `ip route flush` needs the family as an option, which a batch has no place for. */
function deleteRoutes(host: Host, family: Family): string[] {
  const peers = peerNumbers(host.expected).map((node) => claimOf(family, node))
  return peers.map(({ subnet }) => `route del ${subnet} dev ${deviceName(family)} proto 118`)
}

/** One by one where the kernel (before Linux 6.0) knows no flush. */
async function flushFdb(host: Host, family: Family): Promise<void> {
  const name = deviceName(family)
  await host.bridge(`fdb flush dev ${name} self permanent`).catch(async () => {
    for (const { lladdr, underlay } of peerNumbers(host.expected).map((node) => claimOf(family, node)))
      await host.bridge(`fdb del ${lladdr} dev ${name} dst ${underlay} self`)
  })
}

/** What `ip monitor` would print of a peer that nobody damaged. */
export function marksOfOthers(host: Host, family: Family): string[] {
  return peerNumbers(host.expected)
    .filter((node) => node !== VICTIM)
    .flatMap((node) => {
      const { subnet, overlay, lladdr } = claimOf(family, node)
      return [`${subnet} `, `${overlay} `, ` ${lladdr} `]
    })
}
