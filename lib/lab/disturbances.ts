/**
 * What the lab does to a node's network, one function a scenario, through the kernel's own interface.
 * Must not: repair anything (mgmt0 excepted: its rebuild is part of the story) or look at the agent.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { randomLladdr } from '../net/lladdr.ts'
import { NUD_PERMANENT } from '../rtnl/abi.ts'
import { createEntryWriter, type NeighbourEntry, unpackEntries } from '../rtnl/entries.ts'
import type { Link, Rtnl } from '../rtnl/port.ts'
import { deviceName, type LabPlan, type NodePlan } from './address-plan.ts'
import { buildMgmt, findLink } from './fabric.ts'
import { LabError } from './lab-error.ts'
import type { ScenarioName } from './options.ts'

export interface Victim {
  readonly node: NodePlan
  readonly plan: LabPlan
  readonly rtnl: Rtnl
  /** Called right before a step is taken, with a sentence for the timeline. */
  readonly note: (text: string) => void
}

export interface Disturbance {
  readonly title: string
  /** Resolves when the last step is taken; from then on the node must heal. */
  readonly apply: (victim: Victim) => Promise<void>
}

/** NetworkManager leaves the interface away for 14 to 80 ms (kernel-facts 6); longer shows better who does what when. */
const AWAY_MS = 150

export const DISTURBANCES: Record<ScenarioName, Disturbance> = {
  'issue-2433': { title: 'issue 2433: mgmt0 deleted and rebuilt', apply: rebuildMgmt },
  'device-deleted': { title: 'the VXLAN device deleted', apply: deleteDevices },
  'neighbours-flushed': { title: 'its neighbours flushed', apply: flushNeighbours },
  'mac-changed': { title: 'its MAC address changed', apply: changeLladdrs },
}

async function rebuildMgmt({ node, plan, rtnl, note }: Victim): Promise<void> {
  const before = await findLink(rtnl, 'mgmt0')
  if (before === undefined) throw new LabError(`${node.name} has no mgmt0`)
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
