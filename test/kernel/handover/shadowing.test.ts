/**
 * A route that the kernel prefers to a peer's: what is ours or flannel's is resolved; anything else is named while every
 * other peer works, and the peer works too as soon as it has gone, whichever of the two was there first.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { claimOf, deviceName, type Family, routeLine } from '../healing/support/cluster.ts'
import { createHost, type Host, nodad } from './support/host.ts'
import { type Lines, merged, NOTHING, type PeerNode, peer, tunnelled } from './support/nodes.ts'

const HIDDEN = peer('hidden', { subnet: 20 })
const OTHER = peer('other', { subnet: 21 })
const LATER = peer('later', { subnet: 22 })

/** What stands in the way, by `ip` words; `shown` is in the line that names it. */
interface Obstacle {
  readonly name: string
  readonly shown: RegExp
  add(family: Family): string
  remove(family: Family): string
}

const subnetOf = (family: Family): string => claimOf(family, 20).subnet

const routeOfType = (type: string, protocol: 'boot' | 'static'): Obstacle => ({
  name: `${type} route of protocol ${protocol}`,
  shown: new RegExp(`\`${type} .* proto ${protocol} metric 3\``),
  add: (family) => `route add ${type} ${subnetOf(family)} proto ${protocol} metric 3`,
  remove: (family) => `route del ${type} ${subnetOf(family)} proto ${protocol} metric 3`,
})

/** The first address of the subnet with its length, as cni0 has it. */
function bridgeAddress(family: Family): string {
  return family === 'ipv4' ? '10.0.20.1/24' : 'fd42:0:0:14::1/64'
}

const OBSTACLES: readonly Obstacle[] = [
  routeOfType('blackhole', 'boot'),
  routeOfType('unreachable', 'static'),
  routeOfType('prohibit', 'static'),
  {
    name: 'route to another link',
    shown: /dev cni0 .*proto static metric 3`/,
    add: (family) => `route add ${subnetOf(family)} dev cni0 proto static metric 3`,
    remove: (family) => `route del ${subnetOf(family)} dev cni0 proto static metric 3`,
  },
  {
    name: 'connected route of an old address of cni0',
    shown: /dev cni0 .*proto kernel/,
    add: (family) => `address add ${bridgeAddress(family)} dev cni0${nodad(family)}`,
    remove: (family) => `address del ${bridgeAddress(family)} dev cni0`,
  },
]

for (const family of ['ipv4', 'ipv6'] as const)
  for (const first of ['the peer', 'the obstacle'] as const)
    test(`${family}: a peer behind somebody's route, ${first} being there first`, kernelTests, async (t) => {
      for (const obstacle of OBSTACLES)
        await t.test(obstacle.name, async (t) => {
          const host = await createBridgedHost(t, family)
          host.nodes.tell({ list: [OTHER] })
          await host.atRest([OTHER])
          await comesBack(host, family, obstacle, first)
        })
    })

async function comesBack(host: Host, family: Family, obstacle: Obstacle, first: string): Promise<void> {
  const seen = host.log.length
  const seenEvents = await host.events.caughtUp()
  if (first === 'the peer') {
    host.nodes.tell({ put: HIDDEN })
    await host.right([OTHER, HIDDEN])
    assert.equal(await wayTo(host, family, 20), deviceName(family))
    await host.ip(obstacle.add(family))
  } else {
    await host.ip(obstacle.add(family))
    host.nodes.tell({ put: HIDDEN })
  }
  const named = await host.said('peers.shadowed', seen)
  assert.ok(named.message.includes(`packets to ${subnetOf(family)} of hidden take`), named.message)
  assert.match(named.message, obstacle.shown)
  assert.notEqual(await wayTo(host, family, 20), deviceName(family))
  assert.equal(await wayTo(host, family, 21), deviceName(family))
  host.nodes.tell({ put: LATER })
  await untilWayTo(host, family, 22)
  host.nodes.tell({ delete: LATER })

  await host.ip(obstacle.remove(family))
  await host.atRest([OTHER, HIDDEN])
  assert.equal(await wayTo(host, family, 20), deviceName(family))
  const lost = (await host.events.since(seenEvents)).filter(
    (line) => /^Deleted/.test(line) && line.includes(markOf(family)),
  )
  assert.deepEqual(lost, [], 'the other peer')
  const lines = host.log.slice(seen).filter(({ event }) => event === 'peers.shadowed')
  assert.deepEqual(
    lines.map(({ message }) => message.replace(/ \(after \d+ s\)$/, '')).slice(1),
    ['no route of others wins over ours any more'],
    'told once that it stands, once that it does no more',
  )
  host.nodes.tell({ delete: HIDDEN })
  await host.right([OTHER])
}

