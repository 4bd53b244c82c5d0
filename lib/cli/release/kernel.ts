/**
 * Carries out a release: flannel's routes, a look, then ours, each only where flannel's was seen; a look at the end. Nothing is written
 * where nothing is to be done. Must not: decide what is ours.
 */
import type { Rtnl } from '../../rtnl/port.ts'
import type { Failure } from '../cleanup/facts.ts'
import { observeKernel } from '../cleanup/kernel.ts'
import { deletionBatch } from '../cleanup/plan.ts'
import type { CleanupScope } from '../cleanup/scope.ts'
import { additionBatch, planRelease, type ReleasePlan } from './plan.ts'

/** Rounds of add, look and delete: somebody else may write meanwhile. */
const ROUNDS = 3

/** Resolves with all of ours that stays, with the reason; nothing is thrown for it. */
export async function releaseRoutes(rtnl: Rtnl, plan: ReleasePlan, scope: CleanupScope): Promise<readonly Failure[]> {
  const look = async (): Promise<ReleasePlan> => planRelease(await observeKernel(rtnl), scope)
  let left = plan
  let refusals: ReadonlyMap<string, string> = new Map()
  for (let round = 0; round < ROUNDS && left.handovers.length + left.removals.length > 0; round += 1) {
    refusals = await addFlannels(rtnl, left)
    if (left.handovers.some(({ step }) => step !== 'stands')) left = await look()
    await deleteOurs(rtnl, left)
    left = await look()
  }
  const because = (subject: string): string =>
    refusals.get(subject) ?? 'it is there again after its deletion: another program writes it'
  const ours = [...left.handovers.map((handover) => handover.ours), ...left.removals]
  return [...ours.map(({ subject }): Failure => ({ kind: 'route', subject, because: because(subject) })), ...left.stays]
}

/** What the kernel refused, by the route of ours. Refused as it is there already: the look tells. */
async function addFlannels(rtnl: Rtnl, { handovers }: ReleasePlan): Promise<ReadonlyMap<string, string>> {
  const missing = handovers.filter(({ step }) => step !== 'stands')
  if (missing.length === 0) return new Map()
  const refusals = new Map<string, string>()
  for (const { index, errnoName, extack } of (await rtnl.applyEntries(additionBatch(missing))).failures) {
    const subject = missing[index]?.ours.subject
    const text = extack === '' ? errnoName : `${errnoName} (${extack})`
    if (subject !== undefined) refusals.set(subject, `flannel's route in its place is refused: ${text}`)
  }
  return refusals
}

async function deleteOurs(rtnl: Rtnl, { handovers, removals }: ReleasePlan): Promise<void> {
  const ready = handovers.filter(({ step }) => step === 'stands').map(({ ours }) => ours)
  const gone = [...ready, ...removals]
  if (gone.length > 0) await rtnl.applyEntries(deletionBatch(gone))
}
