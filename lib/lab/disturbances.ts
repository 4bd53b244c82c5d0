/**
 * What the lab does to a node's network, one function a scenario, through the kernel's own interface, and to what its agent
 * hangs on. Must not: repair anything (mgmt0 excepted: its rebuild is part of the story) or look into the agent.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { NUD_PERMANENT } from '../addon/abi.ts'
import { randomLladdr } from '../net/lladdr.ts'
import { createEntryWriter, type NeighbourEntry, unpackEntries } from '../rtnl/entries.ts'
import type { Link, Rtnl } from '../rtnl/port.ts'
import { deviceName, type NodePlan } from './address-plan.ts'
import { buildMgmt, linkOf } from './fabric.ts'
import { LabError } from './lab-error.ts'
import { annotatedNode } from './node-api.ts'
import { rebuildOneWay } from './one-way.ts'
import type { ScenarioName } from './options.ts'
import { AWAY_MS, type Disturbance, type Victim } from './victim.ts'
import { becomesTrue } from './waiting.ts'

/** Until every agent has heard of a Node, also one that looks for the API server every few seconds by now. */
const HEARD_MS = 60_000

export const DISTURBANCES: Record<ScenarioName, Disturbance> = {
  'issue-2433': { title: 'issue 2433: mgmt0 deleted and rebuilt', apply: rebuildMgmt },
  'device-deleted': { title: 'the VXLAN device deleted', apply: deleteDevices },
  'neighbours-flushed': { title: 'its neighbours flushed', apply: flushNeighbours },
  'mac-changed': { title: 'its MAC address changed', apply: changeLladdrs },
  'api-server-away': { title: 'the API server away, and all of it', apply: loseApiServer },
  'one-way': { title: 'mgmt0 with another MAC, traffic one way', oneWay: true, apply: rebuildOneWay },
}

async function rebuildMgmt({ node, plan, rtnl, note }: Victim): Promise<void> {
  const before = await linkOf(rtnl, 'mgmt0')
  note(`deletes mgmt0 (ifindex ${before.ifindex})`)
  await rtnl.deleteLink(before.ifindex)
  await delay(AWAY_MS)
  note('begins to rebuild mgmt0')
  const ifindex = await buildMgmt(rtnl, node, plan)
  if (ifindex === before.ifindex) throw new LabError('the kernel gave the new mgmt0 its old ifindex')
  note(`mgmt0 is back (ifindex ${ifindex}, ${node.underlay.join(', ')})`)
}

async function deleteDevices(victim: Victim): Promise<void> {
  for (const device of await devicesOf(victim)) {
    victim.note(`deletes ${device.ifname} (ifindex ${device.ifindex})`)
    await victim.rtnl.deleteLink(device.ifindex)
  }
}

/** Nothing that a node needs to heal comes from the API server: memory does, and the disk after a restart. */
async function loseApiServer(victim: Victim): Promise<void> {
  const { plan, note, step, api } = victim
  const [leaves, joins] = plan.unbuilt
  await api.create(annotatedNode(leaves, plan.backend))
  await untilRoutes(victim, { to: [leaves], not: [] })
  await step('the API server goes away', async () => {
    note('stops the API server')
    await api.stop()
  })
  await step('mgmt0 deleted and rebuilt', () => rebuildMgmt(victim))
  await step('its agent restarted', async () => {
    note('restarts the agent')
    await victim.restartAgent()
  })
  if (plan.backend === 'vxlan') await step('the VXLAN device deleted', () => deleteDevices(victim))
  await step('the API server is back', async () => {
    note(`starts the API server, which lacks ${leaves.name} and has ${joins.name}`)
    await api.start({ created: [annotatedNode(joins, plan.backend)], deleted: [leaves.name] })
    await untilRoutes(victim, { to: [joins], not: [leaves] })
    note(`every node has the routes of ${joins.name} and none of ${leaves.name}`)
  })
}

async function untilRoutes(
  { plan, fabric }: Victim,
  { to, not }: { readonly to: readonly NodePlan[]; readonly not: readonly NodePlan[] },
): Promise<void> {
  const subnets = (nodes: readonly NodePlan[]): readonly string[] => nodes.flatMap((node) => node.subnets)
  const isRight = async (rtnl: Rtnl): Promise<boolean> => {
    const dumps = await Promise.all(plan.families.map((family) => rtnl.dumpRoutes(family)))
    const entries = dumps.flatMap(({ value }) => unpackEntries(value))
    const there = new Set<string>(entries.flatMap((entry) => (entry.kind === 'route' ? [entry.dst] : [])))
    return subnets(to).every((subnet) => there.has(subnet)) && !subnets(not).some((subnet) => there.has(subnet))
  }
  let others = plan.nodes.map(({ name }) => fabric.nodeRtnl(name))
  const allRight = async (): Promise<boolean> => {
    const right = await Promise.all(others.map(isRight))
    others = others.filter((_, index) => right[index] !== true)
    return others.length === 0
  }
  if (await becomesTrue(allRight, HEARD_MS)) return
  const names = (nodes: readonly NodePlan[]): string => nodes.map(({ name }) => name).join(', ') || 'nobody else'
  throw new LabError(`some node lacks the routes of ${names(to)}, or still has those of ${names(not)}`)
}

async function flushNeighbours(victim: Victim): Promise<void> {
  for (const device of await devicesOf(victim)) {
    const family = device.vxlan?.underlay ?? 'ipv4'
    const { value } = await victim.rtnl.dumpNeighbours(family, device.ifindex)
    const permanent = unpackEntries(value).filter((entry) => entry.kind === 'neighbour' && isPermanent(entry))
    const writer = createEntryWriter(permanent.length)
    for (const entry of permanent) writer.push('delete', entry)
    victim.note(`deletes the ${permanent.length} neighbours of ${device.ifname}`)
    const { failures } = await victim.rtnl.applyEntries(writer.finish())
    const [failure] = failures
    if (failure !== undefined)
      throw new LabError(`a neighbour of ${device.ifname} stays: ${failure.errnoName} ${failure.extack}`)
  }
}

async function changeLladdrs(victim: Victim): Promise<void> {
  for (const device of await devicesOf(victim)) {
    const lladdr = randomLladdr()
    victim.note(`changes the MAC of ${device.ifname} from ${device.lladdr} to ${lladdr}`)
    await victim.rtnl.changeLink(device.ifindex, { lladdr })
  }
}

/** Not what the kernel learnt or made by itself (IPv6 multicast). */
function isPermanent(entry: NeighbourEntry): boolean {
  return (entry.state & NUD_PERMANENT) !== 0
}

/** The VXLAN devices of all families. */
async function devicesOf({ node, plan, rtnl }: Victim): Promise<Link[]> {
  const links = (await rtnl.dumpLinks()).value
  return plan.families.map((family) => {
    const device = links.find((link) => link.ifname === deviceName(family))
    if (device === undefined) throw new LabError(`${node.name} has no ${deviceName(family)}`)
    return device
  })
}
