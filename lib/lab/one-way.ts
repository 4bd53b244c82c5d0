/**
 * Rebuilds mgmt0 with another MAC, again and again, while pods of other nodes send towards the node and nothing comes back:
 * only an announcement tells the peers where the node is (kernel-facts 7). Owns what each peer believes before a rebuild.
 * Must not: let the node say anything else that a peer would learn from. So it and the API server know each other's MAC.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { NUD_PERMANENT } from '../addon/abi.ts'
import { monotonicMs } from '../host/clock.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { type Family, familyOf, type Ip } from '../net/ip.ts'
import { type Lladdr, randomLladdr } from '../net/lladdr.ts'
import { createEntryWriter, type EntryOp } from '../rtnl/entries.ts'
import type { Rtnl } from '../rtnl/port.ts'
import type { NodePlan } from './address-plan.ts'
import { hearAnnouncements } from './announcements.ts'
import { buildMgmtLink, linkOf, UNDERLAY_BRIDGE } from './fabric.ts'
import { median } from './gaps.ts'
import { LabError } from './lab-error.ts'
import type { OneWayReport, Silence } from './report.ts'
import { AWAY_MS, type Victim } from './victim.ts'
import { becomesTrue } from './waiting.ts'

/** As after traffic in both directions: believed for 15 to 45 s. */
const NUD_REACHABLE = 0x02
/** An agent announces so many moves in three minutes, lest it be taken for a duplicate: the next one has told none yet. */
const MOVES_OF_AN_AGENT = 4
/** Longer than any peer believes an old MAC (kernel-facts 7). */
const HOPELESS_MS = 60_000

export async function rebuildOneWay(victim: Victim): Promise<void> {
  const { plan, asked, step, fabric, node } = victim
  const peers = plan.nodes.filter(({ name }) => name !== node.name)
  const [witness] = peers
  if (witness === undefined) throw new LabError('one-way needs a second node')
  const known = new Map<Ip, Lladdr>()
  const rebuild = async (limitMs: number): Promise<readonly Silence[]> => {
    await introduce(victim, peers, known)
    const backMs = await replaceMgmt(victim)
    return await Promise.all(plan.families.map((family) => silenceOf(victim, family, backMs.get(family) ?? 0, limitMs)))
  }

  let unannounced: readonly Silence[] = []
  if (asked.unannouncedSeconds > 0)
    await step('by an agent that cannot announce', async () => {
      await restartAgent(victim, false)
      unannounced = await rebuild(asked.unannouncedSeconds * 1000)
      victim.note('tells the peers the MAC of mgmt0')
      await introduce(victim, peers, known)
    })
  const ears = await hearAnnouncements(witness.name, fabric.nodeRtnl(witness.name), plan.families, known)
  const silences: Silence[] = []
  await step(`announced, ${asked.repeats} times`, async () => {
    for (let done = 0; done < asked.repeats; done += 1) {
      if (done === 0 ? unannounced.length > 0 : done % MOVES_OF_AN_AGENT === 0) await restartAgent(victim, true)
      const found = await rebuild(HOPELESS_MS)
      if (found.some(({ ended }) => !ended)) throw new LabError('one-way: a peer never heard where the node is')
      silences.push(...found)
    }
  })
  await leave(victim)
  const { heardBy, counts } = await ears.stop()
  victim.tell({
    families: plan.families.map((family) => figuresOf(family, silences, unannounced)),
    heardBy,
    announced: [
      ...node.underlay.map((ip) => ({ ip, own: true, times: counts.get(ip) ?? 0 })),
      ...plan.floating.map((ip) => ({ ip, own: false, times: counts.get(ip) ?? 0 })),
    ],
  })
}

/** Every peer believes in the MAC of this moment, of the floating addresses too. */
async function introduce(
  { node, plan, rtnl, fabric }: Victim,
  peers: readonly NodePlan[],
  known: Map<Ip, Lladdr>,
): Promise<void> {
  const { lladdr = node.lladdr } = await linkOf(rtnl, 'mgmt0')
  const addresses = [...node.underlay, ...plan.floating]
  for (const ip of addresses) known.set(ip, lladdr)
  for (const { name } of peers) {
    const peer = fabric.nodeRtnl(name)
    await writeNeighbours(peer, await linkOf(peer, 'mgmt0'), addresses, lladdr, NUD_REACHABLE)
  }
}

