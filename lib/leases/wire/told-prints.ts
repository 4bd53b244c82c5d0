/**
 * What every Node said when it was told last, as two numbers each: so a heartbeat, which is nearly every event of a cluster,
 * is recognised without building anything of it. Must not: know what a Node says.
 *
 * 16 bytes a slot, two to four slots a Node. Wrong only where two states of one Node have one print (64 bits), and
 * then until the next list.
 */

/** `name` chooses the slot: Nodes that share it tell on each other's cost, not wrongly. All are 32 bits, signed. */
export interface NodePrint {
  readonly name: number
  readonly high: number
  readonly low: number
}

export interface ToldPrints {
  /** Exactly this was told of it last. */
  has(print: NodePrint): boolean
  note(print: NodePrint): void
  /** What is known of the Node of that name is not what was told. */
  forget(name: number): void
}

const SLOT = 4
const FREE = 0
const NOTED = 1
/** Nothing is known, but a search goes on. */
const FORGOTTEN = 2

export function createToldPrints(): ToldPrints {
  /** A slot: its state, and the three numbers. */
  let slots = new Int32Array(16 * SLOT)
  let mask = 15
  let used = 0

  /** Where `name` stands, or the free slot where it would. */
  const find = (name: number): number => {
    // High bits count too: a print's are no better than its hash.
    let slot = (name ^ (name >>> 15)) & mask
    while (slots[slot * SLOT] !== FREE && slots[slot * SLOT + 1] !== name) slot = (slot + 1) & mask
    return slot * SLOT
  }
  const put = (at: number, name: number, high: number, low: number): void => {
    if (slots[at] === FREE) used += 1
    slots[at] = NOTED
    slots[at + 1] = name
    slots[at + 2] = high
    slots[at + 3] = low
  }
  const grow = (): void => {
    const old = slots
    let noted = 0
    for (let at = 0; at < old.length; at += SLOT) if (old[at] === NOTED) noted += 1
    let count = 16
    while (count < noted * 4) count *= 2
    slots = new Int32Array(count * SLOT)
    mask = count - 1
    used = 0
    for (let at = 0; at < old.length; at += SLOT) {
      const name = old[at + 1] ?? 0
      if (old[at] === NOTED) put(find(name), name, old[at + 2] ?? 0, old[at + 3] ?? 0)
    }
  }

  return {
    has({ name, high, low }) {
      const at = find(name)
      return slots[at] === NOTED && slots[at + 2] === high && slots[at + 3] === low
    },
    note({ name, high, low }) {
      put(find(name), name, high, low)
      if (used * 2 > mask) grow()
    },
    forget(name) {
      const at = find(name)
      if (slots[at] === NOTED) slots[at] = FORGOTTEN
    },
  }
}
