/**
 * What a codec is: a value of one kind to bytes and back. Scalars, structs, attributes and whole messages are all of this type,
 * so that each can stand inside another. Must not: talk to the kernel.
 */
import type { ByteWriter } from './byte-writer.ts'

export interface Codec<T> {
  /** Bytes that a value always has; undefined: it depends on the value. */
  readonly size?: number
  /** The payload is a list of attributes: NLA_F_NESTED is set on the attribute that holds it. */
  readonly nested?: boolean
  /** The attribute is there or not, and holds nothing (NLA_FLAG): `false` is not written. */
  readonly flag?: boolean
  /**
   * `name`: where the value stands (`linkinfo.vxlan.id`), with which every error begins. Throws TypeError for what is of another
   * type, RangeError for a value that the bytes cannot say.
   */
  write(out: ByteWriter, value: T, name: string): void
  /**
   * From `start` up to `end`, which lie inside of `view`. undefined: the bytes are no such value. Never throws. `faults` gets the
   * names of parts that could not be read and were left out.
   */
  read(view: DataView, start: number, end: number, name: string, faults: string[]): T | undefined
  /** Which part of a written value has its head at `offset`, by name; undefined: none. For what the kernel says of a request. */
  locate?(view: DataView, start: number, end: number, offset: number): string | undefined
}

/** The value that a codec reads and writes. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never
