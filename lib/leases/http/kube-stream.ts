/**
 * The body of an answer that goes on for minutes, read piece by piece. Where the connection is our own, node:http reads the
 * head and nothing more: the body is taken from the socket itself, in one buffer for all of it, and reads that follow each
 * other closely are made together. That halves what an event costs (docs/scale.md). Behind a proxy the connection belongs
 * to its agent, and the body is an ordinary stream. Must not: know what the bytes mean, or keep them.
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { OnReadOpts, Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { createUnchunker } from './chunked-body.ts'
import { eachChunk } from './kube-body.ts'
import { createReadPace, type PaceTime } from './read-pace.ts'

export interface KubeStream {
  readonly contentType: string | undefined
  /**
   * Once: hands over each piece as it comes, of any length. The bytes are valid during the call only. Resolves at the end;
   * rejects with what `onPiece` throws, or when the body is cut off.
   */
  read(onPiece: (bytes: Buffer) => void): Promise<void>
  /**
   * From now on pieces that follow each other closely are read together (read-pace.ts): for a stream that is at the present.
   */
  gather(): void
}

/** How a request gets a connection whose bytes come to us; `onread` is an option of the connection. */
export interface SocketTap {
  readonly onread: OnReadOpts
  /** Before anything is sent. */
  watch(request: ClientRequest): void
  /** After the request's `response`, and nobody else reads it then. */
  streamOf(response: IncomingMessage): KubeStream
}

/** What the kernel hands over at once. TLS gives records of at most 16 KiB. */
const BUFFER_BYTES = 64 << 10
/**
 * What a socket does has no other time, in tests neither. An interval, as making a timer for each rest would cost more than
 * the rest saves; it ends when nothing comes.
 */
const REAL_TIME: PaceTime = {
  now: () => performance.now(),
  every(ms, tick) {
    const timer = setInterval(tick, ms)
    return () => clearInterval(timer)
  },
}
/** The end of a head: \r\n\r\n. */
const HEAD_END = [0x0d, 0x0a, 0x0d, 0x0a] as const

/** One for each request. */
export function createSocketTap(): SocketTap {
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  let socket: Socket | undefined
  let response: IncomingMessage | undefined
  /** Who gets the bytes: node:http until a head is over whose body is ours. */
  let reader: BodyReader | undefined
  let inHead = true
  let matched = 0

  /** Behind the end of a head; `count` when it does not end here. */
  const behindHead = (from: number, count: number): number => {
    for (let at = from; at < count; at += 1) {
      const byte = buffer[at]
      matched = byte === HEAD_END[matched] ? matched + 1 : Number(byte === HEAD_END[0])
      if (matched < HEAD_END.length) continue
      matched = 0
      return at + 1
    }
    return count
  }
  /** node:http keeps what it is given. */
  const toNode = (from: number, to: number): void => {
    if (to > from) socket?.emit('data', Buffer.from(buffer.subarray(from, to)))
  }
  const onBytes = (count: number): boolean => {
    if (reader !== undefined) return reader.take(buffer.subarray(0, count))
    let at = 0
    // An answer like 100 has a head of its own, before the one that counts.
    while (inHead && at < count) {
      const end = behindHead(at, count)
      toNode(at, end)
      at = end
      if (response === undefined) continue
      inHead = false
      if (socket !== undefined && isChunked(response)) reader = createBodyReader(response, socket)
    }
    if (reader === undefined) toNode(at, count)
    else if (at < count) return reader.take(buffer.subarray(at, count))
    return true
  }

  return {
    onread: { buffer, callback: onBytes },
    watch(request) {
      request.on('socket', (given) => {
        socket = given
      })
      request.on('response', (given) => {
        response = given
      })
    },
    streamOf: (given) => reader ?? createPlainStream(given),
  }
}

/** Only that is ours to read; anything else is rare, and node:http's. */
function isChunked({ statusCode, headers }: IncomingMessage): boolean {
  return statusCode === 200 && headers['transfer-encoding']?.toLowerCase() === 'chunked'
}

/** For a connection that is not ours. */
export function createPlainStream(response: IncomingMessage): KubeStream {
  return {
    contentType: response.headers['content-type'],
    read: (onPiece) => eachChunk(response, onPiece),
    gather: () => undefined,
  }
}

interface BodyReader extends KubeStream {
  /** False: read no more for now. */
  take(bytes: Buffer): boolean
}

function createBodyReader(response: IncomingMessage, socket: Socket): BodyReader {
  /** What came before read() was called. */
  let early: Buffer[] | undefined = []
  let consume: (bytes: Buffer) => void = (bytes) => early?.push(Buffer.from(bytes))
  const pace = createReadPace(() => socket.resume(), REAL_TIME)
  return {
    contentType: response.headers['content-type'],
    take(bytes) {
      consume(bytes)
      return early === undefined && pace.mayGoOn(bytes.length)
    },
    read(onPiece) {
      return new Promise((resolve, reject) => {
        const over = (act: () => void): void => {
          consume = () => undefined
          pace.stop()
          act()
        }
        const fail = (error: unknown): void => {
          over(() => reject(error))
          response.destroy()
        }
        const body = createUnchunker()
        consume = (bytes) => {
          try {
            const length = body.strip(bytes)
            if (length > 0) onPiece(bytes.subarray(0, length))
            if (body.ended) over(resolve)
          } catch (error) {
            fail(error)
          }
        }
        response.on('error', fail)
        response.on('close', () => fail(new Error('the connection was closed')))
        if (response.destroyed) fail(response.errored ?? new Error('the connection was closed'))
        for (const bytes of early ?? []) consume(bytes)
        early = undefined
        socket.resume()
      })
    },
    gather: pace.slow,
  }
}
