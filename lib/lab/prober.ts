/**
 * The prober: one process with a UDP socket in every probed namespace. Sender and receiver share it, so one clock times
 * both ends. Sockets stay in the namespace where they were made (kernel-facts 5): short-lived helpers make them there.
 * Must not: run inside the lab's own process, whose API server would delay the probes.
 */
import { spawn } from 'node:child_process'
import { createSocket, Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from '../host/clock.ts'
import type { Family } from '../net/ip.ts'
import { unreachable } from '../util/unreachable.ts'
import { netnsPath } from './address-plan.ts'
import { ownCommand } from './own-command.ts'
import type { ProbePair } from './probe-pairs.ts'
import { createProbeRound, type ProbeRound } from './probe-round.ts'
import {
  decodeProbe,
  encodeProbe,
  type PairResult,
  PROBE_INTERVAL_MS,
  PROBE_PORT,
  type ProberMessage,
  type ProberRequest,
  type SocketMessage,
} from './prober-protocol.ts'

/** A probe that has not arrived after so long is lost; one machine delivers in well under a millisecond. */
const SETTLE_MS = 30
/** A matrix is spread over about so many intervals, so that probes do not queue behind each other … */
const MATRIX_INTERVALS = 250
/** … but no slower for it: more than this at once would overflow the sockets' receive buffers. */
const LARGEST_BURST = 40
/** Helpers that open sockets at the same time. */
const OPENERS = 4

/** Serves ProberRequests over Node's IPC channel; resolves with exit status 0 when that closes. */
export async function runProber(): Promise<number> {
  const sockets = new Map<string, Socket>()
  let round = 0
  let current: { number: number; records: ProbeRound; stop: () => void } | undefined

  const onProbe = (bytes: Buffer): void => {
    const probe = decodeProbe(bytes)
    if (probe === undefined || probe.round !== current?.number) return
    current.records.arrived(probe.pair, probe.sequence, monotonicMs())
  }
  const send = (number: number, records: ProbeRound, pairs: readonly ProbePair[], pair: number): void => {
    const { from, to, family } = pairs[pair] ?? unknownPair(pair)
    const bytes = encodeProbe(number, pair, records.sent(pair, monotonicMs()))
    // An error (no route while a link is away) is a lost probe like any other.
    sockets.get(socketKey(from.netns, family))?.send(bytes, PROBE_PORT, to.ip, () => {})
  }
  const begin = (pairs: readonly ProbePair[], tick: (send: (pair: number) => void) => void): ProbeRound => {
    current?.stop()
    round += 1
    const number = round
    const records = createProbeRound(pairs.length)
    const timer = setInterval(() => tick((pair) => send(number, records, pairs, pair)), PROBE_INTERVAL_MS)
    current = { number, records, stop: () => clearInterval(timer) }
    return records
  }
  const start = (pairs: readonly ProbePair[]): void => {
    begin(pairs, (sendTo) => {
      for (let pair = 0; pair < pairs.length; pair += 1) sendTo(pair)
    })
  }
  const stop = async (): Promise<PairResult[]> => {
    current?.stop()
    await delay(SETTLE_MS)
    return current?.records.results() ?? []
  }
  const matrix = async (pairs: readonly ProbePair[], each: number, timeoutMs: number): Promise<PairResult[]> => {
    const deadline = monotonicMs() + timeoutMs
    let queue = Array.from({ length: each }, () => pairs.map((_, pair) => pair)).flat()
    const burst = Math.min(LARGEST_BURST, Math.ceil(queue.length / MATRIX_INTERVALS))
    const records = begin(pairs, (sendTo) => {
      for (const pair of queue.splice(0, burst)) sendTo(pair)
    })
    for (;;) {
      while (queue.length > 0 && monotonicMs() < deadline) await delay(PROBE_INTERVAL_MS)
      await delay(SETTLE_MS)
      const missing = pairs.flatMap((_, pair) => (records.hasArrived(pair) ? [] : [pair]))
      if (missing.length === 0 || monotonicMs() >= deadline) return stop()
      queue = missing
    }
  }
  const answer = async (request: ProberRequest): Promise<unknown> => {
    switch (request.op) {
      case 'open':
        return openSockets(request.netns, request.families, sockets, onProbe)
      case 'start':
        return start(request.pairs)
      case 'inARow':
        return current?.records.leastInARow({ sinceMs: request.sinceMs, settledMs: monotonicMs() - SETTLE_MS }) ?? 0
      case 'stop':
        return stop()
      case 'matrix':
        return matrix(request.pairs, request.each, request.timeoutMs)
      default:
        return unreachable(request)
    }
  }
  serve(answer)
  await once(process, 'disconnect')
  return 0
}

/** Opens one socket a family in the namespace of this process, hands them to the prober and ends. */
export async function runSocketOpener(families: readonly string[]): Promise<void> {
  for (const family of families) {
    const ipv6 = family === 'ipv6'
    const socket = ipv6 ? createSocket({ type: 'udp6', ipv6Only: true }) : createSocket('udp4')
    socket.bind(PROBE_PORT, ipv6 ? '::' : '0.0.0.0')
    await once(socket, 'listening')
    const message: SocketMessage = { family: ipv6 ? 'ipv6' : 'ipv4' }
    await new Promise<void>((resolve, reject) => {
      process.send?.(message, socket, {}, (error) => (error === null ? resolve() : reject(error)))
    })
    socket.close()
  }
  process.disconnect?.()
}

function serve(answer: (request: ProberRequest) => Promise<unknown>): void {
  const reply = (message: ProberMessage): void => {
    process.send?.(message)
  }
  process.on('message', (message) => {
    const { id, request } = message as { id: number; request: ProberRequest }
    answer(request).then(
      (value) => reply({ id, ok: true, value: value ?? null }),
      (error: unknown) => reply({ id, ok: false, error: error instanceof Error ? error.message : String(error) }),
    )
  })
}

async function openSockets(
  netns: readonly string[],
  families: readonly Family[],
  sockets: Map<string, Socket>,
  onProbe: (bytes: Buffer) => void,
): Promise<void> {
  const waiting = netns.filter((name) => families.some((family) => !sockets.has(socketKey(name, family))))
  const opener = async (): Promise<void> => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      for (const [family, socket] of await openIn(name, families)) {
        socket.on('message', onProbe)
        sockets.set(socketKey(name, family), socket)
      }
    }
  }
  await Promise.all(Array.from({ length: OPENERS }, opener))
}

async function openIn(netns: string, families: readonly Family[]): Promise<Map<Family, Socket>> {
  const opened = new Map<Family, Socket>()
  const [program, ...args] = ownCommand(['lab', 'open-sockets', ...families])
  const child = spawn('nsenter', [`--net=${netnsPath(netns)}`, '--', program, ...args], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  child.on('message', (message, handle) => {
    if (handle instanceof Socket) opened.set((message as SocketMessage).family, handle)
  })
  const [status] = await once(child, 'close')
  if (status !== 0 || opened.size !== families.length) {
    throw new Error(`no UDP socket could be opened in the namespace ${netns} (nsenter ended with status ${status})`)
  }
  return opened
}

function socketKey(netns: string, family: Family): string {
  return `${netns} ${family}`
}

function unknownPair(pair: number): never {
  throw new RangeError(`there is no pair ${pair}`)
}
