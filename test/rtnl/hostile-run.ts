/** Calls that no function takes, against a real kernel that another socket watches. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import * as netlinkModule from '../../lib/netlink/index.ts'
import { ByteWriter, openGeneric, openNetlink } from '../../lib/netlink/index.ts'
import * as rtnlModule from '../../lib/rtnl/index.ts'
import { createEntryWriter, openRtnl, openWireguard, type Rtnl } from '../../lib/rtnl/index.ts'
import { BYTES, FAMILY, FLOOR, GENERIC, NETLINK, WIREGUARD } from '../netlink/hostile-floor.ts'
import { FUNCTIONS, hostileValues, METHODS, spoilt, WRITER } from './hostile-calls.ts'
import type { Row } from './hostile-rows.ts'
import { apply, createDevice, createStage, listen, peerEntries } from './support.ts'

/** What the call throws or rejects with; undefined: it was taken. */
export async function outcomeOf(object: object, name: string, args: unknown[]): Promise<unknown> {
  try {
    await ((object as Record<string, unknown>)[name] as (...args: unknown[]) => unknown)(...args)
    return undefined
  } catch (error) {
    return error
  }
}

/** A name, an object or module of that name, and the rows of its functions. */
export type Group = readonly [name: string, object: object, rows: Readonly<Record<string, Row>>]

/** Everything that can be opened, in a network namespace; `rtnl`: is closed with the rest. */
export async function openGroups(rtnl: Rtnl, netns?: string) {
  const options = netns === undefined ? {} : { netns }
  const netlink = openNetlink({ protocol: 'route', ...options })
  const generic = openGeneric(options)
  const family = await generic.family('nlctrl')
  assert.ok(family, 'the family of generic netlink itself')
  const wireguard = openWireguard(options)
  const bytes = new ByteWriter()
  bytes.zeros(8)
  const groups: readonly Group[] = [
    ['', rtnlModule, FUNCTIONS],
    ['rtnl', rtnl, METHODS],
    ['writer', createEntryWriter(), WRITER],
    ['netlink', netlinkModule, FLOOR],
    ['Netlink', netlink, NETLINK],
    ['Generic', generic, GENERIC],
    ['GenericFamily', family, FAMILY],
    ['Wireguard', wireguard, WIREGUARD],
    ['ByteWriter', bytes, BYTES],
  ]
  const close = async (): Promise<void> => {
    await Promise.all([rtnl, netlink, generic, wireguard].map((one) => one.close()))
  }
  return { groups, close }
}

/** Every row's every place with every value that cannot stand there, over and over: the kernel is as it was, and was silent. */
export async function hostileCalls(t: TestContext, count: number): Promise<void> {
  const { rtnl, netns } = await createStage(t)
  const { groups, close } = await openGroups(rtnl, netns.path)
  t.after(close)
  // Link-local addresses come by themselves, and later.
  await netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=1')
  const ifindex = await createDevice(rtnl)
  await apply(rtnl, 'create', peerEntries(ifindex, 'ipv4', 1))
  const watcher = openRtnl({ netns: netns.path })
  t.after(() => watcher.close())
  const before = await everything(watcher, ifindex)
  const ears = listen(t, watcher, ['link', 'address', 'neighbour', 'route', 'rule'], { ignoreOwn: false })
  const rows = groups.flatMap(([, object, ofObject]) =>
    Object.entries(ofObject).flatMap(([name, row]) => row.places.map((place) => ({ object, name, row, place }))),
  )
  const values = hostileValues().length
  let made = 0
  for (let value = 0; made < count; value = (value + 1) % values)
    for (const { object, name, row, place } of rows) {
      const hostile = hostileValues()[value]
      if (place.legal(hostile)) continue
      const error = await outcomeOf(object, name, spoilt(row.args(), place.path, hostile))
      assert.ok(error instanceof TypeError || error instanceof RangeError, `${name}, ${place.named}: ${String(error)}`)
      made += 1
    }
  // What was sent before is heard before this.
  await rtnl.createBridge({ ifname: 'fence' })
  await ears.until((news) => news.type === 'link' && news.link.ifname === 'fence')
  assert.deepEqual(
    ears.heard.filter((news) => !(news.type === 'link' && news.link.ifname === 'fence')),
    [],
  )
  for (const link of (await rtnl.dumpLinks()).value) if (link.ifname === 'fence') await rtnl.deleteLink(link.ifindex)
  assert.deepEqual(await everything(watcher, ifindex), before)
  t.diagnostic(`${made} calls`)
}

async function everything(rtnl: Rtnl, ifindex: rtnlModule.Ifindex): Promise<unknown> {
  const families = ['ipv4', 'ipv6'] as const
  return {
    links: (await rtnl.dumpLinks()).value,
    addresses: (await rtnl.dumpAddresses()).value,
    fdb: rtnlModule.unpackEntries((await rtnl.dumpFdb(ifindex)).value),
    ...Object.fromEntries(
      await Promise.all(
        families.map(async (family) => [
          family,
          [
            rtnlModule.unpackEntries((await rtnl.dumpRoutes(family)).value),
            // Those of multicast come by themselves.
            rtnlModule
              .unpackEntries((await rtnl.dumpNeighbours(family, ifindex)).value)
              .filter(({ state }) => state === rtnlModule.NUD_PERMANENT),
            (await rtnl.dumpRules(family)).value,
          ],
        ]),
      ),
    ),
  }
}
