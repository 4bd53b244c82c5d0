/**
 * Bytes of a message that is being written: grows as needed, integers in host byte order unless a name says otherwise. What does
 * not fit is a RangeError and never cut: a codec of a caller's own may have let it through. Must not: know what the bytes mean.
 */
import { LITTLE_ENDIAN } from '../addon/host-order.ts'
import { wrongType, wrongValue } from '../util/wrong-input.ts'
import { asBytes, asFunction, asInteger } from './check.ts'

/** Bit 15 of an attribute's type (NLA_F_NESTED): what it holds are attributes. */
const NESTED = 0x8000
/** NLA_TYPE_MASK: NLA_F_NESTED and NLA_F_NET_BYTEORDER are no part of an attribute's number. */
export const TYPE_MASK = 0x3fff
/** struct nlattr. */
export const HEAD_BYTES = 4
const LARGEST_ATTRIBUTE = 0xffff
/** Of a message: no netlink socket sends more at once. */
const LARGEST = 1 << 24

export class ByteWriter {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  get length(): number {
    return this.#length
  }

  u8(value: number): void {
    asInteger('u8', value, 0, 0xff)
    const at = this.#reserve(1)
    this.#view.setUint8(at, value)
  }

  u16(value: number, littleEndian = LITTLE_ENDIAN): void {
    asInteger('u16', value, 0, 0xffff)
    const at = this.#reserve(2)
    this.#view.setUint16(at, value, littleEndian)
  }

  u32(value: number, littleEndian = LITTLE_ENDIAN): void {
    asInteger('u32', value, 0, 0xffffffff)
    const at = this.#reserve(4)
    this.#view.setUint32(at, value, littleEndian)
  }

  u64(value: bigint, littleEndian = LITTLE_ENDIAN): void {
    if (typeof value !== 'bigint') throw wrongType('u64', 'a bigint', value)
    if (BigInt.asUintN(64, value) !== value) throw wrongValue('u64', value, 'is no integer from 0 to 2^64-1')
    const at = this.#reserve(8)
    this.#view.setBigUint64(at, value, littleEndian)
  }

  bytes(value: Uint8Array): void {
    const given = asBytes('bytes', value)
    const at = this.#reserve(given.length)
    this.#bytes.set(given, at)
  }

  zeros(count: number): void {
    this.#reserve(asInteger('count', count, 0, LARGEST))
  }

  /** Zeros up to a multiple of four (NLMSG_ALIGN, NLA_ALIGN). */
  align(): void {
    this.#reserve(-this.#length & 3)
  }

  /** Overwrites what was written at `offset`. */
  patchU16(offset: number, value: number): void {
    asInteger('offset', offset, 0, this.#length - 2)
    asInteger('value', value, 0, 0xffff)
    this.#view.setUint16(offset, value, LITTLE_ENDIAN)
  }

  patchU32(offset: number, value: number): void {
    asInteger('offset', offset, 0, this.#length - 4)
    asInteger('value', value, 0, 0xffffffff)
    this.#view.setUint32(offset, value, LITTLE_ENDIAN)
  }

  /** One attribute (struct nlattr) with what `body` writes. Throws RangeError, naming `name`, beyond 65,535 bytes. */
  attribute(id: number, nested: boolean, name: string, body: () => void): void {
    asInteger('id', id, 0, TYPE_MASK)
    asFunction('body', body)
    this.align()
    const start = this.#length
    this.u16(0)
    this.u16(nested ? id | NESTED : id)
    body()
    const length = this.#length - start
    if (length > LARGEST_ATTRIBUTE) throw new RangeError(`${name}: ${length} bytes are more than an attribute can hold`)
    this.patchU16(start, length)
    this.align()
  }

  /** What was written: a copy. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length)
  }

  /** Before the view is asked for: it may become another one. */
  #reserve(count: number): number {
    const at = this.#length
    if (at + count > LARGEST) throw new RangeError(`a message of more than ${LARGEST} bytes`)
    if (at + count > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#bytes.length * 2, at + count))
      larger.set(this.#bytes.subarray(0, at))
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    this.#length = at + count
    return at
  }
}
