/**
 * Probes the peers of one family, one question at a time at a fixed rate, whatever their number, and knows of each what its answers
 * say. Owns what is under way and what was found. Must not: open sockets (it is given `send`), or say what a fault is (faults.ts).
 *
 * A visit is one question as large as the overlay takes; only what is not answered is looked into (examination.ts).
 */
import type { Ip } from '../net/ip.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { type Answer, encodeQuestion, LEAST_SIZE, type ProbePath } from './datagram.ts'
import { type Ask, type Examination, examine, greet, type Sizes } from './examination.ts'
import { createOrder } from './order.ts'
import { type MeshPeer, type MeshTarget, Peer } from './peer.ts'
import { MESH_STATES, type MeshState, type NarrowPath } from './verdict.ts'

export interface ProberParts {
  readonly clock: Clock
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** 16 hexadecimal digits that nobody guesses. */
  readonly token: () => string
  /** Questions a second. */
  readonly rate: number
  /** `refused` may be called once, also at once: an errno's name. */
  readonly send: (path: ProbePath, to: Ip, datagram: Uint8Array, refused: (errno: string) => void) => void
  readonly onChange: (peer: MeshPeer, before: MeshState) => void
  /** Of each question; `rtt` undefined: it was not answered. */
  readonly onOutcome: (path: ProbePath, rtt: number | undefined) => void
}

export interface Prober {
  /** Who is there from now on; what is known of those who stay the same is kept. */
  setPeers(peers: ReadonlyMap<string, MeshTarget>): void
  /** undefined: nothing is asked until there are some. */
  setSizes(sizes: Sizes | undefined): void
  /** An answer from the address of `node`. */
  answered(node: string, answer: Answer): void
  /** A question of `node` came over the overlay. */
  heard(node: string): void
  peers(): Iterable<MeshPeer>
  /** Peers by state. */
  readonly counts: Readonly<Record<MeshState, number>>
  stop(): void
}

/** Questions that are asked at one time: waking up costs more than asking. */
const AT_ONCE = 5
const LONGEST_TICK_MS = 1000
/** What is not answered by then is lost; a satellite's way is 0.7 s. */
const PATIENCE_MS = 1000
/** Of eight visits one asks the underlay. */
const UNDERLAY_EVERY = 8
/** A peer that is not as it should be is asked this often at most, whatever the number of peers. */
const AGAIN_MS = 5000
const EXAMINED_AGAIN_MS = 30_000
/** Parts of 1: more is a fault, less its end. */
const MUCH_LOSS = 0.2
const LITTLE_LOSS = 0.1

interface Pending extends Ask {
  readonly peer: Peer
  /** Of its session. */
  readonly number: number
  readonly sentAt: number
  readonly examination: Examination | undefined
}

