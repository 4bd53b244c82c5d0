/** One set of credentials for many requests, read anew now and then, as rotated files want it. Must not: retry. */
import type { KubeTarget } from '../kube-api/kube-http.ts'
import type { Clock } from '../util/clock.ts'

const FRESH_MS = 60_000

export interface TargetKeeper {
  use<R>(work: (target: KubeTarget) => Promise<R>): Promise<R>
  close(): void
}

interface Held {
  readonly target: Promise<KubeTarget>
  readonly openedAt: number
  users: number
}

export function createTargetKeeper(open: () => Promise<KubeTarget>, clock: Clock): TargetKeeper {
  let current: Held | undefined
  const end = (held: Held): void => {
    if (held !== current && held.users === 0) held.target.then((target) => target.close()).catch(() => undefined)
  }
  const replace = (next: Held | undefined): void => {
    const before = current
    current = next
    if (before !== undefined) end(before)
  }
  return {
    async use(work) {
      if (current === undefined || clock.now() - current.openedAt > FRESH_MS)
        replace({ target: open(), openedAt: clock.now(), users: 0 })
      const held = current as Held
      held.users += 1
      try {
        return await work(await held.target)
      } catch (error) {
        // Perhaps the credentials are at fault: the next one reads them anew.
        if (held === current) replace(undefined)
        throw error
      } finally {
        held.users -= 1
        end(held)
      }
    },
    close: () => replace(undefined),
  }
}
