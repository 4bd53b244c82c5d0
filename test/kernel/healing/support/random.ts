/** Random numbers that come again with the same seed. Must not: be used for anything that shall be hard to guess. */

export interface Random {
  /** From 0 up to, and without, `below`. */
  integer(below: number): number
  pick<T>(from: readonly T[]): T
}

/** Marsaglia's xorshift of 32 bits; any seed but 0 has a period of 2^32 - 1. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0 || 2433
  const next = (): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state
  }
  const integer = (below: number): number => next() % below
  return {
    integer,
    pick<T>(from: readonly T[]): T {
      const chosen = from[integer(from.length)]
      if (chosen === undefined) throw new RangeError('nothing to choose from')
      return chosen
    },
  }
}