for (const family of ['ipv4', 'ipv6'] as const) {
  test(
    `${family}: a hidden peer that goes takes its own route, and not the one in front of it`,
    kernelTests,
    async (t) => {
      const host = await createBridgedHost(t, family)
      host.nodes.tell({ list: [OTHER, HIDDEN] })
      await host.atRest([OTHER, HIDDEN])
      for (const metric of family === 'ipv4' ? [0, 20, 22] : [1, 1023, 1025]) {
        const line = routeLine(subnetOf(family), undefined, blackholeDevice(family), metric, 'boot', [], 'blackhole')
        await host.ip(`route add blackhole ${subnetOf(family)} metric ${metric}`)
        host.foreign = { [family]: { ...NOTHING, routes: [line] } }
        await host.atRest([OTHER, HIDDEN])
        host.nodes.tell({ delete: HIDDEN })
        await host.atRest([OTHER])
        host.nodes.tell({ put: HIDDEN })
        await host.atRest([OTHER, HIDDEN])
        await host.ip(`route del blackhole ${subnetOf(family)} metric ${metric}`)
        host.foreign = {}
        await host.atRest([OTHER, HIDDEN])
      }
    },
  )

  test(
    `${family}: what flannel and an older vtepd left in front of a peer goes, beside what is named`,
    kernelTests,
    async (t) => {
      const host = await createBridgedHost(t, family)
      host.nodes.tell({ list: [OTHER, HIDDEN] })
      await host.atRest([OTHER, HIDDEN])
      const { overlay } = claimOf(family, 20)
      const behind = `via ${overlay} dev ${deviceName(family)} onlink`
      const seen = host.log.length
      await host.ip(
        `route add blackhole ${subnetOf(family)} proto static metric 5`,
        `route add ${subnetOf(family)} ${behind} proto boot metric ${family === 'ipv4' ? 0 : 4}`,
        `route add ${subnetOf(family)} ${behind} proto 118 metric 6`,
        `route add ${subnetOf(family)} ${behind} proto 118 metric 4000`,
      )
      const blackhole = routeLine(subnetOf(family), undefined, blackholeDevice(family), 5, 'static', [], 'blackhole')
      host.foreign = { [family]: { ...NOTHING, routes: [blackhole] } }
      await host.atRest([OTHER, HIDDEN])
      await host.said('peers.shadowed', seen, ({ message }) => message.includes('metric 5'))
      await host.ip(`route del blackhole ${subnetOf(family)} proto static metric 5`)
      host.foreign = {}
      await host.atRest([OTHER, HIDDEN])
      assert.equal(await wayTo(host, family, 20), deviceName(family))
    },
  )

  test(`${family}: a connected route in the very place of a peer's is not overwritten`, kernelTests, async (t) => {
    const host = await createBridgedHost(t, family)
    host.nodes.tell({ list: [OTHER] })
    await host.atRest([OTHER])
    const { metric } = claimOf(family, 20)
    const seen = host.log.length
    await host.ip(`address add ${bridgeAddress(family)} dev cni0 metric ${metric}${nodad(family)}`)
    const connected = await connectedRoutes(host, family)
    assert.equal(connected.length, 1)
    for (const list of [
      [OTHER, HIDDEN],
      [HIDDEN, OTHER],
    ]) {
      host.nodes.tell({ list: [OTHER] }, { list })
      await host.said('peers.shadowed', seen, ({ message }) => message.includes('proto kernel'))
      await host.until((each) => merged(tunnelled(OTHER, each), withoutRoute(HIDDEN, each)))
      assert.deepEqual(await connectedRoutes(host, family), connected)
    }
    await host.ip(`address del ${bridgeAddress(family)} dev cni0`)
    await host.atRest([OTHER, HIDDEN])
  })
}

