/**
 * A single-flight loop: `mark` says "something changed", the body runs once for any number of marks, never twice at a
 * time, and once more when a mark arrives while it runs. Handlers of events may only mark; all work happens in the body.
 */

export interface DirtyLoop {
  /** Cheap and safe from any handler. After `stop` it does nothing. */
  mark(): void
  /** No further run starts; resolves when the running one, if any, has ended. */
  stop(): Promise<void>
  /** Resolves when nothing is marked and nothing runs. */
  idle(): Promise<void>
}

/** `body` must not throw: what it cannot handle goes to `onError`, and the loop lives on. */
export function createDirtyLoop(body: () => Promise<void>, onError: (error: unknown) => void): DirtyLoop {
  let dirty = false
  let stopped = false
  let running: Promise<void> | undefined

  const run = async (): Promise<void> => {
    while (dirty && !stopped) {
      dirty = false
      try {
        await body()
      } catch (error) {
        onError(error)
      }
    }
    running = undefined
  }

  return {
    mark() {
      if (stopped) return
      dirty = true
      // The body starts in a microtask of its own, so that a handler that marks is never re-entered.
      running ??= Promise.resolve().then(run)
    },
    async stop() {
      stopped = true
      await running
    },
    async idle() {
      while (running !== undefined) await running
    },
  }
}
