/** What was heard of some keys while a dump was made. Must not: know the table. */

export interface Touch {
  /** Identities that were set, replaced or deleted, some more than once. */
  readonly identities: Set<string>
  /** One took the place of another that the kernel does not name. */
  replaced: boolean
  /** One was set beside another of its key. */
  beside: boolean
  /** One was set, and one was deleted. */
  set: boolean
  deleted: boolean
  /** News that do not fit what was known of the key. */
  doubtful: boolean
}

export interface Window {
  readonly touched: ReadonlyMap<string, Touch>
  touch(key: string): Touch
}

export function createWindow(): Window {
  const touched = new Map<string, Touch>()
  return {
    touched,
    touch(key) {
      const known = touched.get(key)
      if (known !== undefined) return known
      const touch: Touch = {
        identities: new Set(),
        replaced: false,
        beside: false,
        set: false,
        deleted: false,
        doubtful: false,
      }
      touched.set(key, touch)
      return touch
    },
  }
}
