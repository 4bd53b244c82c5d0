/**
 * Direct routing on the real kernel: who is reached directly is decided again when a peer moves and when the host's own
 * routes and links change; what the other form left, of a peer or of a whole run, does not stay.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { claimOf, type Family, routeLine } from '../healing/support/cluster.ts'
import { createHost, type Host, nodad, underlayPrefix } from './support/host.ts'
import { addOurs } from './support/leftovers.ts'
import { direct, type Lines, merged, movedTo, NOTHING, peer, tunnelled } from './support/nodes.ts'

const FAMILIES = ['ipv4', 'ipv6'] as const
const DIRECT = { backend: { DirectRouting: true } }

const NEAR = peer('near', { subnet: 20 })
const NEIGHBOUR = peer('neighbour', { subnet: 21 })
/** Behind the default gateway, or on the link mgmt1 once that has its addresses. */
const FAR = movedTo(peer('far', { subnet: 22 }), { ipv4: '192.0.2.22', ipv6: '2001:db8:2::22' })
const NEAR_AFAR = movedTo(NEAR, { ipv4: '192.0.2.20', ipv6: '2001:db8:2::20' })
const ALL = [NEAR, NEIGHBOUR, FAR]

const GATEWAY: Readonly<Record<Family, string>> = { ipv4: '172.16.0.254', ipv6: 'fd00:1::fe' }
const SECOND: Readonly<Record<Family, string>> = { ipv4: '192.0.2.1/24', ipv6: '2001:db8:2::1/64' }

for (const families of [['ipv4'], ['ipv6'], FAMILIES] as const) {
  const title = families.join(' and ')

  test(`${title}: a peer whose address moves behind a gateway goes through VXLAN, and back`, kernelTests, async (t) => {
    const host = await createRoutedHost(t, families)
    host.start(DIRECT)
    host.nodes.tell({ list: ALL })
    await host.until((family) => merged(near(NEAR, family), near(NEIGHBOUR, family), tunnelled(FAR, family)))
    const seen = host.log.length
    for (const again of [false, true, false]) {
      // Alone, and in a list in which much else has changed.
      const crowd = again ? Array.from({ length: 40 }, (_, i) => peer(`crowd-${i}`, { subnet: 3000 + i })) : []
      const others = (family: Family): Lines[] => crowd.map((node) => near(node, family))
      host.nodes.tell(...(again ? [{ list: [NEAR_AFAR, NEIGHBOUR, FAR, ...crowd] }] : [{ put: NEAR_AFAR }]))
      await host.until((family) =>
        merged(tunnelled(NEAR_AFAR, family), near(NEIGHBOUR, family), tunnelled(FAR, family), ...others(family)),
      )
      host.nodes.tell(...(again ? [{ list: ALL }] : [{ put: NEAR }]))
      await host.until((family) => merged(near(NEAR, family), near(NEIGHBOUR, family), tunnelled(FAR, family)))
    }
    assert.deepEqual(failures(host, seen), [])
  })

  test(
    `${title}: a host route by a gateway takes a peer behind VXLAN for as long as it is there`,
    kernelTests,
    async (t) => {
      const host = await createRoutedHost(t, families)
      host.start(DIRECT)
      host.nodes.tell({ list: ALL })
      await host.until((family) => merged(near(NEAR, family), near(NEIGHBOUR, family), tunnelled(FAR, family)))
      const seen = host.log.length
      const route = (verb: string): string[] =>
        families.map(
          (family) => `route ${verb} ${claimOf(family, 20).underlay} via ${GATEWAY[family]} dev mgmt0 proto static`,
        )
      await host.ip(...route('add'))
      const there = (family: Family): Lines => ({ ...NOTHING, routes: [hostRoute(family)] })
      await host.until((family) =>
        merged(tunnelled(NEAR, family), near(NEIGHBOUR, family), tunnelled(FAR, family), there(family)),
      )
      await host.ip(...route('del'))
      await host.until((family) => merged(near(NEAR, family), near(NEIGHBOUR, family), tunnelled(FAR, family)))
      assert.deepEqual(failures(host, seen), [])
    },
  )

  test(
    `${title}: a link that brings the peer's network makes it direct, and VXLAN is back when it goes`,
    kernelTests,
    async (t) => {
      const host = await createRoutedHost(t, families)
      host.start(DIRECT)
      host.nodes.tell({ list: ALL })
      const byVxlan = (family: Family): Lines =>
        merged(near(NEAR, family), near(NEIGHBOUR, family), tunnelled(FAR, family))
      const byMgmt1 = (family: Family): Lines =>
        merged(near(NEAR, family), near(NEIGHBOUR, family), direct(FAR, family, 'mgmt1'))
      await host.until(byVxlan)
      const addresses = (verb: string): string[] =>
        families.map((family) => `address ${verb} ${SECOND[family]} dev mgmt1${verb === 'add' ? nodad(family) : ''}`)
      await host.ip(...addresses('add'))
      await host.until(byMgmt1)
      await host.ip(...addresses('del'))
      await host.until(byVxlan)
      await host.ip(...addresses('add'))
      await host.until(byMgmt1)
      // The kernel announces none of the IPv4 routes that this takes away.
      await host.ip('link set mgmt1 down')
      await host.until(byVxlan)
      await host.ip('link set mgmt1 up', ...addresses('replace'))
      await host.until(byMgmt1)
      await host.ip('link del mgmt1')
      await host.until(byVxlan)
    },
  )

  test(
    `${title}: a restart with the other setting leaves nothing of the first, nor of a peer that went meanwhile`,
    kernelTests,
    async (t) => {
      const host = await createRoutedHost(t, families)
      const gone = peer('gone', { subnet: 23 })
      for (const backend of [{}, { DirectRouting: true }, {}]) {
        const shape = (family: Family): Lines => {
          const of = 'DirectRouting' in backend ? near : tunnelled
          return merged(of(NEAR, family), of(NEIGHBOUR, family), tunnelled(FAR, family))
        }
        host.start({ backend })
        host.nodes.tell({ list: ALL })
        await host.until(shape)
        host.nodes.tell({ list: [...ALL, gone] })
        await host.until((family) =>
          merged(shape(family), 'DirectRouting' in backend ? near(gone, family) : tunnelled(gone, family)),
        )
        await host.stop()
      }
    },
  )

  test(
    `${title}: the direct routes that flannel left give way to ours, unless no peer has their gateway`,
    kernelTests,
    async (t) => {
      const host = await createRoutedHost(t, families)
      for (const family of families) {
        const { subnet, underlay } = claimOf(family, 20)
        await host.ip(`route add ${subnet} via ${underlay} proto boot`)
        await host.ip(`route add ${claimOf(family, 24).subnet} via ${claimOf(family, 24).underlay} proto boot`)
      }
      const unknown = (family: Family): Lines => {
        const { subnet, underlay } = claimOf(family, 24)
        const metric = family === 'ipv4' ? 0 : 1024
        return { ...NOTHING, routes: [routeLine(subnet, underlay, 'mgmt0', metric, 'boot', [])] }
      }
      host.start(DIRECT)
      host.nodes.tell({ list: ALL })
      await host.until((family) =>
        merged(near(NEAR, family), near(NEIGHBOUR, family), tunnelled(FAR, family), unknown(family)),
      )
    },
  )

  test(`${title}: the VXLAN entries of a peer that is reached directly now do not stay`, kernelTests, async (t) => {
    const host = await createRoutedHost(t, families)
    host.start()
    host.nodes.tell({ list: [] })
    await host.said('agent.ready', 0)
    await host.stop()
    for (const node of ALL) await addOurs(host, node)
    host.start(DIRECT)
    host.nodes.tell({ list: ALL })
    await host.until((family) => merged(near(NEAR, family), near(NEIGHBOUR, family), tunnelled(FAR, family)))
  })
}

