/** What of the kernel's answer could not be read and was passed over: how much, and the first of it by name. */

export interface Unreadable {
  readonly count: number
  /** For a person: the kind of message or record, its length, and its first bytes in hexadecimal. */
  readonly first: string
}

export interface UnreadableTally {
  add(record: Uint8Array): void
  /** undefined: everything could be read. */
  readonly found: Unreadable | undefined
}

const BYTES_SHOWN = 64

export function createUnreadableTally(): UnreadableTally {
  let found: Unreadable | undefined
  return {
    add(record) {
      found = { count: (found?.count ?? 0) + 1, first: found?.first ?? describe(record) }
    },
    get found() {
      return found
    },
  }
}

/** Of one answer that is looked at twice; the first of `a` comes first. */
export function addUnreadable(a: Unreadable | undefined, b: Unreadable | undefined): Unreadable | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return { count: a.count + b.count, first: a.first }
}

function describe(record: Uint8Array): string {
  const more = record.length > BYTES_SHOWN ? '…' : ''
  return `a record of ${record.length} bytes: ${Buffer.from(record.subarray(0, BYTES_SHOWN)).toString('hex')}${more}`
}
