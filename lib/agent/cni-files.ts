/**
 * Keeps subnet.env as the overlay is: written when it is first known, when it changes, and again when it was lost or
 * altered by somebody else. Owns the file's truth. Must not: remove it, also not at exit (flannel-contract 13).
 */
import { renderSubnetEnv, type SubnetEnv } from '../cni/subnet-env.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'

/** A lost file is missed by every pod that starts: it is looked at this often, milliseconds. */
const LOOK_MS = 1000
const RETRY_LOG_MS = 60_000

export interface CniFiles {
  /** Whether the file on disk says the truth, as far as the last look knows. */
  readonly written: boolean
  mark(): void
  stop(): Promise<void>
}

export interface CniFilesParts {
  readonly path: string
  /** The truth of this moment; undefined: not known yet. */
  readonly content: () => SubnetEnv | undefined
  readonly read: (path: string) => Promise<string | undefined>
  readonly replace: (path: string, text: string) => Promise<void>
  readonly clock: Clock
  readonly log: Log
  readonly onChange: () => void
}

export function createCniFiles(parts: CniFilesParts): CniFiles {
  const { clock, log, path } = parts
  let written = false
  let complainedAt: number | undefined
  let look: Timer | undefined

  const setWritten = (now: boolean): void => {
    if (written === now) return
    written = now
    parts.onChange()
  }
  const loop = createDirtyLoop(
    async () => {
      look?.cancel()
      const content = parts.content()
      if (content !== undefined) {
        const text = renderSubnetEnv(content)
        if ((await parts.read(path)) !== text) {
          setWritten(false)
          await parts.replace(path, text)
          log.info('cni.subnet-env', `Wrote subnet file to ${path}`)
        }
        complainedAt = undefined
        setWritten(true)
      }
      look = clock.after(LOOK_MS, () => loop.mark())
    },
    (error) => {
      setWritten(false)
      if (complainedAt === undefined || clock.now() - complainedAt > RETRY_LOG_MS) {
        complainedAt = clock.now()
        log.warn('cni.subnet-env-failed', `cannot write ${path}: ${String(error)}`, { error })
      }
      look = clock.after(LOOK_MS, () => loop.mark())
    },
  )
  return {
    get written() {
      return written
    },
    mark: () => loop.mark(),
    async stop() {
      await loop.stop()
      look?.cancel()
    },
  }
}
