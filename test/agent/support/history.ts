/**
 * Histories: sequences of what can happen to a node's network, to the lease source and to the agent, as data, and how
 * each is done to a fake node. Must not: hold expectations (the property test does).
 */

import { constants } from 'node:os'
import fc from 'fast-check'
import { addressBits } from '../../../lib/net/ip.ts'
import type { Administrator, LinkOptions, RequestName } from '../../support/fake-kernel/index.ts'
import { type FakeNode, lladdrOf, UNDERLAY_IFNAME, type World } from './fake-node.ts'

/** What a history is done to: a fake node, or a real one, whose administrator works through a queue. */
export interface Stage {
  readonly world: World
  readonly admin: Administrator<unknown> & { addNic(ifname: string, options?: LinkOptions): unknown }
  setPeers(peers: ReadonlyMap<number, number>, synced?: boolean): void
  after(delayMs: number, act: () => void): void
}

export type Happening =
  | { readonly do: 'delete-device' | 'device-down' | 'device-up' | 'rename-device' | 'bridge-device' | 'hide-device' }
  | {
      readonly do:
        | 'device-lladdr'
        | 'device-mtu'
        | 'drop-overlay-address'
        | 'wrong-overlay-address'
        | 'stranger-in-our-name'
    }
  | { readonly do: 'rebuild-underlay'; readonly afterMs: number; readonly mtu: number }
  | { readonly do: 'underlay-address'; readonly kept: 'none' | 'same' | 'other' }
  | { readonly do: 'underlay-mtu'; readonly mtu: number }
  | { readonly do: 'holder'; readonly there: boolean }
  | { readonly do: 'flush'; readonly what: 'neighbours' | 'routes' | 'fdb' }
  | {
      readonly do: 'damage'
      readonly kind: 'neighbour' | 'fdb' | 'route'
      readonly peer: number
      readonly alter: boolean
    }
  | { readonly do: 'leftover'; readonly peer: number }
  | { readonly do: 'peers'; readonly peers: readonly (readonly [number, number])[]; readonly synced: boolean }
  | {
      readonly do: 'fault'
      readonly on: RequestName
      readonly errno: number
      readonly kind: 'errno' | 'socket' | 'interrupted'
      readonly times: number
    }
  | { readonly do: 'overrun' | 'monitor-fails' | 'restart' }
  | { readonly do: 'during'; readonly request: number; readonly happening: Happening }
  | { readonly do: 'time'; readonly ms: number }

const REQUESTS: readonly RequestName[] = [
  'dumpLinks',
  'dumpAddresses',
  'dumpNeighbours',
  'dumpFdb',
  'dumpRoutes',
  'createVxlan',
  'changeLink',
  'deleteLink',
  'addAddress',
  'deleteAddress',
  'applyEntries',
]
const { EINTR, EAGAIN, ENOMEM, EBUSY, ENODEV, EINVAL, ENETDOWN, ENOBUFS } = constants.errno

const mtu = fc.constantFrom(1400, 1500, 1600)
/** Peers 2 to 5, each with one of the machines 2 to 7 behind it, no machine twice. */
export const peerSets = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 2, max: 5 }), fc.integer({ min: 2, max: 7 })), {
    maxLength: 4,
    selector: ([index]) => index,
  })
  .map((pairs) => pairs.filter(([, behind], i) => pairs.findIndex(([, other]) => other === behind) === i))

