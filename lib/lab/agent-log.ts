/**
 * An agent's log lines as the lab reads them. Pure.
 * Must not: depend on a message's words; events and fields are the contract (lib/util/log).
 */

import { renderFields } from '../host/log-line.ts'

export interface AgentEvent {
  readonly node: string
  /** Dotted name, e.g. device.state. */
  readonly event: string
  /** CLOCK_MONOTONIC. */
  readonly atMs: number
  readonly level: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** undefined: not a line of vtepd's log (a crash's stack, a warning of Node.js). */
export function parseAgentLine(node: string, line: string): AgentEvent | undefined {
  if (!line.startsWith('{')) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(line)
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const { event, monotonicMs, level, msg, time: _, ...fields } = parsed as Record<string, unknown>
  if (typeof event !== 'string' || typeof monotonicMs !== 'number') return undefined
  return { node, event, atMs: monotonicMs, level: String(level ?? 'info'), message: String(msg ?? ''), fields }
}

/** For people: `info device.state: message family=ipv4`. */
export function renderAgentEvent(event: AgentEvent): string {
  return `${event.level} ${event.event}: ${event.message}${renderFields(event.message, event.fields)}`
}

/** What a timeline says of an event; undefined: it does not belong there. */
export function timelineText(event: AgentEvent): string | undefined {
  const { fields } = event
  const device = fields.family === 'ipv6' ? 'flannel-v6.1' : 'flannel.1'
  switch (event.event) {
    case 'device.state':
      return `${device}: ${fields.from} → ${fields.to}${text(fields.because, ' (', ')')}`
    case 'device.effect':
      return `${device}: ${fields.effect}${text(fields.ms, ', ', ' ms')}`
    case 'peers.applied':
      return `${device}: wrote ${counts(fields)}${text(fields.ms, ' in ', ' ms')}`
    case 'underlay.chosen':
      return `underlay: ${event.message}`
    case 'underlay.waiting':
      return `underlay: waiting${text(fields.because, ' (', ')')}`
    default:
      return event.level === 'warn' || event.level === 'error' ? `${event.level}: ${event.message}` : undefined
  }
}

/** A row shall fit on a line; `--verbose` shows the whole. */
const LONGEST_REASON = 60

function counts(fields: Readonly<Record<string, unknown>>): string {
  const parts = [
    [fields.neighbours, 'neighbours'],
    [fields.fdb, 'FDB entries'],
    [fields.routes, 'routes'],
    [fields.deleted, 'deletions'],
    [fields.failed, 'failures'],
  ].filter(([count]) => typeof count === 'number' && count > 0)
  return parts.length === 0 ? 'nothing' : parts.map(([count, what]) => `${count} ${what}`).join(', ')
}

function text(value: unknown, before: string, after: string): string {
  if (value === undefined || value === null || value === '') return ''
  const shown = typeof value === 'number' ? String(Math.round(value * 10) / 10) : String(value)
  return `${before}${shown.length > LONGEST_REASON ? `${shown.slice(0, LONGEST_REASON - 1)}…` : shown}${after}`
}
