/**
 * An agent that finds a device full of entries: those of nodes that have vanished go, flannel's and ours alike, but only
 * once the API server has said that they have; and what belongs to others stays, whatever it looks like.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { claimOf, deviceName, type Family, routeLine } from '../healing/support/cluster.ts'
import { createHost, type Host, nodad } from './support/host.ts'
import { addFlannels, addOurs, flannelsNeighbour } from './support/leftovers.ts'
import { type Lines, merged, NOTHING, OWN, peer, tunnelled } from './support/nodes.ts'
import { addOthers, isOfOthers, readOthers } from './support/others.ts'

/** Nodes that still exist: with flannel's entries, with ours, and with flannel's of another MAC and address. */
const FLANNELS = peer('flannels', { subnet: 20 })
const OURS = peer('ours', { subnet: 21 })
const CHANGED = peer('changed', { subnet: 22 })
const CHANGED_BEFORE = peer('changed', { subnet: 22, at: 40, lladdr: 40 })
/** Without an entry yet. */
const FRESH = peer('fresh', { subnet: 23 })
const VANISHED_OF_FLANNEL = peer('vanished-1', { subnet: 30 })
const VANISHED_OF_OURS = peer('vanished-2', { subnet: 31 })

for (const families of [['ipv4'], ['ipv6'], ['ipv4', 'ipv6']] as const) {
  const title = families.join(' and ')
  test(`${title}: what vanished nodes left goes after the first list, and not before`, kernelTests, async (t) => {
    const { host, others, planted } = await createFullHost(t, families)
    const besides = await readOthers(host)
    const seen = await host.events.caughtUp()
    host.start()
    host.nodes.recall([FLANNELS, OURS, CHANGED, FRESH])
    await staysAt(host, (family) => merged(planted[family], addedFromMemory(family)))
    host.nodes.tell({ list: [], withoutUs: true })
    await staysAt(host, (family) => merged(planted[family], addedFromMemory(family)))
    assert.deepEqual(await deletedSince(host, seen), [], 'before our own Node is listed')

    const told = host.log.length
    host.nodes.tell({ list: [FLANNELS, OURS, CHANGED, FRESH] })
    await staysAt(host, (family) => merged(others[family], inTheEnd(family)))
    const applied = host.log.slice(told).filter(({ event }) => event === 'peers.applied')
    assert.ok(applied.length <= 3 * families.length, `it comes to rest: ${applied.length} rounds wrote something`)
    assert.deepEqual(await readOthers(host), besides)
    assert.deepEqual((await host.events.since(seen)).filter(isOfOthers), [], 'nobody touched what belongs to others')
  })
}

test('an agent that is told of no Node at all leaves everything as it is', kernelTests, async (t) => {
  const { host, planted } = await createFullHost(t, ['ipv4', 'ipv6'])
  const seen = await host.events.caughtUp()
  host.start()
  host.nodes.tell({ list: [], withoutUs: true })
  await host.said('leases.changed', 0, ({ message }) => message.includes('(our own)'))
  await staysAt(host, (family) => planted[family])
  assert.deepEqual(await deletedSince(host, seen), [])
})

test('a list without our own Node takes nothing away, until one comes that has it', kernelTests, async (t) => {
  const host = await createHost(t, { families: ['ipv4', 'ipv6'] })
  host.start()
  host.nodes.tell({ list: [FLANNELS, OURS] })
  await host.atRest([FLANNELS, OURS])
  host.nodes.tell({ list: [], withoutUs: true }, { put: FRESH })
  await host.right([FLANNELS, OURS, FRESH])
  host.nodes.tell({ delete: FRESH }, { put: CHANGED })
  await host.right([FLANNELS, OURS, FRESH, CHANGED])
  host.nodes.tell({ list: [FLANNELS, CHANGED] })
  await host.atRest([FLANNELS, CHANGED])
})

type PerFamily = Readonly<Record<Family, Lines>>

/** A pinned device as flannel left it, with entries of flannel's and ours, and things of others beside them. */
async function createFullHost(t: TestContext, families: readonly Family[]) {
  const host = await createHost(t, { families })
  for (const family of families) {
    const { overlay, underlay } = claimOf(family, OWN)
    const device = deviceName(family)
    await host.ip(
      `link add ${device} type vxlan id 1 dstport 8472 local ${underlay} dev mgmt0 nolearning`,
      `link set ${device} up`,
      `address add ${overlay}/${family === 'ipv4' ? 32 : 128} dev ${device}${nodad(family)}`,
    )
  }
  await addOthers(host)
  const others = await readBoth(host)
  for (const node of [FLANNELS, CHANGED_BEFORE, VANISHED_OF_FLANNEL]) await addFlannels(host, node)
  for (const node of [OURS, VANISHED_OF_OURS]) await addOurs(host, node)
  return { host, others, planted: await readBoth(host) }
}

async function readBoth(host: Host): Promise<PerFamily> {
  const lines = { ipv4: NOTHING, ipv6: NOTHING }
  for (const family of host.families) lines[family] = await host.read(family)
  return lines
}

/**
 * What is absent is added: all of a peer that has nothing; our IPv4 route beside flannel's, which has another metric; the
 * FDB entry of a MAC that nobody has yet. What differs waits.
 */
function addedFromMemory(family: Family): Lines {
  const changed = tunnelled(CHANGED, family)
  const beside = [FLANNELS, CHANGED].flatMap((node) => tunnelled(node, family).routes)
  return merged(tunnelled(FRESH, family), { ...NOTHING, fdb: changed.fdb, routes: family === 'ipv4' ? beside : [] })
}

/** A neighbour of flannel's is right as it is. */
function inTheEnd(family: Family): Lines {
  const flannels = { ...tunnelled(FLANNELS, family), neighbours: [flannelsNeighbour(FLANNELS, family)] }
  return merged(flannels, ...[OURS, CHANGED, FRESH].map((node) => tunnelled(node, family)))
}

/** The tables are so, and still are when the agent has looked at all of them twice more. */
async function staysAt(host: Host, shall: (family: Family) => Lines): Promise<void> {
  await host.until(shall)
  for (const verb of ['add', 'del']) {
    await host.ip(
      ...host.families.map((family) => `route ${verb} ${POKE[family]} dev ${deviceName(family)} proto static`),
    )
    const poked = (family: Family): Lines => ({ ...NOTHING, routes: verb === 'add' ? [pokedLine(family)] : [] })
    await host.until((family) => merged(shall(family), poked(family)))
  }
}

/** Somebody's routes that come and go, so that the agent looks again. */
const POKE: Readonly<Record<Family, string>> = { ipv4: '203.0.113.0/28', ipv6: '2001:db8:f::/64' }

function pokedLine(family: Family): string {
  return routeLine(POKE[family], undefined, deviceName(family), family === 'ipv4' ? 0 : 1024, 'static', [])
}

async function deletedSince(host: Host, seen: number): Promise<string[]> {
  const isPoke = (line: string): boolean => Object.values(POKE).some((prefix) => line.includes(prefix))
  return (await host.events.since(seen)).filter((line) => line.startsWith('Deleted') && !isPoke(line))
}
