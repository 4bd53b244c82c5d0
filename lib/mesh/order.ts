/**
 * In which order peers are visited: by chance, each once a round, so that none waits longer than a round. Owns the order. Must not:
 * know what a visit is.
 */

export interface Order<T> {
  readonly size: number
  add(one: T): void
  remove(one: T): void
  /** The next; undefined: there is none. */
  next(): T | undefined
}

/** `random`: 0 ≤ x < 1. What is added or removed may change one other's place. */
export function createOrder<T extends { place: number }>(random: () => number): Order<T> {
  const order: T[] = []
  let cursor = 0

  const put = (one: T, place: number): void => {
    one.place = place
    order[place] = one
  }
  return {
    get size() {
      return order.length
    },
    add(one) {
      const place = Math.floor(random() * (order.length + 1))
      const there = order[place]
      if (there !== undefined) put(there, order.length)
      put(one, place)
    },
    remove(one) {
      const last = order.pop()
      if (last !== undefined && last !== one) put(last, one.place)
      one.place = -1
    },
    next() {
      if (cursor >= order.length) cursor = 0
      const one = order[cursor]
      cursor += 1
      return one
    },
  }
}
