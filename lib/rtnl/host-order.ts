/** Integers of records, which are in host byte order: they never leave the machine. */

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

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
