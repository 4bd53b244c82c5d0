/**
 * Follows net-conf.json while the agent runs: tells each network that it says, and what is wrong with it while it stands.
 * Must not: decide what follows from a network that is another one (succession.ts).
 */
import { parseNetwork } from '../cluster/net-conf.ts'
import { type Network, withPinned } from '../cluster/network.ts'
import { ConfigError } from '../errors.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import type { StandingLog } from '../util/standing-log.ts'

/** A file that is written in place is left alone this long after the last sign of change, so that it is read whole. */
const SETTLE_MS = 50
/** A file that cannot be read may be readable soon, without a sign. */
const AGAIN_MS = 5000

export interface NetConfFollower {
  stop(): Promise<void>
}

export function followNetConf(parts: {
  readonly path: string
  /** --pin-device counts beside what the file says. */
  readonly pinDevice: boolean
  readonly watch: (path: string, onChange: () => void) => { close(): void }
  readonly readFile: (path: string) => Promise<string | undefined>
  readonly onNetwork: (network: Network) => void
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
}): NetConfFollower {
  const { path, clock, log, standing } = parts
  let lastText: string | undefined
  let fault: string | undefined
  let timer: Timer | undefined

  const lookIn = (ms: number): void => {
    timer?.cancel()
    timer = clock.after(ms, () => loop.mark())
  }
  const loop = createDirtyLoop(
    async () => {
      const text = await parts.readFile(path)
      if (text === undefined) {
        standing.over('netconf.broken')
        standing.stands('netconf.missing', `${path} is gone: the network stays as it was`)
        return
      }
      standing.over('netconf.missing', `${path} is there again`)
      if (text === lastText) return
      const { network, warnings } = parseNetwork(text, path)
      lastText = text
      standing.over('netconf.broken', `${path} is read`)
      for (const warning of warnings) log.warn('config.warning', warning)
      parts.onNetwork(withPinned(network, parts.pinDevice))
    },
    (error) => {
      const sentence = messageOf(error)
      // Another fault than before is told at once.
      if (sentence !== fault) standing.over('netconf.broken')
      fault = sentence
      standing.stands('netconf.broken', `not followed, the network stays as it was: ${sentence}`, { error })
      if (!(error instanceof ConfigError)) lookIn(AGAIN_MS)
    },
  )
  const watch = parts.watch(path, () => lookIn(SETTLE_MS))
  // It may have changed since it was read for the start.
  loop.mark()
  return {
    async stop() {
      watch.close()
      timer?.cancel()
      await loop.stop()
      timer?.cancel()
    },
  }
}
