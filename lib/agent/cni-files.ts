/**
 * Keeps subnet.env as the overlay is: written when it is first known, when it changes, and again when it was lost or
 * altered by somebody else. Owns the file's truth. Must not: remove it, also not at exit (flannel-contract 13).
 */
import { renderSubnetEnv, type SubnetEnv } from '../cni/subnet-env.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import type { StandingLog } from '../util/standing-log.ts'
import type { Checked } from './checks.ts'

/** A lost file is missed by every pod that starts: it is looked at this often, milliseconds. */
const LOOK_MS = 1000

export interface CniFiles extends Checked {
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
  readonly standing: StandingLog
  readonly onChange: () => void
}

export function createCniFiles(parts: CniFilesParts): CniFiles {
  const { clock, log, standing, path } = parts
  let written = false
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
          await parts.replace(path, text)
          log.info('cni.subnet-env', `Wrote subnet file to ${path}`)
        }
        standing.over('cni.subnet-env-failed', `${path} can be written`)
        setWritten(true)
      }
      look = clock.after(LOOK_MS, () => loop.mark())
    },
    (error) => {
      setWritten(false)
      standing.stands('cni.subnet-env-failed', `cannot write ${path}: ${messageOf(error)}`, { error })
      look = clock.after(LOOK_MS, () => loop.mark())
    },
  )
  return {
    get written() {
      return written
    },
    get checks() {
      return [{ name: 'cni', fault: written ? undefined : `${path} is to be written` }]
    },
    mark: () => loop.mark(),
    async stop() {
      await loop.stop()
      look?.cancel()
    },
  }
}
