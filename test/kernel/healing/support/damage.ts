/**
 * What a damage is. Each resolves when the damage is done, by iproute2, and nothing but the agent's work is missing.
 * Must not: repair anything that the agent shall repair, nor judge.
 */
import type { Scope } from '../../../support/netns.ts'
import { deviceName, type Family } from './cluster.ts'
import type { Host } from './host.ts'

export interface Damage {
  /** The end of the sentence "the agent heals a device that …". */
  readonly name: string
  /** `one`: nothing of any peer but the victim may be touched; `device`: of this family anything may. */
  readonly extent: 'one' | 'device'
  /** It waits for the agent on its way: nothing else may happen at the same time. */
  readonly waits?: true
  /** false: does not exist with a pinned device. */
  readonly pinned?: false
  apply(host: Host, family: Family, t: Scope): Promise<void>
}

/** Commands of one step are run as they are, those of several while the agent stands still. */
export function device(name: string, lines: (device: string, family: Family) => string[]): Damage {
  return {
    name,
    extent: 'device',
    apply: (host, family) => inOneStep(host, lines(deviceName(family), family)),
  }
}

export async function inOneStep(host: Host, lines: readonly string[]): Promise<void> {
  if (lines.length === 1) await host.ip(...lines)
  else await host.whileFrozen(() => host.ip(...lines))
}
