/** Integers of records, which are in host byte order: they never leave the machine. */

/** Whether this machine has its low byte first: the argument that DataView wants. */
export const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Throws RangeError beyond the end, as all of these do. */
export function getUint32(view: DataView, offset: number): number {
  return view.getUint32(offset, LITTLE_ENDIAN)
}

export function setUint32(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value, LITTLE_ENDIAN)
}

export function getUint16(view: DataView, offset: number): number {
  return view.getUint16(offset, LITTLE_ENDIAN)
}

export function setUint16(view: DataView, offset: number, value: number): void {
  view.setUint16(offset, value, LITTLE_ENDIAN)
}

/** Without a view: of many records each has one number. */
export function putUint32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i += 1) bytes[at + (LITTLE_ENDIAN ? i : 3 - i)] = (value >>> (8 * i)) & 0xff
}

/** Four bytes each, host byte order: how the addon takes a list of numbers. */
export function wordsOf(numbers: Iterable<number>): Uint8Array {
  return new Uint8Array(Uint32Array.from(numbers).buffer)
}