const simple: fc.Arbitrary<Happening> = fc.oneof(
  fc.constantFrom<Happening>(
    { do: 'delete-device' },
    { do: 'device-down' },
    { do: 'device-up' },
    { do: 'rename-device' },
    { do: 'bridge-device' },
    { do: 'hide-device' },
    { do: 'device-lladdr' },
    { do: 'device-mtu' },
    { do: 'drop-overlay-address' },
    { do: 'wrong-overlay-address' },
    { do: 'stranger-in-our-name' },
    { do: 'overrun' },
    { do: 'monitor-fails' },
  ),
  fc.record({ do: fc.constant('rebuild-underlay' as const), afterMs: fc.constantFrom(0, 0, 5, 200, 5000), mtu }),
  fc.record({
    do: fc.constant('underlay-address' as const),
    kept: fc.constantFrom('none' as const, 'same' as const, 'other' as const),
  }),
  fc.record({ do: fc.constant('underlay-mtu' as const), mtu }),
  fc.record({ do: fc.constant('holder' as const), there: fc.boolean() }),
  fc.record({
    do: fc.constant('flush' as const),
    what: fc.constantFrom('neighbours' as const, 'routes' as const, 'fdb' as const),
  }),
  fc.record({
    do: fc.constant('damage' as const),
    kind: fc.constantFrom('neighbour' as const, 'fdb' as const, 'route' as const),
    peer: fc.integer({ min: 2, max: 5 }),
    alter: fc.boolean(),
  }),
  fc.record({ do: fc.constant('leftover' as const), peer: fc.integer({ min: 2, max: 5 }) }),
  fc.record({
    do: fc.constant('fault' as const),
    on: fc.constantFrom(...REQUESTS),
    errno: fc.constantFrom(EINTR, EAGAIN, ENOMEM, EBUSY, ENODEV, EINVAL, ENETDOWN, ENOBUFS),
    kind: fc.constantFrom('errno' as const, 'socket' as const, 'interrupted' as const),
    times: fc.constantFrom(1, 1, 2, 4),
  }),
  fc.record({ do: fc.constant('peers' as const), peers: peerSets, synced: fc.boolean() }),
)

/** A view that comes in the middle of a round is complete: else a delete of that round would look like one it allowed. */
function complete(happening: Happening): Happening {
  return happening.do === 'peers' ? { ...happening, synced: true } : happening
}

export const happenings: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 12, arbitrary: simple },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('during' as const),
      request: fc.integer({ min: 1, max: 8 }),
      happening: simple.map(complete),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Happening>({ do: 'restart' }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.constantFrom(0, 1, 10, 100, 700, 5000) }),
  },
)

/** What the disturbances have brought and only their own side can take away again. */
export interface Debts {
  underlayAway: boolean
  /** The history is over: what waits for a request no longer happens. */
  over: boolean
}

/** Does it. Calls of the administrator that the kernel refuses are part of the history. */
export async function happen(node: FakeNode, happening: Happening, debts: Debts): Promise<void> {
  switch (happening.do) {
    case 'time':
      return await node.clock.run(happening.ms)
    case 'restart':
      return await node.restart()
    case 'during':
      node.kernel.at(happening.request, 'before', () => {
        if (!debts.over) disturbFake(node, happening.happening, debts)
      })
      return
    default:
      disturbFake(node, happening, debts)
  }
}

function disturbFake(node: FakeNode, happening: Happening, debts: Debts): void {
  const { world, kernel, clock } = node
  const stage: Stage = {
    world,
    admin: kernel.admin,
    setPeers: (peers, synced) => node.setPeers(peers, synced),
    after: (delayMs, act) => void clock.after(delayMs, act),
  }
  if (disturb(stage, happening, debts)) return
  if (happening.do === 'fault') fault(node, happening)
  else if (happening.do === 'overrun') kernel.overrun()
  else if (happening.do === 'monitor-fails') kernel.failMonitors()
}

/** What the administrator, another program or the lease source does; false: only a fake node can have this happen to it. */
export function disturb(stage: Stage, happening: Happening, debts: Debts): boolean {
  const { world, admin } = stage
  switch (happening.do) {
    case 'delete-device':
      admin.deleteLink(world.device)
      return true
    case 'device-down':
      admin.setDown(world.device)
      return true
    case 'device-up':
      admin.setUp(world.device)
      return true
    case 'rename-device':
      admin.rename(world.device, 'stolen0')
      return true
    case 'bridge-device':
      admin.addBridge('br0')
      admin.setMaster(world.device, 'br0')
      return true
    case 'hide-device':
      admin.sendAway(world.device)
      return true
    case 'device-lladdr':
      admin.setLladdr(world.device, '12:00:00:00:00:77')
      return true
    case 'device-mtu':
      admin.setMtu(world.device, 1300)
      return true
    case 'drop-overlay-address':
      admin.removeAddress(world.device, `${world.overlay(1)}/${addressBits(world.family)}`)
      return true
    case 'wrong-overlay-address':
      admin.addAddress(world.device, `${world.overlay(9)}/${addressBits(world.family)}`)
      return true
    case 'stranger-in-our-name':
      admin.deleteLink(world.device)
      admin.addBridge(world.device)
      return true
    case 'rebuild-underlay':
      rebuildUnderlay(stage, happening, debts)
      return true
    case 'underlay-address':
      changeAddress(stage, happening.kept)
      return true
    case 'underlay-mtu':
      admin.setMtu(UNDERLAY_IFNAME, happening.mtu)
      return true
    case 'holder':
      if (happening.there) admin.addVxlan('other0', { vni: 1, local: world.underlay, lladdr: '12:00:00:00:00:88' })
      else admin.deleteLink('other0')
      return true
    case 'flush':
      if (happening.what === 'neighbours') admin.flushNeighbours(world.device)
      else if (happening.what === 'routes') admin.flushRoutes(world.device)
      else admin.flushFdb(world.device)
      return true
    case 'damage':
      damage(stage, happening)
      return true
    case 'leftover':
      admin.replaceRoute({
        dst: world.subnet(happening.peer),
        via: world.overlay(happening.peer),
        dev: world.device,
        onlink: true,
      })
      return true
    case 'peers':
      stage.setPeers(new Map(happening.peers), happening.synced)
      return true
    case 'fault':
    case 'overrun':
    case 'monitor-fails':
    case 'during':
    case 'restart':
    case 'time':
      return false
  }
}

