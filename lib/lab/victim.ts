/** What a disturbance is given of the lab, and what it is. Types only, but for the time that mgmt0 is away. */
import type { Family } from '../net/ip.ts'
import type { Rtnl } from '../rtnl/port.ts'
import type { LabPlan, NodePlan } from './address-plan.ts'
import type { Fabric } from './fabric.ts'
import type { NodeApi } from './node-api.ts'
import type { LabOptions } from './options.ts'
import type { OneWayReport } from './report.ts'

/** NetworkManager leaves the interface away for 14 to 80 ms (kernel-facts 6); longer shows better who does what when. */
export const AWAY_MS = 150

export interface Victim {
  readonly node: NodePlan
  readonly plan: LabPlan
  readonly rtnl: Rtnl
  /** Called right before a step is taken, with a sentence for the timeline. */
  readonly note: (text: string) => void
  readonly api: NodeApi
  /** The node's agent, ended in order and started again, without CAP_NET_RAW where it may not announce. */
  readonly restartAgent: (mayAnnounce?: boolean) => Promise<void>
  /** Rejects with LabError when it is not ready within a bound. */
  readonly agentReady: () => Promise<void>
  /** Doors to every node of the lab, and to the lab itself. */
  readonly fabric: Fabric
  /**
   * A damage after which the pods must talk again before the next one is done; `title` names it in the report. Rejects with
   * LabError when they do not.
   */
  readonly step: (title: string, damage: () => Promise<void>) => Promise<void>
  /** When, at the receiver, the first probe of each pod pair of the family arrived that came after `sinceMs`. */
  readonly arrivals: (family: Family, sinceMs: number) => Promise<readonly (number | null)[]>
  readonly asked: Pick<LabOptions, 'repeats' | 'unannouncedSeconds'>
  /** What `one-way` found. */
  readonly tell: (found: OneWayReport) => void
}

export interface Disturbance {
  readonly title: string
  /** Nobody on the node is given anything to say: probes go towards it only. */
  readonly oneWay?: boolean
  /** Resolves when the last step is taken; from then on the node must heal. */
  readonly apply: (victim: Victim) => Promise<void>
}
