/** How the suites see a way of programming entries. Must not: measure; `program` times itself, from its first entry to its last answer. */
import type { Timing } from '../frame/rounds.ts'
import type { Growth } from '../frame/statistics.ts'
import type { Batches } from '../world/batches.ts'
import type { Ground } from '../world/ground.ts'

export type Work = keyof Batches

export interface Programmer {
  readonly name: string
  readonly growth: Growth
  /** One kind of work in all families of the ground. Throws when an entry was refused. */
  program(ground: Ground, work: Work, batches: readonly Batches[]): Promise<Timing>
}
