/**
 * Nodes that probe each other over a network that exists in memory, on a manual clock. Must not: know what is right; it carries
 * datagrams, and drops what it is told to.
 */
import { createMeshWatch, type MeshWatch } from '../../lib/agent/mesh-watch.ts'
import { parseNetwork } from '../../lib/cluster/net-conf.ts'
import type { VxlanNetwork } from '../../lib/cluster/network.ts'
import type { LeaseView } from '../../lib/cluster/view.ts'
import type { MeshPeer } from '../../lib/mesh/peer.ts'
import { networkAddress, parseCidr } from '../../lib/net/cidr.ts'
import { parseIp } from '../../lib/net/ip.ts'
import type { Log } from '../../lib/util/log.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'

export interface Carried {
  readonly from: string
  readonly to: string
  readonly path: 'overlay' | 'underlay'
  /** UDP payload, bytes. */
  readonly size: number
  /** milliseconds. */
  readonly at: number
}

export interface Fabric {
  readonly clock: ManualClock
  readonly names: readonly string[]
  /** What stood last, and all that was said at its beginnings and ends. */
  readonly said: readonly {
    readonly node: string
    readonly level: string
    readonly event: string
    readonly message: string
  }[]
  /** Each datagram that was sent, also those that were dropped. */
  readonly sent: readonly Carried[]
  of(node: string): MeshWatch
  peer(node: string, of: string): MeshPeer
  /** A datagram arrives over the overlay of a node, as if from that address. */
  inject(node: string, from: string, datagram: Uint8Array): void
  faults(node: string): ReadonlyMap<string, string>
  stop(): void
}

export const MTU = 1450
const HEADERS = 28

/** `drops`: whether the network loses it. `deaf`: nodes without an agent that answers. */
export function createFabric(
  count: number,
  {
    drops,
    deaf = new Set(),
    rate = 5,
    seed = 1,
    mtu = MTU,
  }: {
    readonly drops: (datagram: Carried) => boolean
    readonly deaf?: ReadonlySet<string>
    readonly rate?: number
    readonly seed?: number
    /** Of the device. */
    readonly mtu?: number
  },
): Fabric {
  const clock = createManualClock(1_000_000)
  const random = seeded(seed)
  const network = parseNetwork('{"Network":"10.0.0.0/8","Backend":{"Type":"vxlan"}}', 'test').network as VxlanNetwork
  const names = Array.from({ length: count }, (_, i) => `n${i}`)
  const leases = new Map(names.map((node, i) => [node, leaseOf(node, i)]))
  const owner = new Map<string, { readonly node: string; readonly path: Carried['path'] }>()
  for (const [node, { ipv4 }] of leases) {
    owner.set(networkAddress(ipv4.subnet), { node, path: 'overlay' })
    owner.set(ipv4.underlay, { node, path: 'underlay' })
  }
  const said: { node: string; level: string; event: string; message: string }[] = []
  const faults = new Map<string, Map<string, string>>(names.map((node) => [node, new Map()]))
  const sent: Carried[] = []
  const ears = new Map<string, (datagram: Uint8Array, from: string) => void>()

  const watches = new Map(
    names.map((node) => {
      const own = leases.get(node)?.ipv4
      if (own === undefined) throw new Error(node)
      const watch = createMeshWatch({
        config: { rate, port: 8473 },
        families: 1,
        network,
        overlay: {
          family: 'ipv4',
          own: {
            device: { overlay: networkAddress(own.subnet), mtu },
            underlay: { local: own.underlay },
          } as never,
        },
        open(address, _port, onDatagram) {
          ears.set(address, onDatagram)
          return {
            send(to, _to, datagram) {
              const there = owner.get(to)
              if (there === undefined) return
              const carried = { from: node, to: there.node, path: there.path, size: datagram.length, at: clock.now() }
              sent.push(carried)
              if (drops(carried) || deaf.has(there.node)) return
              clock.after(1, () => ears.get(to)?.(datagram, address))
            },
            close: () => ears.delete(address),
          }
        },
        onOutcome: () => undefined,
        random,
        token: () => Array.from({ length: 16 }, () => Math.floor(random() * 16).toString(16)).join(''),
        clock,
        log: logOf((level, event, message) => said.push({ node, level, event, message }), faults.get(node)),
      })
      if (!deaf.has(node)) {
        watch.update()
        const peers = new Map([...leases].filter(([name]) => name !== node))
        watch.setView({ synced: true, peers, own: undefined, rejected: [], contested: [], aliases: [] } as LeaseView)
      }
      return [node, watch] as const
    }),
  )
  const of = (node: string): MeshWatch => {
    const found = watches.get(node)
    if (found === undefined) throw new Error(`no ${node}`)
    return found
  }
  return {
    clock,
    names,
    said,
    sent,
    of,
    peer(node, name) {
      const found = [...of(node).peers()].find((peer) => peer.node === name)
      if (found === undefined) throw new Error(`${node} does not know ${name}`)
      return found
    },
    inject(node, from, datagram) {
      const subnet = leases.get(node)?.ipv4.subnet
      if (subnet !== undefined) ears.get(networkAddress(subnet))?.(datagram, from)
    },
    faults: (node) => faults.get(node) ?? new Map(),
    stop() {
      for (const watch of watches.values()) watch.stop()
    },
  }
}

/** The IP packet that carries it inside or outside, bytes. */
export function packetBytes({ size }: Pick<Carried, 'size'>): number {
  return size + HEADERS
}

function leaseOf(node: string, i: number) {
  const [high, low] = [Math.floor(i / 250), i % 250]
  return {
    node,
    uid: undefined,
    seniority: String(i),
    ipv4: {
      subnet: parseCidr(`10.${high + 1}.${low}.0/24`),
      underlay: parseIp(`192.168.${high}.${low + 1}`),
      lladdr: undefined,
      vni: undefined,
    },
    ipv6: undefined,
  }
}

function logOf(
  say: (level: string, event: string, message: string) => void,
  standing: Map<string, string> | undefined,
): Log {
  const at = (level: string) => (event: string, message: string) => say(level, event, message)
  const log: Log = {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: () => log,
    stands({ event, sentence }) {
      if (sentence === undefined) standing?.delete(event)
      else standing?.set(event, sentence)
    },
  }
  return log
}

/** mulberry32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
