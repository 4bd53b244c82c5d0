/**
 * The transfer coding `chunked` (RFC 9112, 7.1): bytes of a connection → data of the body, in place. Pure.
 * Must not: read heads; node:http does.
 */

import { hexDigit } from '../../util/hex-digit.ts'

/** The bytes are not chunked as announced. Stays inside lib/leases: the reader of the body makes a KubeError of it. */
export class ChunkFault extends Error {}

export interface Unchunker {
  /**
   * Any cut of the bytes: moves what is data to their beginning, one piece behind the other, and says how many bytes that
   * is. Throws ChunkFault.
   */
  strip(bytes: Buffer): number
  /** The last chunk and what follows it have come; anything behind is not of this body. */
  readonly ended: boolean
}

/** Of a size with its extensions, and of all trailers together; nobody sends more than a few. Bytes. */
const MOST_LINE = 4096
/** Twelve hexadecimal digits are more than any body has. */
const MOST_DIGITS = 12
const CR = 0x0d
const LF = 0x0a
const SEMICOLON = 0x3b
const SPACE = 0x20
const TAB = 0x09

type Place = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailer' | 'trailer-lf' | 'end'

export function createUnchunker(): Unchunker {
  let place: Place = 'size'
  /** Of the chunk's data, or of the number so far. */
  let left = 0
  let digits = 0
  /** Of extensions and trailers. */
  let passed = 0
  let lineIsEmpty = true

  const expect = (byte: number, wanted: number, next: Place): void => {
    if (byte !== wanted) throw new ChunkFault(`byte ${byte} where ${wanted} ends a chunk's line`)
    place = next
  }
  const size = (byte: number): void => {
    const digit = hexDigit(byte)
    if (digit >= 0) {
      digits += 1
      if (digits > MOST_DIGITS) throw new ChunkFault(`a chunk size of more than ${MOST_DIGITS} digits`)
      left = left * 16 + digit
    } else if (digits === 0) throw new ChunkFault(`byte ${byte} where a chunk size begins`)
    else if (byte === CR) place = 'size-lf'
    else if (byte === SEMICOLON || byte === SPACE || byte === TAB) place = 'extension'
    else throw new ChunkFault(`byte ${byte} in a chunk size`)
  }
  const pass = (): void => {
    passed += 1
    if (passed > MOST_LINE) throw new ChunkFault(`extensions or trailers of more than ${MOST_LINE} bytes`)
  }
  const steps: Readonly<Record<Exclude<Place, 'data' | 'end'>, (byte: number) => void>> = {
    size,
    extension(byte) {
      pass()
      if (byte === CR) place = 'size-lf'
    },
    'size-lf'(byte) {
      digits = 0
      passed = 0
      expect(byte, LF, left === 0 ? 'trailer' : 'data')
    },
    'data-cr': (byte) => expect(byte, CR, 'data-lf'),
    'data-lf': (byte) => expect(byte, LF, 'size'),
    trailer(byte) {
      pass()
      if (byte === CR) place = 'trailer-lf'
      else lineIsEmpty = false
    },
    'trailer-lf'(byte) {
      expect(byte, LF, lineIsEmpty ? 'end' : 'trailer')
      lineIsEmpty = true
    },
  }

  return {
    strip(bytes) {
      let length = 0
      for (let at = 0; at < bytes.length && place !== 'end'; ) {
        if (place !== 'data') {
          steps[place](bytes[at] ?? 0)
          at += 1
          continue
        }
        const taken = Math.min(bytes.length - at, left)
        if (length < at) bytes.copyWithin(length, at, at + taken)
        length += taken
        at += taken
        left -= taken
        if (left === 0) place = 'data-cr'
      }
      return length
    },
    get ended() {
      return place === 'end'
    },
  }
}
