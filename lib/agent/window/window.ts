/**
 * The operator's window into a running agent: which questions there are, and who knows the answers. Must not: hold what it tells,
 * nor decide anything.
 */
import path from 'node:path'
import { carrierName } from '../../device/vtep.ts'
import { HostError } from '../../errors.ts'
import type { LeaseSource } from '../../leases/source.ts'
import { FAMILIES } from '../../net/ip.ts'
import type { Clock } from '../../util/clock.ts'
import { type LogLevel, setLevel } from '../../util/log.ts'
import type { AgentConfig } from '../config.ts'
import type { AgentStatus } from '../status.ts'
import type { Succession } from '../succession.ts'
import type { Journal } from './journal.ts'
import { inWords, silentInWords } from './left-out.ts'
import { meshRows } from './mesh-report.ts'
import type { Facts } from './metric-readers.ts'
import type { Metrics } from './metrics.ts'
import { openOperatorSocket } from './operator-socket.ts'
import { parsePeerQuestion } from './peer-rows.ts'
import type { AgentReport, LeasesReport } from './report.ts'
import type { Telemetry } from './telemetry.ts'

export interface Window {
  /** The text of /metrics. */
  metrics(): Promise<{ readonly text: string; readonly contentType: string }>
  close(): Promise<void>
}

/** What a source tells of how fresh its view is, where that is a question. */
interface Freshness {
  readonly stale?: string | undefined
  readonly ages?: Facts['ages']
}

export interface ReportParts {
  readonly succession: Pick<Succession<LeaseSource & Freshness & { silent?(): readonly string[] }>, 'core' | 'source'>
  readonly journal: Pick<Journal, 'standing'>
  readonly status: () => AgentStatus | undefined
  readonly version: string | undefined
}

export interface WindowParts extends Pick<ReportParts, 'succession'> {
  readonly journal: Journal
  readonly telemetry: Telemetry
  readonly report: () => AgentReport
  readonly logLevel: { level: LogLevel } | undefined
  readonly clock: Pick<Clock, 'now'>
  readonly configuration: (() => Promise<object>) | undefined
}

/** Named after the device, so that agents of several networks can share the folder. */
export function socketName(config: Pick<AgentConfig, 'network'>): string {
  const [first = 'ipv4'] = FAMILIES.filter((family) => config.network[family] !== undefined)
  return `${carrierName(first, config.network.backend)}.sock`
}

/** There is no socket where none is asked for, or it cannot be opened, which the log tells. */
export async function openWindow(config: AgentConfig, parts: WindowParts): Promise<Window> {
  const { succession, journal, report } = parts
  let metrics: Promise<Metrics> | undefined
  const scrape: Window['metrics'] = async () => {
    metrics ??= import('./metrics.ts').then(({ createMetrics }) =>
      createMetrics({ telemetry: parts.telemetry, facts: () => factsOf(parts, report()) }),
    )
    const { render, contentType } = await metrics
    return { text: await render(), contentType }
  }
  const socket =
    config.runDir === undefined
      ? undefined
      : await openOperatorSocket({
          path: path.join(config.runDir, socketName(config)),
          log: journal.log,
          answers: {
            status: report,
            peers: (query) => succession.core?.report.peers(parsePeerQuestion(query)) ?? [],
            diff: async () => (await succession.core?.report.differences()) ?? [],
            mesh: (query) =>
              meshRows(succession.core?.report.mesh ?? [], {
                name: query.get('name') ?? undefined,
                now: parts.clock.now(),
              }),
            events: () => journal.entries(),
            config: async () => (await parts.configuration?.()) ?? null,
            metrics: async () => (await scrape()).text.split('\n'),
            names: () => namesIn(succession.source),
          },
          changes: parts.logLevel === undefined ? {} : { 'log-level': (query) => changeLevel(parts, query) },
          streams: { follow: (emit) => journal.follow(emit) },
        })
  return {
    metrics: scrape,
    close: async () => socket?.close(),
  }
}

/** Of every node that is told of, also where its claim is not accepted: a report of a fault replaces them on demand. */
function* namesIn(source: ReportParts['succession']['source']): Generator<{ readonly name: string }> {
  const view = source?.view()
  if (view?.own !== undefined) yield { name: view.own.node }
  for (const name of view?.peers.keys() ?? []) yield { name }
  for (const { node } of view?.rejected ?? []) yield { name: node }
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** `level`: what it shall be. */
function changeLevel({ logLevel, journal }: WindowParts, query: URLSearchParams) {
  const level = LEVELS.find((one) => one === query.get('level'))
  if (logLevel === undefined || level === undefined) throw new HostError(`a level is one of ${LEVELS.join(', ')}`)
  const before = setLevel(journal.log, logLevel, level)
  return { before, level }
}

/** `startedAt`: ISO 8601, UTC. */
export function agentReport({ succession, journal, status, version }: ReportParts, startedAt: string): AgentReport {
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

function factsOf({ succession: { core, source } }: WindowParts, report: AgentReport): Facts {
  const rejected = new Map<string, number>()
  for (const { fault } of source?.view().rejected ?? []) rejected.set(fault, (rejected.get(fault) ?? 0) + 1)
  return { report, tables: core?.report.tables() ?? [], rejected, ages: source?.ages }
}

function leasesOf(source: ReportParts['succession']['source']): LeasesReport {
  if (source === undefined)
    return { source: 'file', peers: 0, incomplete: 'not started', stale: null, rejected: [], silent: [] }
  const view = source.view()
  return {
    source: source.kind,
    peers: view.peers.size,
    incomplete: view.synced ? null : view.because,
    stale: source.stale ?? null,
    rejected: view.rejected.map(inWords),
    silent: silentInWords(source.silent?.() ?? []),
  }
}
