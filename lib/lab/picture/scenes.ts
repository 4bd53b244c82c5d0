/**
 * What a timeline shows of a scenario, before anything is drawn: one scene for the whole, or one a step where it has several, each with
 * its own moment of damage as zero. Pure. Must not: know pixels or colours.
 */
import type { Family } from '../../net/ip.ts'
import type { Outage } from '../gaps.ts'
import type { DeviceState, FamilyOutage, PairSilence, ScenarioReport } from '../report.ts'
import { FAMILY_NAMES } from '../tables.ts'
import type { MergedRow } from '../timeline.ts'

/** Milliseconds after the damage. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

export interface SilenceLane {
  readonly name: string
  readonly layer: PairSilence['layer']
  /** When at least one direction was silent; in order, apart from each other. */
  readonly silent: readonly Span[]
  /** Of the worst direction; what the tables say. */
  readonly totalMs: number
  /** false: something was still silent when the probes stopped. */
  readonly ended: boolean
}

export interface DeviceLane {
  readonly name: string
  readonly states: readonly (Span & { readonly state: string })[]
}

export interface Scene {
  readonly title: string
  /** What happens at 0. */
  readonly first: 'damage' | 'begins'
  readonly fromMs: number
  readonly toMs: number
  readonly silences: readonly SilenceLane[]
  readonly devices: readonly DeviceLane[]
  /** Of lab, kernel and agents: the probes are lanes. */
  readonly rows: readonly MergedRow[]
  /** When the last pod was heard again; undefined: none was silent, or one stayed so. */
  readonly wholeMs: number | undefined
}

/** Share of a scene that stays free before its first and after its last moment. */
const MARGIN = 0.03
/** A scene in which everything happens at once is still so long. */
const SHORTEST_MS = 10

export function scenesOf(scenario: ScenarioReport): Scene[] {
  const { steps, title, outages } = scenario
  if (steps.length === 0)
    return [makeScene(scenario, title, outages, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)]
  return steps.map((step, index) => {
    const toMs = steps[index + 1]?.fromMs ?? Number.POSITIVE_INFINITY
    return makeScene(scenario, step.title, step.outages, step.fromMs, toMs)
  })
}

/** `since`: the damage of this scene is the lab's first word after it. */
function makeScene(
  { timeline, silences, states, steps }: ScenarioReport,
  title: string,
  outages: readonly FamilyOutage[],
  sinceMs: number,
  untilMs: number,
): Scene {
  const within = (ms: number): boolean => ms >= sinceMs && ms < untilMs
  const told = timeline.filter((row) => within(row.atMs) && row.who !== 'probes')
  const zeroMs = told.find(({ who }) => who === 'lab')?.atMs ?? Math.max(0, sinceMs)
  const shift = (ms: number): number => ms - zeroMs
  const rows = told.map((row) => ({ ...row, atMs: shift(row.atMs), lastMs: shift(row.lastMs) }))
  const runs = (layer: PairSilence['layer'], family: Family): Span[] =>
    silences
      .filter((one) => one.layer === layer && one.family === family)
      .flatMap((one) => one.runs.filter(({ fromMs }) => within(fromMs)))
      .map((run) => ({ fromMs: shift(run.fromMs), toMs: shift(run.toMs) }))
  const lanes = lanesOf(outages, runs)
  const spans = [
    ...lanes.flatMap(({ silent }) => silent),
    ...rows.map((row) => ({ fromMs: row.atMs, toMs: row.lastMs })),
  ]
  const { fromMs, toMs } = aroundAll(spans)
  return {
    title,
    first: steps.length === 0 ? 'damage' : 'begins',
    fromMs,
    toMs,
    silences: lanes,
    devices: devicesOf(states, { fromMs: zeroMs + fromMs, toMs: zeroMs + toMs }, shift),
    rows,
    wholeMs: wholeAfter(lanes.filter(({ layer }) => layer === 'overlay')),
  }
}

function lanesOf(
  outages: readonly FamilyOutage[],
  runs: (layer: PairSilence['layer'], family: Family) => readonly Span[],
): SilenceLane[] {
  return outages.flatMap(({ family, pods, underlay }) => {
    const lane = (layer: PairSilence['layer'], { totalMs, ended }: Outage): SilenceLane => ({
      name: laneName(layer, family, outages.length),
      layer,
      silent: joinRuns(runs(layer, family)),
      totalMs,
      ended,
    })
    return [lane('overlay', pods), lane('underlay', underlay)]
  })
}

/** With the damage in it, and room at both ends. */
function aroundAll(spans: readonly Span[]): Span {
  const firstMs = Math.min(0, ...spans.map(({ fromMs }) => fromMs))
  const lastMs = Math.max(SHORTEST_MS, ...spans.map(({ toMs }) => toMs))
  const margin = (lastMs - firstMs) * MARGIN
  return { fromMs: firstMs - margin, toMs: lastMs + margin }
}

function laneName(layer: PairSilence['layer'], family: Family, families: number): string {
  return `${layer === 'overlay' ? 'pods' : 'nodes'}${families > 1 ? ` ${FAMILY_NAMES[family]}` : ''}`
}

function wholeAfter(pods: readonly SilenceLane[]): number | undefined {
  const ends = pods.flatMap(({ silent }) => silent.map(({ toMs }) => toMs))
  return ends.length === 0 || pods.some(({ ended }) => !ended) ? undefined : Math.max(...ends)
}

/** Overlapping and touching runs as one. */
export function joinRuns(runs: readonly Span[]): Span[] {
  const joined: { fromMs: number; toMs: number }[] = []
  for (const { fromMs, toMs } of [...runs].sort((a, b) => a.fromMs - b.fromMs)) {
    const last = joined.at(-1)
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs)
    else joined.push({ fromMs, toMs })
  }
  return joined
}

/** Only those states of which something lies inside; a state that is told again is one. */
function devicesOf(
  states: readonly DeviceState[],
  { fromMs, toMs }: Span,
  shift: (ms: number) => number,
): DeviceLane[] {
  return [...new Set(states.map(({ device }) => device))].map((name) => {
    const own = states.filter(({ device }) => device === name)
    const spans: { fromMs: number; toMs: number; state: string }[] = []
    own.forEach(({ atMs, state }, index) => {
      const span = {
        fromMs: shift(Math.max(atMs, fromMs)),
        toMs: shift(Math.min(own[index + 1]?.atMs ?? toMs, toMs)),
        state,
      }
      const last = spans.at(-1)
      if (last?.state === state) last.toMs = Math.max(last.toMs, span.toMs)
      else if (span.toMs > span.fromMs) spans.push(span)
    })
    return { name, states: spans }
  })
}
