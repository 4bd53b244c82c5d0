/**
 * A TCP proxy that breaks on demand: what stands between an agent and its API server on its worst days. Knows bytes only,
 * so it works before plain HTTP and before TLS. Must not: be polite.
 */
import { createServer, type Server, Socket } from 'node:net'
import type { Scope } from './netns.ts'

export type Fault =
  /** Bytes pass. */
  | { readonly kind: 'none' }
  /** Connections are accepted and kept, nothing passes any more, in either direction. */
  | { readonly kind: 'stall' }
  /** The connections of now go dead without a word; new ones work. */
  | { readonly kind: 'half-open' }
  /** The connections of now and new ones are reset (RST). */
  | { readonly kind: 'reset' }
  /** These bytes come into the middle of what the server says on the connections of now. */
  | { readonly kind: 'garbage'; readonly bytes: Uint8Array }
  /** Of what the server says next so many bytes pass, then the connection is closed in good order; new ones work. */
  | { readonly kind: 'truncate'; readonly after: number }
  /** What the server says comes byte by byte. */
  | { readonly kind: 'slow' }
  /** Every new request gets this answer, connections of now are reset. */
  | { readonly kind: 'answer'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Nobody listens; connections of now are reset. */
  | { readonly kind: 'refuse' }

export interface FaultProxy {
  readonly port: number
  /** Connections that were ever accepted. */
  readonly accepted: number
  /** Bytes that went either way, and connections: unchanged means that nothing moves. */
  readonly activity: number
  set(fault: Fault): Promise<void>
}

interface Pair {
  readonly client: Socket
  readonly server: Socket
  /** Passes no more bytes, and no end either. */
  dead: boolean
  /** How many bytes the server may still say. */
  left: number
  slow: boolean
}

/** Listens until the test ends, on the address where the other side is: loopback by default. */
export async function startFaultProxy(
  t: Scope,
  upstream: { readonly port: number; readonly host?: string },
): Promise<FaultProxy> {
  const { host = '127.0.0.1' } = upstream
  const pairs = new Set<Pair>()
  let fault: Fault = { kind: 'none' }
  let accepted = 0
  let activity = 0
  let port = 0

  const onClient = (client: Socket): void => {
    accepted += 1
    activity += 1
    client.on('error', () => undefined)
    client.setNoDelay(true)
    if (fault.kind === 'reset' || fault.kind === 'refuse') {
      client.resetAndDestroy()
      return
    }
    if (fault.kind === 'answer') {
      answer(client, fault)
      return
    }
    const server = new Socket()
    const pair: Pair = { client, server, dead: fault.kind === 'stall', left: Infinity, slow: fault.kind === 'slow' }
    pairs.add(pair)
    server.on('error', () => undefined)
    server.setNoDelay(true)
    server.connect(upstream.port, host)
    client.on('data', (bytes) => {
      activity += bytes.length
      if (!pair.dead) server.write(bytes)
    })
    server.on('data', (bytes) => {
      activity += bytes.length
      if (!pair.dead) say(pair, bytes)
    })
    client.on('close', () => {
      pairs.delete(pair)
      server.destroy()
    })
    server.on('close', () => {
      if (!pair.dead) client.end()
    })
  }
  let listener: Server | undefined
  const listen = async (): Promise<void> => {
    const next = createServer(onClient)
    listener = next
    await new Promise<void>((resolve) => next.listen(port, host, resolve))
    const address = next.address()
    if (typeof address === 'object' && address !== null) port = address.port
  }
  const resetAll = (): void => {
    for (const { client } of pairs) client.resetAndDestroy()
  }
  await listen()
  t.after(() => {
    resetAll()
    listener?.close()
  })

  return {
    get port() {
      return port
    },
    get accepted() {
      return accepted
    },
    get activity() {
      return activity
    },
    async set(next) {
      if (fault.kind === 'refuse' && next.kind !== 'refuse') await listen()
      fault = next
      if (fault.kind === 'reset' || fault.kind === 'answer' || fault.kind === 'refuse') resetAll()
      for (const pair of pairs) {
        if (fault.kind === 'stall' || fault.kind === 'half-open') pair.dead = true
        if (fault.kind === 'garbage') pair.client.write(fault.bytes)
        if (fault.kind === 'truncate') pair.left = fault.after
        pair.slow = fault.kind === 'slow'
      }
      if (fault.kind !== 'refuse') return
      listener?.close()
      listener = undefined
    },
  }
}

function say(pair: Pair, bytes: Buffer): void {
  const passed = bytes.subarray(0, pair.left)
  pair.left -= passed.length
  if (pair.slow) for (const byte of passed) pair.client.write(Uint8Array.of(byte))
  else pair.client.write(passed)
  if (pair.left > 0) return
  pair.dead = true
  pair.client.end()
}

function answer(client: Socket, fault: Extract<Fault, { kind: 'answer' }>): void {
  client.once('data', () => {
    const headers = Object.entries({ ...fault.headers, 'content-length': '0', connection: 'close' })
    const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    client.end(`HTTP/1.1 ${fault.status} As told\r\n${head}\r\n`)
  })
}
