/**
 * What `vtepd release` would do, computed from dumps: which route of flannel's stands for each of ours, and what keeps it from being
 * written. Pure. Must not: decide which routes are ours (lib/cli/cleanup).
 *
 * IPv4: flannel's route has metric 0 and is another route beside ours, which wins at once. IPv6: a route without metric becomes one
 * of metric 1024, which is ours too, so that flannel's takes the place of ours in one message (kernel-facts 1).
 */

import { RTN_BLACKHOLE, RTN_UNICAST, RTPROT_BOOT } from '../../addon/abi.ts'
import { cidrFamily } from '../../net/cidr.ts'
import { IPV6_METRIC } from '../../overlay/route-metric.ts'
import { createEntryWriter, type EntryTable, type RouteEntry, unpackEntries, unpackEntry } from '../../rtnl/entries.ts'
import type { Failure, KernelFacts } from '../cleanup/facts.ts'
import { planCleanup, type RouteRemoval } from '../cleanup/plan.ts'
import type { CleanupScope } from '../cleanup/scope.ts'

/** One route of ours, and flannel's for the same peer. */
export interface Handover {
  readonly ours: RouteRemoval
  readonly flannels: RouteEntry
  /** `create`: beside ours; `replace`: in the place of ours; `stands`: it is there, so that ours may go. */
  readonly step: 'create' | 'replace' | 'stands'
}

export interface ReleasePlan {
  readonly handovers: readonly Handover[]
  /** Ours, for which flannel has none to stand there: the blackhole of our own subnet. */
  readonly removals: readonly RouteRemoval[]
  /** What cannot be handed over, with the reason. */
  readonly stays: readonly Failure[]
}

export function planRelease(facts: KernelFacts, scope: CleanupScope): ReleasePlan {
  const { routes, stays } = planCleanup(facts, { ...scope, routesOnly: true })
  const others = routesByKey(facts.routes)
  const handovers: Handover[] = []
  const removals: RouteRemoval[] = []
  const failures: Failure[] = [...stays]
  for (const ours of routes) {
    const route = unpackEntry(ours.table, ours.index)
    if (route.kind !== 'route') continue
    const flannels = flannelsForm(route)
    if (flannels === undefined) {
      if (route.type === RTN_BLACKHOLE) removals.push(ours)
      else failures.push({ kind: 'route', subject: ours.subject, because: 'flannel writes no such route' })
      continue
    }
    const step = stepOf(route, flannels, others.get(keyOf(flannels)) ?? [])
    if (step !== undefined) handovers.push({ ours, flannels, step })
    else {
      const because = `another program has a route at ${flannels.dst} and metric ${flannels.metric}: remove that one first`
      failures.push({ kind: 'route', subject: ours.subject, because })
    }
  }
  return { handovers, removals, stays: failures }
}

/** As flanneld writes it (flannel-contract 6); undefined: there is none. */
function flannelsForm(route: RouteEntry): RouteEntry | undefined {
  if (route.type !== RTN_UNICAST || route.gateway === undefined || route.extras || route.multipath) return undefined
  const metric = cidrFamily(route.dst) === 'ipv4' ? 0 : IPV6_METRIC
  return { ...route, metric, protocol: RTPROT_BOOT, dead: false }
}

/** undefined: somebody else has a route in that place. */
function stepOf(ours: RouteEntry, flannels: RouteEntry, there: readonly RouteEntry[]): Handover['step'] | undefined {
  const strangers = there.filter((route) => !isSame(route, flannels) && !isSame(route, ours))
  if (strangers.length > 0) return undefined
  if (there.some((route) => isSame(route, flannels))) return 'stands'
  return ours.metric === flannels.metric ? 'replace' : 'create'
}

function isSame(a: RouteEntry, b: RouteEntry): boolean {
  return (
    a.dst === b.dst &&
    a.metric === b.metric &&
    a.gateway === b.gateway &&
    a.oif === b.oif &&
    a.onlink === b.onlink &&
    a.protocol === b.protocol &&
    a.type === b.type &&
    a.extras === b.extras
  )
}

function keyOf({ dst, metric }: RouteEntry): string {
  return `${dst} ${metric}`
}

function routesByKey(tables: readonly EntryTable[]): ReadonlyMap<string, readonly RouteEntry[]> {
  const found = new Map<string, RouteEntry[]>()
  for (const table of tables)
    for (const route of unpackEntries(table)) {
      if (route.kind !== 'route') continue
      const key = keyOf(route)
      found.set(key, [...(found.get(key) ?? []), route])
    }
  return found
}

/** Flannel's routes that are not there yet, as one batch. */
export function additionBatch(handovers: readonly Handover[]): EntryTable {
  const writer = createEntryWriter(handovers.length)
  for (const { flannels, step } of handovers) if (step !== 'stands') writer.push(step, flannels)
  return writer.finish()
}
