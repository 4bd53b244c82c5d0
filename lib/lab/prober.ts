/**
 * The prober: one process with a UDP socket in every probed namespace. Sender and receiver share it, so one clock times
 * both ends. Sockets stay in the namespace where they were made (kernel-facts 5): short-lived helpers make them there.
 * Must not: run inside the lab's own process, whose API server would delay the probes.
 */
import { spawn } from 'node:child_process'
import { createSocket, Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Family } from '../net/ip.ts'
import { messageOf } from '../util/message-of.ts'
import { unreachable } from '../util/unreachable.ts'
import { netnsPath } from './address-plan.ts'
import { createMeasurements } from './measurement.ts'
import { ownCommand } from './own-command.ts'
import { PROBE_PORT, type ProberMessage, type ProberRequest, type SocketMessage } from './prober-protocol.ts'

/** Helpers that open sockets at the same time. */
const OPENERS = 4

/** Serves ProberRequests over Node's IPC channel; resolves with exit status 0 when that closes. */
export async function runProber(): Promise<number> {
  const sockets = new Map<string, Socket>()
  const measurements = createMeasurements((netns, family) => sockets.get(socketKey(netns, family)))
  const answer = async (request: ProberRequest): Promise<unknown> => {
    switch (request.op) {
      case 'open':
        return openSockets(request.netns, request.families, sockets, measurements.received)
      case 'start':
        return measurements.start(request.pairs)
      case 'inARow':
        return measurements.leastInARow(request.sinceMs)
      case 'arrivals':
        return measurements.arrivals(request.sinceMs)
      case 'stop':
        return measurements.stop()
      case 'matrix':
        return measurements.matrix(request.pairs, request.each, request.timeoutMs)
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
      (error: unknown) => reply({ id, ok: false, error: messageOf(error) }),
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
