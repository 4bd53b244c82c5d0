/**
 * Carries out the kernel part of a cleanup and looks afterwards: an acknowledgement is no proof (kernel-facts 4).
 * Must not: decide what is ours (lib/cli/cleanup-plan).
 */
import { NetlinkError } from '../errors.ts'
import { FAMILIES } from '../net/ip.ts'
import type { Link, Rtnl } from '../rtnl/port.ts'
import { type CleanupScope, deletionBatch, type KernelFacts, type KernelPlan, planCleanup } from './cleanup-plan.ts'

/** Something of ours: what it is, and as which text it is known. */
export interface Removal {
  readonly kind: 'route' | 'device' | 'file' | 'folder'
  readonly subject: string
}

export interface Failure extends Removal {
  readonly because: string
}

/** Rounds of delete and look: somebody else may write routes of ours back meanwhile. */
const ROUNDS = 3

/** Dumps what the planner needs: all links, and the main table of both families. */
export async function observeKernel(rtnl: Rtnl): Promise<KernelFacts> {
  const links = (await rtnl.dumpLinks()).value
  const routes = []
  for (const family of FAMILIES) routes.push((await rtnl.dumpRoutes(family)).value)
  return { links, routes }
}

/** The plan as a list to show; a device says how much goes with it. */
export async function describePlan(rtnl: Rtnl, plan: KernelPlan): Promise<readonly Removal[]> {
  const devices: Removal[] = []
  for (const link of plan.devices) devices.push({ kind: 'device', subject: await deviceText(rtnl, link) })
  return [...plan.routes.map(({ subject }): Removal => ({ kind: 'route', subject })), ...devices]
}

async function deviceText(rtnl: Rtnl, link: Link): Promise<string> {
  let neighbours = 0
  for (const family of FAMILIES) neighbours += (await rtnl.dumpNeighbours(family, link.ifindex)).value.length
  const fdb = (await rtnl.dumpFdb(link.ifindex)).value.length
  const addresses = (await rtnl.dumpAddresses()).value.filter((address) => address.ifindex === link.ifindex).length
  return `${link.ifname} (VXLAN, VNI ${link.vxlan?.vni}; ${addresses} addresses, ${neighbours} neighbours, ${fdb} FDB entries)`
}

/** Routes first, then devices. What could not be removed comes back with its reason; nothing is thrown for it. */
export async function removeFromKernel(rtnl: Rtnl, plan: KernelPlan, scope: CleanupScope): Promise<readonly Failure[]> {
  const routeFailures = await removeRoutes(rtnl, plan, scope)
  const failures: Failure[] = []
  for (const link of plan.devices) {
    const because = await removeDevice(rtnl, link)
    if (because !== undefined) failures.push({ kind: 'device', subject: link.ifname, because })
  }
  return [...routeFailures, ...failures]
}

async function removeRoutes(rtnl: Rtnl, first: KernelPlan, scope: CleanupScope): Promise<Failure[]> {
  let left = first.routes
  let refusals = new Map<string, string>()
  for (let round = 0; round < ROUNDS && left.length > 0; round += 1) {
    const result = await rtnl.applyEntries(deletionBatch(left))
    refusals = new Map()
    for (const { index, errnoName, extack } of result.failures) {
      const subject = left[index]?.subject
      if (subject !== undefined) refusals.set(subject, extack === '' ? errnoName : `${errnoName} (${extack})`)
    }
    left = planCleanup(await observeKernel(rtnl), scope).routes
  }
  return left.map(({ subject }) => ({
    kind: 'route',
    subject,
    because: refusals.get(subject) ?? 'it is there again after its deletion: another program writes it',
  }))
}

async function removeDevice(rtnl: Rtnl, link: Link): Promise<string | undefined> {
  try {
    await rtnl.deleteLink(link.ifindex)
    return undefined
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error
    return error.errnoName === 'ENODEV' ? undefined : error.message
  }
}
