/**
 * Finds rows by a text that they have, several rows a text: a hash index of row numbers that keeps neither keys nor
 * objects, for 100,000 rows 2 MB. Must not: own the rows; while a row is indexed, its text must not change.
 */

export interface TextIndex {
  /** True when an indexed row has the text already. */
  add(row: number): boolean
  /** A row that is not indexed is left alone. */
  remove(row: number): void
  /** Every indexed row with this text; `visit` may not change the index. */
  each(text: string, visit: (row: number) => void): void
}

const FREE = 0
/** A row was here: a search goes on. */
const REMOVED = -1

/** `textOf` is asked for the rows that were added, as long as they are. */
export function createTextIndex(textOf: (row: number) => string): TextIndex {
  /** Two numbers a slot: row plus one, FREE or REMOVED; and the hash of its text. */
  let slots = new Int32Array(32)
  let mask = 15
  /** Slots that are not FREE. */
  let used = 0
  let rows = 0
  /**
   * Rows whose text another one has, which is in `slots`: in a chain of slots each of 100,000 clones of one machine would be
   * found behind all others.
   */
  const twins = new Map<string, Set<number>>()

  const place = (row: number, hash: number): void => {
    let slot = hash & mask
    while (slots[slot * 2] !== FREE) slot = (slot + 1) & mask
    slots[slot * 2] = row + 1
    slots[slot * 2 + 1] = hash
    used += 1
  }
  const makeRoom = (): void => {
    if (used * 2 <= mask) return
    const old = slots
    let count = 16
    while (count < rows * 4) count *= 2
    slots = new Int32Array(count * 2)
    mask = count - 1
    used = 0
    for (let at = 0; at < old.length; at += 2) if ((old[at] ?? 0) > 0) place((old[at] ?? 0) - 1, old[at + 1] ?? 0)
  }
  /** The slot, from `slot` on, that holds the text; -1: none does. */
  const search = (slot: number, hash: number, text: string): number => {
    for (let at = slot & mask; slots[at * 2] !== FREE; at = (at + 1) & mask) {
      const held = slots[at * 2] ?? 0
      if (held > 0 && slots[at * 2 + 1] === hash && textOf(held - 1) === text) return at
    }
    return -1
  }

  return {
    add(row) {
      const text = textOf(row)
      const hash = hashOf(text)
      const met = search(hash, hash, text) >= 0
      if (met) {
        const others = twins.get(text)
        if (others === undefined) twins.set(text, new Set([row]))
        else others.add(row)
        return true
      }
      rows += 1
      place(row, hash)
      makeRoom()
      return false
    },
    remove(row) {
      const text = textOf(row)
      const hash = hashOf(text)
      const at = search(hash, hash, text)
      if (at < 0) return
      const others = twins.get(text)
      if (slots[at * 2] !== row + 1) others?.delete(row)
      else if (others === undefined) {
        slots[at * 2] = REMOVED
        rows -= 1
      } else {
        const [heir = 0] = others
        slots[at * 2] = heir + 1
        others.delete(heir)
      }
      if (others?.size === 0) twins.delete(text)
    },
    each(text, visit) {
      const hash = hashOf(text)
      const at = search(hash, hash, text)
      if (at < 0) return
      visit((slots[at * 2] ?? 0) - 1)
      for (const row of twins.get(text) ?? []) visit(row)
    },
  }
}

/** FNV-1a over UTF-16 units, its high bits folded into the low ones that choose the slot. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash ^ (hash >>> 15)
}
