/** What a program starts and must end; a test has its context for that. */
import type { Scope } from '../support/netns.ts'

export interface ProgramScope extends Scope {
  /** Calls what was given to `after`, the last first; a failure of one does not keep the others from it. */
  end(): Promise<void>
}

export function createScope(): ProgramScope {
  const finishers: (() => unknown)[] = []
  return {
    after: (finish) => void finishers.push(finish),
    async end() {
      for (let finish = finishers.pop(); finish !== undefined; finish = finishers.pop()) {
        try {
          await finish()
        } catch (error) {
          process.stderr.write(`chaos: cleaning up: ${String(error)}\n`)
        }
      }
    },
  }
}