test(
  'an underlay that goes and comes back takes the direct routes along, and brings them back',
  kernelTests,
  async (t) => {
    const host = await createRoutedHost(t, FAMILIES)
    host.start(DIRECT)
    host.nodes.tell({ list: ALL })
    const right = (family: Family): Lines => merged(near(NEAR, family), near(NEIGHBOUR, family), tunnelled(FAR, family))
    await host.until(right)
    await host.ip('link set mgmt0 down')
    await host.ip('link set mgmt0 up')
    await host.ip(...FAMILIES.map((family) => `address replace ${underlayPrefix(family)} dev mgmt0${nodad(family)}`))
    await host.ip(...defaultRoutes(FAMILIES, 'replace'))
    await host.until(right)
  },
)

function near(node: typeof NEAR, family: Family): Lines {
  return direct(node, family, 'mgmt0')
}

/** With default routes by a gateway on mgmt0, and a second link without an address. */
async function createRoutedHost(t: TestContext, families: readonly Family[]): Promise<Host> {
  const host = await createHost(t, { families })
  await host.ip('link add mgmt1 type veth peer name far1', 'link set mgmt1 up', 'link set far1 up')
  await host.ip(...defaultRoutes(families, 'add'))
  const foreign = families.map((family) => {
    const metric = family === 'ipv4' ? 0 : 1024
    return [family, { ...NOTHING, routes: [routeLine('default', GATEWAY[family], 'mgmt0', metric, 'static', [])] }]
  })
  host.foreign = Object.fromEntries(foreign)
  return host
}

function defaultRoutes(families: readonly Family[], verb: string): string[] {
  return families.map((family) => `route ${verb} default via ${GATEWAY[family]} dev mgmt0 proto static`)
}

function hostRoute(family: Family): string {
  const metric = family === 'ipv4' ? 0 : 1024
  return routeLine(claimOf(family, 20).underlay, GATEWAY[family], 'mgmt0', metric, 'static', [])
}

/** Entries that the kernel refused. */
function failures(host: Host, seen: number): string[] {
  return host.log.slice(seen).flatMap(({ event, message }) => (event === 'peers.entry-failed' ? [message] : []))
}
