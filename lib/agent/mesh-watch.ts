/**
 * The probes of one family between this agent and its peers: sockets where the device and the underlay are, peers as the view has
 * them, faults as standing sentences. Owns the sockets and one timer each for news of peers and of faults. Must not: judge
 * (lib/mesh), nor matter to readiness: a peer that is away is no reason to take this node out.
 */
import type { VxlanNetwork } from '../cluster/network.ts'
import type { LeaseView } from '../cluster/view.ts'
import { KERNEL_VXLAN_PORT } from '../device/vtep.ts'
import type { UdpDoor } from '../host/udp.ts'
import { decodeDatagram, type ProbePath } from '../mesh/datagram.ts'
import type { Sizes } from '../mesh/examination.ts'
import { downPeers, MESH_EVENTS, meshFaults } from '../mesh/faults.ts'
import type { MeshPeer, MeshTarget } from '../mesh/peer.ts'
import { createProber } from '../mesh/prober.ts'
import { createResponder } from '../mesh/responder.ts'
import type { MeshState } from '../mesh/verdict.ts'
import { networkAddress } from '../net/cidr.ts'
import type { Family, Ip } from '../net/ip.ts'
import { vxlanOverhead } from '../net/mtu.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import { createStandingLog } from '../util/standing-log.ts'
import type { FamilyOverlay } from './family-overlay.ts'
import { createFreshLog } from './fresh-log.ts'

export interface MeshConfig {
  /** Questions a second of this node, its families together. */
  readonly rate: number
  /** UDP, the same on all nodes. */
  readonly port: number
}

export interface MeshWatchParts {
  readonly config: MeshConfig
  /** How many families share the rate. */
  readonly families: number
  readonly network: VxlanNetwork
  readonly overlay: Pick<FamilyOverlay, 'family' | 'own'>
  readonly open: (address: Ip, port: number, onDatagram: (datagram: Uint8Array, from: string) => void) => UdpDoor
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** 16 hexadecimal digits that nobody guesses. */
  readonly token: () => string
  /** Of each question; `rtt` undefined: it was not answered. Milliseconds. */
  readonly onOutcome: (path: ProbePath, rtt: number | undefined) => void
  readonly clock: Clock
  readonly log: Log
}

export interface MeshWatch {
  readonly family: Family
  /** Questions a second of this node, its families together. */
  readonly rate: number
  /** The device or the underlay may be another. */
  update(): void
  setView(view: LeaseView): void
  peers(): Iterable<MeshPeer>
  /** By state. */
  readonly counts: Readonly<Record<MeshState, number>>
  stop(): void
}

/** News of peers, and of faults, come together. */
const PEERS_MS = 2000
const FAULTS_MS = 1000
const OPEN_AGAIN_MS = 60_000
/** Of IPv4; IPv6's payload alone could be as large. Bytes. */
const LARGEST_PACKET = 65_535
/** IP and UDP. */
const HEADERS: Readonly<Record<Family, number>> = { ipv4: 28, ipv6: 48 }

interface Door {
  readonly address: Ip
  /** undefined: it could not be opened, and is tried again. */
  readonly socket: UdpDoor | undefined
}

