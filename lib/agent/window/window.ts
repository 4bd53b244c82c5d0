/**
 * The operator's window into a running agent: which questions there are, and who knows the answers. Must not: hold what it tells,
 * nor decide anything.
 */
import path from 'node:path'
import { carrierName } from '../../device/vtep.ts'
import type { LeaseSource } from '../../leases/source.ts'
import { FAMILIES } from '../../net/ip.ts'
import type { AgentConfig } from '../config.ts'
import type { AgentStatus } from '../status.ts'
import type { Succession } from '../succession.ts'
import type { Journal } from './journal.ts'
import { openOperatorSocket } from './operator-socket.ts'
import type { AgentReport, LeasesReport } from './report.ts'

export interface Window {
  close(): Promise<void>
}

export interface WindowParts {
  readonly succession: Pick<Succession<LeaseSource & { readonly stale?: string | undefined }>, 'core' | 'source'>
  readonly journal: Journal
  readonly status: () => AgentStatus | undefined
  readonly version: string | undefined
}

/** Named after the device, so that agents of several networks can share the folder. */
export function socketName(config: Pick<AgentConfig, 'network'>): string {
  const [first = 'ipv4'] = FAMILIES.filter((family) => config.network[family] !== undefined)
  return `${carrierName(first, config.network.backend)}.sock`
}

/** undefined: none is asked for, or it cannot be opened, which the log tells. */
export async function openWindow(config: AgentConfig, parts: WindowParts): Promise<Window | undefined> {
  if (config.runDir === undefined) return undefined
  const { succession, journal } = parts
  const startedAt = new Date().toISOString()
  return await openOperatorSocket({
    path: path.join(config.runDir, socketName(config)),
    log: journal.log,
    answers: {
      status: () => statusOf(parts, startedAt),
      peers: () => succession.core?.report.peers() ?? [],
      diff: async () => (await succession.core?.report.differences()) ?? [],
      events: () => journal.entries(),
    },
    streams: { follow: (emit) => journal.follow(emit) },
  })
}

function statusOf({ succession, journal, status, version }: WindowParts, startedAt: string): AgentReport {
  const now = status()
  return {
    version: version ?? 'unknown',
    pid: process.pid,
    node: succession.source?.view().own?.node ?? null,
    startedAt,
    ready: now?.ready ?? false,
    text: now?.text ?? 'waiting: the agent starts',
    checks: (now?.checks ?? []).map(({ name, fault = null }) => ({ name, fault })),
    leases: leasesOf(succession.source),
    families: succession.core?.report.families() ?? [],
    faults: journal.standing(),
    memoryBytes: process.memoryUsage.rss(),
  }
}

function leasesOf(source: WindowParts['succession']['source']): LeasesReport {
  if (source === undefined) return { source: 'file', peers: 0, incomplete: 'not started', stale: null, rejected: [] }
  const view = source.view()
  return {
    source: source.kind,
    peers: view.peers.size,
    incomplete: view.synced ? null : view.because,
    stale: source.stale ?? null,
    rejected: view.rejected.map(({ message }) => message),
  }
}
