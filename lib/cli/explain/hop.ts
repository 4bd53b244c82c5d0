/** One step of a packet's way, as it is told. Data only. */

export interface Hop {
  /** One or two words: `route`, `outer neighbour`. */
  readonly name: string
  /** What the kernel has, or why the packet ends here. */
  readonly found: string
  /** What to do; null: it is right, or nothing is known to be wrong. */
  readonly remedy: string | null
  /** The packet gets no further. */
  readonly ends: boolean
}

export function passes(name: string, found: string): Hop {
  return { name, found, remedy: null, ends: false }
}

/** The packet passes, and something is not as it should be. */
export function flaw(name: string, found: string, remedy: string): Hop {
  return { name, found, remedy, ends: false }
}

export function ends(name: string, found: string, remedy: string): Hop {
  return { name, found, remedy, ends: true }
}