export function createProber(parts: ProberParts): Prober {
  const { clock } = parts
  const peers = new Map<string, Peer>()
  const order = createOrder<Peer>(parts.random)
  /** Those who are not as they should be, in the order in which they are asked again. */
  const bad = new Set<Peer>()
  const urgent: { readonly peer: Peer; readonly ask: Ask; readonly examination: Examination }[] = []
  const counts = Object.fromEntries(MESH_STATES.map((state) => [state, 0])) as Record<MeshState, number>
  /** By token, the oldest first. */
  const pending = new Map<string, Pending>()
  let sizes: Sizes | undefined
  let timer: Timer | undefined
  /** Questions that may be asked, and how many were. */
  let budget = 0
  let asked = 0
  let stopped = false

  const tickMs = Math.min(LONGEST_TICK_MS, (AT_ONCE / parts.rate) * 1000)

  const session = (): number => Math.floor(parts.random() * 0x1_0000_0000)
  /** What was under way does not count. */
  const startAnew = (peer: Peer): void => {
    peer.examination = undefined
    peer.counts.restart(session())
  }
  const isThere = (peer: Peer): boolean => peers.get(peer.node) === peer

  const set = (peer: Peer, state: MeshState, narrow?: NarrowPath): void => {
    const before = peer.state
    const isNarrower = peer.narrow?.mtu !== narrow?.mtu
    peer.narrow = narrow
    if (state === 'ok' || state === 'silent') bad.delete(peer)
    else bad.add(peer)
    if (state === before && !isNarrower) return
    if (state !== before) peer.since = clock.now()
    counts[before] -= 1
    counts[state] += 1
    peer.state = state
    parts.onChange(peer, before)
  }
  const advance = (peer: Peer, examination: Examination, answered: boolean | undefined): void => {
    const step = answered === undefined ? examination.next() : examination.next(answered)
    if (!step.done) {
      urgent.push({ peer, ask: step.value, examination })
      return
    }
    peer.examination = undefined
    const { state, underlay, narrow } = step.value
    peer.underlayAnswers = underlay ?? peer.underlayAnswers
    // What was lost before is over.
    if (state === 'ok' && bad.has(peer) && peer.state !== 'loss') peer.counts.restart(session())
    set(peer, state === 'ok' && isLossy(peer) ? 'loss' : state, narrow)
  }
  const suspect = (peer: Peer, how: typeof examine | typeof greet = examine): void => {
    if (peer.examination !== undefined || sizes === undefined) return
    peer.examinedAt = clock.now()
    peer.examination = how(sizes, {
      answeredEver: () => peer.answeredEver,
      heard: () => peer.heardAt > peer.missedAt,
      visits: peer.visits,
    })
    advance(peer, peer.examination, undefined)
  }
  const ended = (one: Pending, rtt: number | undefined): void => {
    const { peer, path, examination } = one
    if (!isThere(peer)) return
    parts.onOutcome(path, rtt)
    if (path === 'overlay')
      peer.missedAt = rtt === undefined ? Math.min(peer.missedAt, clock.now()) : Number.POSITIVE_INFINITY
    if (examination !== undefined) {
      if (examination === peer.examination) advance(peer, examination, rtt !== undefined)
      return
    }
    const well = peer.state === 'ok' || peer.state === 'loss'
    // Of a bad one an answer is news, of a good one that there is none; who was never heard is expected to be silent.
    const isNews = well
      ? rtt === undefined && !(path === 'underlay' && peer.underlayAnswers !== true)
      : rtt !== undefined
    if (isNews) suspect(peer)
    else if (well) set(peer, isLossy(peer) ? 'loss' : 'ok')
  }
  const ask = (peer: Peer, { path, size }: Ask, examination: Examination | undefined): void => {
    const token = parts.token()
    const number = path === 'overlay' ? peer.counts.sent(session) : 0
    const one: Pending = { peer, path, size, number, sentAt: clock.now(), examination }
    pending.set(token, one)
    const datagram = encodeQuestion({ kind: 'question', path, token, session: peer.counts.session, size })
    parts.send(path, path === 'overlay' ? peer.overlay : peer.underlay, datagram, (errno) => {
      peer.refused = errno
      if (pending.delete(token)) ended(one, undefined)
    })
  }
  const expire = (now: number): void => {
    for (const [token, one] of pending) {
      if (now - one.sentAt < PATIENCE_MS) break
      pending.delete(token)
      ended(one, undefined)
    }
  }
  /** The bad one that waits longest, if it may be asked again. */
  const dueBad = (now: number): Peer | undefined => {
    for (const peer of bad) {
      if (peer.lookAt > now) return undefined
      if (peer.examination !== undefined) continue
      bad.delete(peer)
      bad.add(peer)
      return peer
    }
    return undefined
  }
  const visit = (peer: Peer, full: Sizes, now: number): void => {
    peer.visits += 1
    peer.lookAt = now + AGAIN_MS
    const { state, visits } = peer
    if (state === 'ok' || state === 'loss') {
      const isOuter = visits % UNDERLAY_EVERY === 0
      const outer = peer.underlayAnswers === true ? full.underlay : LEAST_SIZE
      ask(peer, isOuter ? { path: 'underlay', size: outer } : { path: 'overlay', size: full.overlay }, undefined)
      return
    }
    if (state === 'silent') suspect(peer, greet)
    else if (now - peer.examinedAt >= EXAMINED_AGAIN_MS || peer.heardAt > peer.examinedAt) suspect(peer)
    else if (state === 'path-mtu')
      ask(peer, { path: peer.narrow?.path ?? 'overlay', size: wantedSize(peer, full) }, undefined)
    else ask(peer, { path: visits % 2 === 0 ? 'underlay' : 'overlay', size: LEAST_SIZE }, undefined)
  }
  const tick = (): void => {
    const now = clock.now()
    expire(now)
    timer = undefined
    for (budget += parts.rate * (tickMs / 1000); budget >= 1 && sizes !== undefined; budget -= 1) one(sizes, now)
    arm()
  }
  const one = (full: Sizes, now: number): void => {
    asked += 1
    let next = urgent.shift()
    while (next !== undefined && (!isThere(next.peer) || next.peer.examination !== next.examination))
      next = urgent.shift()
    if (next !== undefined) {
      ask(next.peer, next.ask, next.examination)
      return
    }
    const peer = (asked % 2 === 0 ? dueBad(now) : undefined) ?? order.next()
    if (peer !== undefined && peer.examination === undefined) visit(peer, full, now)
  }
  const arm = (): void => {
    if (stopped || sizes === undefined || peers.size === 0 || timer !== undefined) return
    timer = clock.after(tickMs, tick)
  }

  return {
    setPeers(next) {
      const forget = (peer: Peer): void => {
        peers.delete(peer.node)
        bad.delete(peer)
        order.remove(peer)
        counts[peer.state] -= 1
      }
      for (const peer of peers.values()) if (!next.has(peer.node)) forget(peer)
      for (const [node, { overlay, underlay }] of next) {
        const known = peers.get(node)
        if (known?.overlay === overlay && known.underlay === underlay) continue
        if (known !== undefined) forget(known)
        const peer = new Peer(node, { overlay, underlay }, session(), clock.now())
        peers.set(node, peer)
        order.add(peer)
        counts[peer.state] += 1
      }
      arm()
    },
    setSizes(next) {
      const same = sizes?.overlay === next?.overlay && sizes?.underlay === next?.underlay
      sizes = next
      if (!same) for (const peer of peers.values()) startAnew(peer)
      if (next === undefined) {
        timer?.cancel()
        timer = undefined
        pending.clear()
        urgent.length = 0
      }
      arm()
    },
    answered(node, { token, path, session: of, received }) {
      const found = pending.get(token)
      if (found === undefined || found.peer.node !== node || found.path !== path) return
      pending.delete(token)
      const { peer } = found
      const rtt = clock.now() - found.sentAt
      peer.answeredEver = true
      if (path === 'overlay') {
        peer.refused = undefined
        peer.rtt = rtt
        peer.counts.answered(of, found.number, received)
      } else peer.underlayAnswers = true
      ended(found, rtt)
    },
    heard(node) {
      const peer = peers.get(node)
      if (peer === undefined) return
      peer.heardAt = clock.now()
      // It lives: whether it also hears us is worth a question before its turn.
      const isNews = peer.state === 'down' || peer.state === 'silent' || peer.state === 'unreachable'
      const now = clock.now()
      if (isNews && sizes !== undefined && now - peer.examinedAt >= AGAIN_MS) visit(peer, sizes, now)
    },
    peers: () => peers.values(),
    counts,
    stop() {
      stopped = true
      timer?.cancel()
      pending.clear()
    },
  }
}

function isLossy({ state, loss: { there = 0, back = 0 } }: Peer): boolean {
  return Math.max(there, back) >= (state === 'loss' ? LITTLE_LOSS : MUCH_LOSS)
}

function wantedSize({ narrow }: Peer, full: Sizes): number {
  return narrow?.path === 'underlay' ? full.underlay : full.overlay
}
