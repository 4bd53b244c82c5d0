/**
 * The datagrams that agents send each other: a question, which may be padded to any size, and its answer. Pure: bytes in, bytes out.
 * Must not: be extended within a version; an agent answers what it reads, and passes over the rest.
 *
 * Big-endian, 32 bytes: `VTPM`, version, kind, path, 0, token (8), session (4), received (4), size of the question (2), 0 (6).
 */

/** Over the overlay as packets of pods go, or between underlay addresses as the outer packets go. */
export type ProbePath = 'overlay' | 'underlay'

export interface Question {
  readonly kind: 'question'
  readonly path: ProbePath
  /** 16 hexadecimal digits, by chance: only who heard the question knows it. */
  readonly token: string
  /** Of the counting of questions by this sender to this receiver: 32 bits. */
  readonly session: number
  /** Bytes of UDP payload. */
  readonly size: number
}

export interface Answer {
  readonly kind: 'answer'
  readonly path: ProbePath
  readonly token: string
  readonly session: number
  /** Questions of that session and path that have arrived, this one included. */
  readonly received: number
}

export const LEAST_SIZE = 32

const MAGIC = 0x5654504d
const VERSION = 1
const KINDS = ['question', 'answer'] as const
const PATHS: readonly ProbePath[] = ['overlay', 'underlay']
const AT = { version: 4, kind: 5, path: 6, token: 8, session: 16, received: 20, size: 24 } as const

/** Throws RangeError below LEAST_SIZE. */
export function encodeQuestion({ path, token, session, size }: Question): Uint8Array {
  const bytes = header('question', path, token, session, size)
  bytes.writeUInt16BE(size, AT.size)
  return bytes
}

export function encodeAnswer({ path, token, session, received }: Answer): Uint8Array {
  const bytes = header('answer', path, token, session, LEAST_SIZE)
  bytes.writeUInt32BE(received, AT.received)
  return bytes
}

/** undefined: of no agent, of another version, or cut. */
export function decodeDatagram(datagram: Uint8Array): Question | Answer | undefined {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength)
  if (bytes.length < LEAST_SIZE || bytes.readUInt32BE(0) !== MAGIC || bytes[AT.version] !== VERSION) return undefined
  const kind = KINDS[bytes[AT.kind] ?? KINDS.length]
  const path = PATHS[bytes[AT.path] ?? PATHS.length]
  if (kind === undefined || path === undefined) return undefined
  const token = bytes.toString('hex', AT.token, AT.session)
  const session = bytes.readUInt32BE(AT.session)
  if (kind === 'answer') return { kind, path, token, session, received: bytes.readUInt32BE(AT.received) }
  const size = bytes.readUInt16BE(AT.size)
  return size === bytes.length ? { kind, path, token, session, size } : undefined
}

function header(kind: (typeof KINDS)[number], path: ProbePath, token: string, session: number, size: number): Buffer {
  if (size < LEAST_SIZE || size > 0xffff) throw new RangeError(`a probe cannot have ${size} bytes`)
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32BE(MAGIC, 0)
  bytes[AT.version] = VERSION
  bytes[AT.kind] = KINDS.indexOf(kind)
  bytes[AT.path] = PATHS.indexOf(path)
  bytes.write(token, AT.token, 8, 'hex')
  bytes.writeUInt32BE(session, AT.session)
  return bytes
}