test(
  "ipv6: somebody's route that covers the gateway of a peer's keeps that one out until it goes",
  kernelTests,
  async (t) => {
    const host = await createBridgedHost(t, 'ipv6')
    const seen = host.log.length
    await host.ip(`route add ${subnetOf('ipv6')} via fd00:1::99 dev mgmt0 proto static metric 2000`)
    const line = routeLine(subnetOf('ipv6'), 'fd00:1::99', 'mgmt0', 2000, 'static', [])
    host.foreign = { ipv6: { ...NOTHING, routes: [line] } }
    host.nodes.tell({ list: [OTHER, HIDDEN] })
    await host.until((each) => merged(tunnelled(OTHER, each), withoutRoute(HIDDEN, each)))
    const failed = await host.said('peers.entry-failed', seen)
    assert.match(failed.message, /route\.(replace|create) fd42:0:0:14::\/64: EINVAL/)
    await host.ip(`route del ${subnetOf('ipv6')} via fd00:1::99 dev mgmt0 proto static metric 2000`)
    host.foreign = {}
    await host.atRest([OTHER, HIDDEN])
  },
)

/** A running agent beside a bridge as CNI makes it. */
async function createBridgedHost(t: TestContext, family: Family): Promise<Host> {
  const host = await createHost(t, { families: [family] })
  await host.ip('link add pod0 type veth peer name pod1', 'link add cni0 type bridge', 'link set pod0 master cni0')
  await host.ip('link set pod1 up', 'link set pod0 up', 'link set cni0 up')
  host.start()
  return host
}

function withoutRoute(node: PeerNode, family: Family): Lines {
  return { ...tunnelled(node, family), routes: [] }
}

/** iproute2 shows `lo` for IPv6. */
function blackholeDevice(family: Family): string | undefined {
  return family === 'ipv4' ? undefined : 'lo'
}

function markOf(family: Family): string {
  return claimOf(family, 21).subnet
}

async function connectedRoutes(host: Host, family: Family): Promise<string[]> {
  const flag = family === 'ipv4' ? '-4' : '-6'
  const text = await host.netns.exec('ip', flag, 'route', 'show', 'dev', 'cni0', 'proto', 'kernel')
  return text.split('\n').filter((line) => line.includes(subnetOf(family)))
}

/** The link by which a packet to a pod of that node leaves; undefined: it is refused. */
async function wayTo(host: Host, family: Family, node: number): Promise<string | undefined> {
  const { overlay } = claimOf(family, node)
  const pod = family === 'ipv4' ? overlay.replace(/0$/, '9') : `${overlay}9`
  try {
    const [route] = JSON.parse(await host.netns.exec('ip', '-j', 'route', 'get', pod)) as {
      dev?: string
      type?: string
    }[]
    return route?.type === undefined || route.type === 'unicast' ? route?.dev : undefined
  } catch {
    return undefined
  }
}

async function untilWayTo(host: Host, family: Family, node: number): Promise<void> {
  for (let looks = 0; (await wayTo(host, family, node)) !== deviceName(family); looks += 1) {
    assert.ok(looks < 100, `${node} is not reached`)
    await host.events.more(host.events.lines.length, 100)
  }
}