function fault(node: FakeNode, { kind, errno, on, times }: Extract<Happening, { do: 'fault' }>): void {
  if (kind === 'interrupted' && !on.startsWith('dump')) return
  node.kernel.faults.inject({
    on,
    times,
    fault:
      kind === 'errno'
        ? { kind, errno }
        : kind === 'socket'
          ? { kind, errno, done: errno % 2 === 0 }
          : { kind, omit: (index) => index % 2 === 0 },
  })
}

function rebuildUnderlay(
  stage: Stage,
  { afterMs, mtu: newMtu }: Extract<Happening, { do: 'rebuild-underlay' }>,
  debts: Debts,
): void {
  const { admin, world } = stage
  admin.deleteLink(UNDERLAY_IFNAME)
  const build = (): void => {
    debts.underlayAway = false
    admin.addNic(UNDERLAY_IFNAME, { mtu: newMtu })
    admin.setUp(UNDERLAY_IFNAME)
    admin.addAddress(UNDERLAY_IFNAME, `${world.underlay}/${world.prefix}`)
  }
  if (afterMs === 0) {
    build()
    return
  }
  debts.underlayAway = true
  stage.after(afterMs, build)
}

function changeAddress({ admin, world }: Stage, kept: 'none' | 'same' | 'other'): void {
  admin.removeAddress(UNDERLAY_IFNAME, `${world.underlay}/${world.prefix}`)
  admin.removeAddress(UNDERLAY_IFNAME, `${world.otherUnderlay}/${world.prefix}`)
  if (kept === 'same') admin.addAddress(UNDERLAY_IFNAME, `${world.underlay}/${world.prefix}`)
  if (kept === 'other') admin.addAddress(UNDERLAY_IFNAME, `${world.otherUnderlay}/${world.prefix}`)
}

function damage({ admin, world }: Stage, { kind, peer, alter }: Extract<Happening, { do: 'damage' }>): void {
  const { device } = world
  if (kind === 'neighbour') {
    if (alter) admin.replaceNeighbour(device, world.overlay(peer), lladdrOf(66))
    else admin.deleteNeighbour(device, world.overlay(peer))
  } else if (kind === 'fdb') {
    if (alter) admin.replaceFdb(device, lladdrOf(peer), world.remote(99))
    else admin.deleteFdb(device, lladdrOf(peer))
  } else if (alter) {
    admin.replaceRoute({
      dst: world.subnet(peer),
      via: world.overlay(9),
      dev: device,
      onlink: true,
      metric: world.metric(peer),
      protocol: 118,
    })
  } else admin.deleteRoute({ dst: world.subnet(peer) })
}

/**
 * Variants of a history that must end as it does: everything at once, with time after each step, each step twice, in the
 * reverse order.
 */
export const EXPANDERS: Readonly<Record<string, (history: readonly Happening[]) => readonly Happening[]>> = {
  'as it is': (history) => history,
  squashed: (history) => history.filter((happening) => happening.do !== 'time'),
  split: (history) => history.flatMap((happening) => [happening, { do: 'time', ms: 50 } as const]),
  doubled: (history) => history.flatMap((happening) => [happening, happening]),
  reversed: (history) => history.toReversed(),
}
