/**
 * Carries out the kernel part of a cleanup and looks afterwards: an acknowledgement is no proof (kernel-facts 4).
 * Must not: decide what is ours (plan.ts).
 */
import { NetlinkError } from '../../errors.ts'
import { FAMILIES } from '../../net/ip.ts'
import type { Dump, Link, Rtnl } from '../../rtnl/port.ts'
import type { Failure, KernelFacts, Removal } from './facts.ts'
import { deletionBatch, type KernelPlan, planCleanup, type RouteRemoval } from './plan.ts'
import type { CleanupScope } from './scope.ts'

/** Rounds of delete and look: somebody else may write ours back meanwhile. */
const ROUNDS = 3

/** Dumps what the planner needs: all links, and the main table of both families. */
export async function observeKernel(rtnl: Rtnl): Promise<KernelFacts> {
  const missed: Failure[] = []
  const whole = <T>(kind: Removal['kind'], what: string, { value, interrupted, unreadable }: Dump<T>): T => {
    const because = interrupted ? 'the kernel interrupted the dump again and again' : unreadable?.first
    if (because !== undefined)
      missed.push({ kind, subject: `(any of ${what})`, because: `not all could be read: ${because}` })
    return value
  }
  const links = whole('device', 'the links', await rtnl.dumpLinks())
  const routes = []
  for (const family of FAMILIES) routes.push(whole('route', `the main table, ${family}`, await rtnl.dumpRoutes(family)))
  return { links, routes, missed }
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

/** Routes, then devices, until a look finds none. Returns all that stays, with the reason; nothing is thrown for it. */
export async function removeFromKernel(rtnl: Rtnl, plan: KernelPlan, scope: CleanupScope): Promise<readonly Failure[]> {
  let left = plan
  let refusals: ReadonlyMap<string, string> = new Map()
  for (let round = 0; round < ROUNDS && left.routes.length + left.devices.length > 0; round += 1) {
    refusals = new Map([...(await removeRoutes(rtnl, left.routes)), ...(await removeDevices(rtnl, left.devices))])
    left = planCleanup(await observeKernel(rtnl), scope)
  }
  const failure = (kind: Removal['kind'], subject: string): Failure => {
    const because = refusals.get(subject) ?? 'it is there again after its deletion: another program writes it'
    return { kind, subject, because }
  }
  return [
    ...left.routes.map(({ subject }) => failure('route', subject)),
    ...left.devices.map(({ ifname }) => failure('device', ifname)),
    ...left.stays,
  ]
}

/** What the kernel refused, by subject. */
async function removeRoutes(rtnl: Rtnl, routes: readonly RouteRemoval[]): Promise<ReadonlyMap<string, string>> {
  if (routes.length === 0) return new Map()
  const refusals = new Map<string, string>()
  for (const { index, errnoName, extack } of (await rtnl.applyEntries(deletionBatch(routes))).failures) {
    const subject = routes[index]?.subject
    if (subject !== undefined) refusals.set(subject, extack === '' ? errnoName : `${errnoName} (${extack})`)
  }
  return refusals
}

async function removeDevices(rtnl: Rtnl, devices: readonly Link[]): Promise<ReadonlyMap<string, string>> {
  const refusals = new Map<string, string>()
  for (const { ifname, ifindex } of devices) {
    try {
      await rtnl.deleteLink(ifindex)
    } catch (error) {
      if (!(error instanceof NetlinkError)) throw error
      refusals.set(ifname, error.message)
    }
  }
  return refusals
}