export function createMeshWatch(parts: MeshWatchParts): MeshWatch {
  const { config, network, overlay, clock } = parts
  const { family } = overlay
  const log = parts.log.with({ family })
  const standing = createStandingLog(log, clock)
  const doors: Record<ProbePath, Door | undefined> = { overlay: undefined, underlay: undefined }
  const nodes: Record<ProbePath, Map<string, string>> = { overlay: new Map(), underlay: new Map() }
  let view: LeaseView | undefined
  let peersTimer: Timer | undefined
  let faultsTimer: Timer | undefined
  let openTimer: Timer | undefined
  let stopped = false

  let someDown = false
  const downLog = createFreshLog(clock, (text, peers) =>
    log.warn('mesh.down', `${text}: the machine or its agent is off, or cut off`, { peers }),
  )
  const responder = createResponder(clock)
  const prober = createProber({
    clock,
    random: parts.random,
    token: parts.token,
    rate: config.rate / parts.families,
    send: (path, to, datagram, refused) => doors[path]?.socket?.send(to, config.port, datagram, refused),
    onChange(peer, before) {
      const { node, state, narrow } = peer
      log.debug('mesh.peer', `${node} is ${state}, was ${before}`, { node, state, ...narrow })
      if (before !== 'silent' || peer.state !== 'ok') judgeIn(FAULTS_MS)
    },
    onOutcome: parts.onOutcome,
  })

  const judge = (): void => {
    const faults = meshFaults(prober.peers(), network.backend.port ?? KERNEL_VXLAN_PORT)
    for (const { event, sentence } of faults) standing.stands(event, sentence)
    const stands = new Set(faults.map(({ event }) => event))
    for (const event of Object.values(MESH_EVENTS)) if (!stands.has(event)) standing.over(event)
    const now = clock.now()
    const { sentences, next } = downPeers(prober.peers(), now)
    if (sentences.length === 0 && someDown) log.info('mesh.down', 'no peer is missed any more')
    someDown = sentences.length > 0
    downLog.report(sentences)
    if (next !== undefined) judgeIn(next - now)
  }
  const judgeIn = (ms: number): void => {
    if (stopped) return
    faultsTimer ??= clock.after(ms, () => {
      faultsTimer = undefined
      judge()
    })
  }
  const hear = (path: ProbePath, datagram: Uint8Array, from: string): void => {
    const node = nodes[path].get(from)
    const heard = node === undefined ? undefined : decodeDatagram(datagram)
    if (node === undefined || heard === undefined || heard.path !== path) return
    if (heard.kind === 'answer') {
      prober.answered(node, heard)
      return
    }
    if (path === 'overlay') prober.heard(node)
    const answer = responder.answer(node, heard)
    if (answer !== undefined) doors[path]?.socket?.send(from as Ip, config.port, answer, () => undefined)
  }
  const open = (path: ProbePath, address: Ip | undefined): string | undefined => {
    const door = doors[path]
    if (door?.address === address && door?.socket !== undefined) return undefined
    door?.socket?.close()
    doors[path] = undefined
    if (address === undefined) return undefined
    try {
      const socket = parts.open(address, config.port, (datagram, from) => hear(path, datagram, from))
      doors[path] = { address, socket }
      return undefined
    } catch (error) {
      doors[path] = { address, socket: undefined }
      return messageOf(error)
    }
  }
  const update = (): void => {
    if (stopped) return
    const { own } = overlay
    const failed = own && [open('overlay', own.device.overlay), open('underlay', own.underlay.local)]
    const why = failed?.find((one) => one !== undefined)
    if (why === undefined) standing.over('mesh.closed')
    else {
      standing.stands(
        'mesh.closed',
        `peers are not probed: ${why}; free that port, or choose another on all nodes (--mesh-port)`,
      )
      openTimer ??= clock.after(OPEN_AGAIN_MS, () => {
        openTimer = undefined
        update()
      })
    }
    prober.setSizes(own === undefined || why !== undefined ? undefined : sizesOf(network, family, own.device.mtu))
  }
  const setPeers = (): void => {
    const targets = new Map<string, MeshTarget>()
    nodes.overlay.clear()
    nodes.underlay.clear()
    for (const [node, lease] of view?.peers ?? []) {
      const claim = lease[family]
      if (claim === undefined) continue
      const target = { overlay: networkAddress(claim.subnet), underlay: claim.underlay }
      targets.set(node, target)
      nodes.overlay.set(target.overlay, node)
      nodes.underlay.set(target.underlay, node)
    }
    prober.setPeers(targets)
    responder.keep((node) => targets.has(node))
    judgeIn(FAULTS_MS)
  }

  return {
    family,
    rate: config.rate,
    update,
    setView(next) {
      const isNews = next.peers !== view?.peers
      view = next
      if (!isNews || stopped) return
      peersTimer ??= clock.after(PEERS_MS, () => {
        peersTimer = undefined
        setPeers()
      })
    },
    peers: () => prober.peers(),
    counts: prober.counts,
    stop() {
      stopped = true
      for (const timer of [peersTimer, faultsTimer, openTimer]) timer?.cancel()
      prober.stop()
      for (const door of Object.values(doors)) door?.socket?.close()
      downLog.stop()
      standing.stop()
    },
  }
}

/** With direct routing packets may go as they are, so that only what the device takes has to get through. */
function sizesOf({ backend }: VxlanNetwork, family: Family, mtu: number): Sizes {
  const headers = HEADERS[family]
  const outer = Math.min(LARGEST_PACKET, backend.directRouting ? mtu : mtu + vxlanOverhead(family))
  return { overlay: mtu - headers, underlay: outer - headers, headers }
}
