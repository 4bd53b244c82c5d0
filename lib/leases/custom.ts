/**
 * A lease source that the program around the agent brings (custom-port.ts), as the agent's own port. Owns what it told last, and keeps
 * its exceptions to itself. Must not: decide about claims (lib/leases/accepted), or trust a value that it was told.
 */
import type { OwnNode } from '../cluster/lease.ts'
import type { Network } from '../cluster/network.ts'
import type { LeaseView, OwnVtep } from '../cluster/view.ts'
import { ConfigError } from '../errors.ts'
import { FAMILIES } from '../net/ip.ts'
import type { Clock } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import { isRecord } from '../util/go-json.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import { createStandingLog } from '../util/standing-log.ts'
import type { LeaseSource as CustomSource, LeasesTold, NodeFamily, NodeLease } from './custom-port.ts'
import { createFileView } from './file-view.ts'
import { readLeases } from './leases-file.ts'
import { reportOwnWaits } from './own-waits.ts'
import type { LeaseSource } from './source.ts'

/** For one entry to be published, milliseconds. */
const PUBLISH_MS = 10_000

const WHERE = 'the source of leases'

export interface CustomSourceOptions {
  readonly source: CustomSource
  readonly nodeName: string
  readonly network: Network
  readonly log: Log
  readonly clock: Clock
}

export function createCustomSource(options: CustomSourceOptions): LeaseSource {
  const { source, nodeName, network, clock } = options
  const read = createFileView({ path: WHERE, nodeName, network })
  const standing = createStandingLog(options.log, clock)
  let view: LeaseView = {
    synced: false,
    because: `${WHERE} has told nothing yet`,
    peers: new Map(),
    own: undefined,
    rejected: [],
    contested: [],
    aliases: [],
  }
  let told: unknown
  let changed: (() => void) | undefined

  const broken = (error: unknown): void =>
    standing.stands('leases.source-broken', `${WHERE}: ${messageOf(error)}; what it told before stays`, { error })
  const loop = createDirtyLoop(async () => {
    const next = viewOf(told, (nodes) =>
      read(readLeases(nodes, (path) => `nodes${path}`, { nodeName, backend: network.backend.type })),
    )
    standing.over('leases.source-broken', `${WHERE} is read`)
    reportOwnWaits(standing, next, network, {
      missing: next.synced ? undefined : next.because,
      lacking: (families) => `the entry of ${nodeName} in ${WHERE} has no ${families}`,
    })
    view = next
    changed?.()
  }, broken)

  return {
    kind: 'custom',
    view: () => view,
    start(onChange) {
      changed = onChange
      const tell = (next: LeasesTold): void => {
        told = next
        loop.mark()
      }
      void Promise.resolve()
        .then(() => source.start({ nodeName, tell }))
        .catch(broken)
    },
    async publish(own) {
      const next = ownLease(view.own, own)
      if (source.publish !== undefined && next !== undefined && !holds(view.own, next))
        await inTime(clock, (signal) => source.publish?.(next, { signal }))
      return 'accepted'
    },
    async close() {
      changed = undefined
      await loop.stop()
      await Promise.resolve()
        .then(() => source.close())
        .catch(broken)
      standing.stop()
    },
  }
}

/** Our own underlay is what we published, not a wish for one: it follows the host. */
function viewOf(told: unknown, read: (nodes: unknown) => LeaseView): LeaseView {
  if (!isRecord(told) || typeof told.synced !== 'boolean')
    throw new ConfigError('tell', 'takes { synced: true, nodes } or { synced: false, because, nodes }')
  if (!told.synced && (typeof told.because !== 'string' || told.because === ''))
    throw new ConfigError('because', 'must say what is missing, as synced is false')
  if (!Array.isArray(told.nodes)) throw new ConfigError('nodes', 'must be a list of nodes')
  const view = read(told.nodes)
  const own = view.own && { ...view.own, published: view.own.underlayHint, underlayHint: NONE }
  return told.synced ? { ...view, own } : { ...view, own, synced: false, because: String(told.because) }
}

const NONE = { ipv4: undefined, ipv6: undefined }

/** undefined: we have no subnet yet, so there is nothing that others could use. */
function ownLease(known: OwnNode | undefined, own: OwnVtep): NodeLease | undefined {
  const families = FAMILIES.flatMap((family): (readonly [string, NodeFamily])[] => {
    const [subnet, vtep] = [known?.subnets[family], own[family]]
    if (subnet === undefined) return []
    const underlay = vtep?.underlay ?? known?.published[family]
    const lladdr = vtep === undefined ? known?.lladdrs[family] : vtep.lladdr
    return [
      [
        family,
        { subnet, ...(underlay === undefined ? {} : { underlay }), ...(lladdr === undefined ? {} : { lladdr }) },
      ],
    ]
  })
  return known === undefined || families.length === 0
    ? undefined
    : { name: known.node, ...Object.fromEntries(families) }
}

function holds(known: OwnNode | undefined, own: NodeLease): boolean {
  return FAMILIES.every(
    (family) =>
      own[family] === undefined ||
      (known?.published[family] === own[family].underlay && known?.lladdrs[family] === own[family].lladdr),
  )
}

/** Rejects when it takes too long, whether `work` heeds the signal or not. */
async function inTime(clock: Clock, work: (signal: AbortSignal) => Promise<void> | undefined): Promise<void> {
  const late = new AbortController()
  const error = new Error(`${WHERE} did not publish within ${PUBLISH_MS / 1000} s`)
  const timer = clock.after(PUBLISH_MS, () => late.abort(error))
  try {
    await new Promise<void>((resolve, reject) => {
      late.signal.addEventListener('abort', () => reject(error), { once: true })
      Promise.resolve()
        .then(() => work(late.signal))
        .then(resolve, reject)
    })
  } finally {
    timer.cancel()
  }
}
