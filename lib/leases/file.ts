/**
 * The lease source that follows a file (design: fabrics without Kubernetes, tests, benchmarks). A file that is broken or
 * gone is reported and the last good view stays; the file is the truth, so nothing is ever published into it.
 * Must not: understand the format (leases-file.ts) or decide about claims (lib/leases/accepted).
 */

import type { Network } from '../cluster/network.ts'
import type { LeaseView, OwnVtep } from '../cluster/view.ts'
import { ConfigError } from '../errors.ts'
import { readIfExists } from '../host/files.ts'
import { type FileWatch, watchFile } from '../host/watch-file.ts'
import { FAMILIES } from '../net/ip.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import { createStandingLog } from '../util/standing-log.ts'
import { createFileView } from './file-view.ts'
import { parseLeasesFile } from './leases-file.ts'
import { reportOwnWaits } from './own-waits.ts'
import type { LeaseSource } from './source.ts'

/** A file that is written in place is left alone this long after the last sign of change, so that it is read whole. */
const SETTLE_MS = 50

const TROUBLES = ['leases.file-missing', 'leases.file-broken'] as const

export interface FileSourceOptions {
  readonly path: string
  readonly nodeName: string
  readonly network: Network
  readonly log: Log
  readonly clock: Clock
}

export function createFileSource(options: FileSourceOptions): LeaseSource {
  const { path, nodeName, network, clock } = options
  const read = createFileView({ path, nodeName, network })
  const standing = createStandingLog(options.log, clock)
  let view: LeaseView = {
    synced: false,
    because: `${path} is not read yet`,
    peers: new Map(),
    own: undefined,
    rejected: [],
    contested: [],
    aliases: [],
  }
  let lastText: string | undefined
  let watch: FileWatch | undefined
  let settling: Timer | undefined
  let changed: (() => void) | undefined

  const complain = (event: (typeof TROUBLES)[number], problem: string, error?: unknown): void => {
    const nothing = view.own === undefined && view.peers.size === 0
    for (const other of TROUBLES) if (other !== event) standing.over(other)
    const sentence = `${problem}: ${nothing ? 'waiting' : 'the last good view stays'}`
    standing.stands(event, sentence, error === undefined ? undefined : { error })
    if (nothing && !view.synced && view.because !== problem) setView({ ...view, because: problem })
  }
  const setView = (next: LeaseView): void => {
    view = next
    changed?.()
  }
  const loop = createDirtyLoop(
    async () => {
      const text = await readIfExists(path)
      if (text === undefined) {
        lastText = undefined
        complain('leases.file-missing', `${path} does not exist`)
        return
      }
      if (text === lastText) return
      lastText = text
      const next = read(await parseLeasesFile(text, path, nodeName, network.backend.type))
      for (const trouble of TROUBLES) standing.over(trouble, `${path} is read`)
      reportOwnWaits(standing, next, network, {
        missing: next.synced ? undefined : next.because,
        lacking: (families) => `the entry of ${nodeName} in ${path} has no ${families}`,
      })
      setView(next)
    },
    (error) => {
      if (!(error instanceof ConfigError)) lastText = undefined
      complain('leases.file-broken', messageOf(error), error)
    },
  )

  return {
    kind: 'file',
    view: () => view,
    start(onChange) {
      changed = onChange
      watch = watchFile(
        path,
        () => {
          settling?.cancel()
          settling = clock.after(SETTLE_MS, () => loop.mark())
        },
        { clock },
      )
      loop.mark()
    },
    async publish(own) {
      const contradictions = contradictionsOf(view, own).join('; ')
      if (contradictions === '') standing.over('leases.file-differs')
      else standing.stands('leases.file-differs', `${path}: ${contradictions}: the other nodes will not reach this one`)
      return 'accepted'
    },
    async close() {
      changed = undefined
      settling?.cancel()
      watch?.close()
      await loop.stop()
      standing.stop()
    },
  }
}

/** Where our own entry says otherwise than our device is. */
function contradictionsOf(view: LeaseView, own: OwnVtep): string[] {
  return FAMILIES.flatMap((family) => {
    const vtep = own[family]
    const underlay = view.own?.underlayHint[family]
    const lladdr = view.own?.lladdrs[family]
    if (vtep === undefined) return []
    return [
      ...(underlay === undefined || underlay === vtep.underlay
        ? []
        : [`our own entry has the ${family} underlay ${underlay}, this node uses ${vtep.underlay}`]),
      ...(lladdr === undefined || lladdr === vtep.lladdr
        ? []
        : [`our own entry has the ${family} lladdr ${lladdr}, the device has ${vtep.lladdr}`]),
    ]
  })
}
