/**
 * Bytes as a string of one byte a character: a key of a Map, and the most compact form in which JavaScript keeps many.
 */
import { latin1Of } from '../../util/latin1.ts'

export function toLatin1(bytes: Buffer): string {
  return latin1Of(bytes, 0, bytes.length)
}

/** Writes `text` into `into`, and returns a view of what was written. */
export function fromLatin1(text: string, into: Buffer): Buffer {
  return into.subarray(0, into.write(text, 'latin1'))
}

/** Cuts many strings from one buffer: `cut(view, start, end)`, counted in the view; `forget` lets go of the buffer. */
export function createCutter(): { cut(view: DataView, start: number, end: number): string; forget(): void } {
  let whole: Buffer | undefined
  return {
    cut(view, start, end) {
      if (whole?.buffer !== view.buffer) whole = Buffer.from(view.buffer)
      return latin1Of(whole, view.byteOffset + start, view.byteOffset + end)
    },
    forget() {
      whole = undefined
    },
  }
}
