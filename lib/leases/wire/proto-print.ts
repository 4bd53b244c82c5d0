/**
 * A Node's print: numbers in place of all that we might keep of it, taken from the bytes of its message. What a heartbeat
 * changes is left out: the resourceVersion, managedFields, the status. More than we keep is in it (every annotation, the
 * whole spec): a change of the rest is looked at, and found to be none.
 * Must not: build anything but the print.
 */
import { META, NODE } from './proto-node.ts'
import { type Cursor, enter, leave, nextField, textOf } from './proto-reader.ts'
import type { NodePrint } from './told-prints.ts'

export interface TakenPrint extends NodePrint {
  name: number
  high: number
  low: number
  /** Not part of it; undefined: there is none. */
  resourceVersion: string | undefined
}

/** The `name` that the print of a Node of that name has. */
export function namePrint(name: string): number {
  const bytes = Buffer.from(name, 'utf8')
  const print = emptyPrint()
  mix(META.name, bytes, 0, bytes.length, print)
  return print.high
}

/** Reads the rest of the message, of a Node or of its metadata alone. Throws WireFault. */
export function takePrint(object: Cursor): TakenPrint {
  const print = emptyPrint()
  while (nextField(object)) {
    if (object.type !== 'bytes') continue
    if (object.field === NODE.metadata) takeMeta(object, print)
    else if (object.field === NODE.spec) mixField(object, print)
  }
  return print
}

function takeMeta(cursor: Cursor, print: TakenPrint): void {
  const outer = enter(cursor)
  while (nextField(cursor)) {
    if (cursor.type !== 'bytes') continue
    switch (cursor.field) {
      case META.name:
        mixField(cursor, print)
        print.name = print.high
        break
      case META.uid:
      case META.creationTimestamp:
      case META.annotations:
        mixField(cursor, print)
        break
      case META.resourceVersion:
        if (cursor.stop > cursor.start) print.resourceVersion = textOf(cursor)
    }
  }
  leave(cursor, outer)
}

/** FNV-1a, and a second lane like it with another factor. Where a field ends and the next begins is part of both. */
const HIGH_BASIS = 0x811c9dc5 | 0
const LOW_BASIS = 0x9747b28c | 0
const HIGH_FACTOR = 0x01000193
const LOW_FACTOR = 0x85ebca6b

function emptyPrint(): TakenPrint {
  return { name: 0, high: HIGH_BASIS, low: LOW_BASIS, resourceVersion: undefined }
}

function mixField({ field, bytes, start, stop }: Cursor, print: TakenPrint): void {
  mix(field, bytes, start, stop, print)
}

function mix(field: number, bytes: Buffer, start: number, stop: number, print: TakenPrint): void {
  let high = Math.imul(print.high ^ field, HIGH_FACTOR)
  let low = Math.imul(print.low ^ (stop - start), LOW_FACTOR)
  for (let at = start; at < stop; at += 1) {
    const byte = bytes[at] ?? 0
    high = Math.imul(high ^ byte, HIGH_FACTOR)
    low = Math.imul(low ^ byte, LOW_FACTOR)
    low ^= low >>> 13
  }
  print.high = high
  print.low = low
}
