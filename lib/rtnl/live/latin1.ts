/** Bytes as a string of one byte a character: a key of a Map, and the most compact form in which JavaScript keeps many. */

/** A copy. */
export function toLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** Writes `text` into `into`, and returns a view of what was written. */
export function fromLatin1(text: string, into: Buffer): Buffer {
  return into.subarray(0, into.write(text, 'latin1'))
}
