/** Bytes as a string of one byte a character, quickly: a text of ASCII, or a key of a Map. */

type Sliceable = Buffer & { latin1Slice?(start: number, end: number): string }

/** What toString('latin1') calls, at 2.5 times its speed for texts of this size; Node has it and does not document it. */
export function latin1Of(bytes: Sliceable, start: number, end: number): string {
  return bytes.latin1Slice === undefined ? bytes.toString('latin1', start, end) : bytes.latin1Slice(start, end)
}