function figuresOf(
  family: Family,
  silences: readonly Silence[],
  unannounced: readonly Silence[],
): OneWayReport['families'][number] {
  const silentMs = silences.flatMap((silence) => (silence.family === family ? [silence.ms] : []))
  const before = unannounced.find((silence) => silence.family === family)
  return { family, silentMs, medianMs: median(silentMs) ?? 0, worstMs: Math.max(...silentMs), unannounced: before }
}

async function restartAgent({ note, restartAgent, agentReady }: Victim, mayAnnounce: boolean): Promise<void> {
  note(`restarts the agent ${mayAnnounce ? '' : 'without CAP_NET_RAW'}`.trimEnd())
  await restartAgent(mayAnnounce)
  await agentReady()
}

/** Returns when each family's address was about to be there; a floating address is there before it. */
async function replaceMgmt({ node, plan, rtnl, fabric, note }: Victim): Promise<Map<Family, number>> {
  const lladdr = randomLladdr()
  const before = await linkOf(rtnl, 'mgmt0')
  note(`deletes mgmt0 (MAC ${before.lladdr})`)
  await rtnl.deleteLink(before.ifindex)
  await delay(AWAY_MS)
  const ifindex = await buildMgmtLink(rtnl, lladdr)
  const bridge = await linkOf(fabric.labRtnl, UNDERLAY_BRIDGE)
  if (bridge.lladdr === undefined) throw new LabError(`${UNDERLAY_BRIDGE} has no MAC`)
  await writeNeighbours(rtnl, { ifindex }, plan.labAddresses, bridge.lladdr, NUD_PERMANENT)
  await writeNeighbours(fabric.labRtnl, bridge, node.underlay, lladdr, NUD_PERMANENT)
  for (const ip of plan.floating)
    await rtnl.addAddress({ ifindex, ip, prefixLength: familyOf(ip) === 'ipv4' ? 32 : 128, noDad: true })
  const backMs = new Map<Family, number>()
  for (const ip of node.underlay) {
    const family = familyOf(ip)
    backMs.set(family, monotonicMs())
    await rtnl.addAddress({ ifindex, ip, prefixLength: plan.underlayPrefixLengths[family], noDad: true })
  }
  note(`mgmt0 is back (MAC ${lladdr}, ${[...plan.floating, ...node.underlay].join(', ')})`)
  return backMs
}

/** Until the last of the sending pods has been heard. */
async function silenceOf(victim: Victim, family: Family, sinceMs: number, limitMs: number): Promise<Silence> {
  let heard: readonly (number | null)[] = []
  const all = async (): Promise<boolean> => {
    heard = await victim.arrivals(family, sinceMs)
    return heard.every((atMs) => atMs !== null)
  }
  const ended = await becomesTrue(all, limitMs)
  const lastMs = ended ? Math.max(...heard.map(Number)) : monotonicMs()
  return { family, ms: lastMs - sinceMs, ended }
}

/** The node as it was, but for its MAC. */
async function leave({ node, plan, rtnl, fabric }: Victim): Promise<void> {
  const { ifindex, lladdr = node.lladdr } = await linkOf(rtnl, 'mgmt0')
  for (const ip of plan.floating)
    await rtnl.deleteAddress({ ifindex, ip, prefixLength: familyOf(ip) === 'ipv4' ? 32 : 128 })
  const bridge = await linkOf(fabric.labRtnl, UNDERLAY_BRIDGE)
  await writeNeighbours(fabric.labRtnl, bridge, node.underlay, lladdr, NUD_PERMANENT, 'delete')
  await writeNeighbours(rtnl, { ifindex }, plan.labAddresses, bridge.lladdr ?? lladdr, NUD_PERMANENT, 'delete')
}

async function writeNeighbours(
  rtnl: Rtnl,
  { ifindex }: { readonly ifindex: Ifindex },
  addresses: readonly Ip[],
  lladdr: Lladdr,
  state: number,
  op: EntryOp = 'replace',
): Promise<void> {
  const writer = createEntryWriter(addresses.length)
  for (const ip of addresses) writer.push(op, { kind: 'neighbour', ifindex, ip, lladdr, state, flags: 0, protocol: 0 })
  const { failures } = await rtnl.applyEntries(writer.finish())
  const [failure] = failures
  if (failure !== undefined) throw new LabError(`a neighbour of the underlay: ${failure.errnoName} ${failure.extack}`)
}
