/**
 * The transition table of the device machine, a test a row. `observed X` is the answer to an observation that shows X.
 *
 *  row  from        event                                   to          asks for
 *   1   blind       wanted                                  blind       observe
 *   2   blind       observed no podCIDR                     waiting     –
 *   3   blind       observed no underlay, no device         waiting     –
 *   4   waiting     disturbed                               waiting     observe
 *   5   waiting     observed underlay, no device            creating    create
 *   6   creating    applied                                 creating    observe
 *   7   creating    observed device without address, down   repairing   change, add-address
 *   8   repairing   applied                                 repairing   observe
 *   9   repairing   observed healthy                        ready       –
 *  10   ready       disturbed                               ready       observe
 *  11   ready       observed healthy                        ready       –
 *  12   ready       gone (ours)                             blind       observe
 *  13   ready       gone (another link)                     ready       observe
 *  14   ready       observed underlay away                  stranded    –
 *  15   stranded    observed healthy                        ready       –
 *  16   stranded    observed device down                    repairing   change (up only)
 *  17   ready       observed other VNI                      removing    delete
 *  18   removing    applied                                 removing    observe
 *  19   removing    observed no device                      creating    create
 *  20   blind       observed place held by another link     blocked     pause (refusal)
 *  21   blocked     disturbed                               blocked     hasten
 *  22   blocked     due, observed healthy                   ready       –
 *  23   creating    apply-failed retry                      blind       pause (trouble)
 *  24   blind       due                                     blind       observe
 *  25   creating    apply-failed reject                     blocked     pause (refusal)
 *  26   creating    apply-failed fatal                      blocked     pause (refusal), fatal
 *  27   repairing   apply-failed device-gone                blind       pause (trouble)
 *  28   repairing   apply-failed reject of `local`          repairing   observe, then delete
 *  29   ready       the same repair again and again         ready       patience, with a flaw
 *  30   ready       observe-failed                          ready       pause (trouble)
 *  31   creating    observe-failed                          blind       pause (trouble)
 *  32   ready       observed bridged                        repairing   change (released)
 *  33   ready       observed on an interrupted dump         ready       pause (trouble)
 *  34   any         stop                                    stopped     –
 *  35   stopped     anything                                stopped     –
 *  36   ready       observed what packets do not need       ready       accept-ra-off, change of the MTU, …
 *  37   ready       apply-failed reject of such a repair    ready       observe, then patience, with a flaw
 *  38   ready       patience-over                           ready       observe; nothing while operations are in flight
 *  39   any         lost                                    blind …     observe
 *  40   waiting     wanted otherwise, while observing       waiting     –, and observe when the answer comes
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMachine, ifindexOf, type Machine, step } from '../../lib/device/machine.ts'
import type { DeviceEffect, DeviceEvent, DeviceOp, Observation } from '../../lib/device/types.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { parseIp } from '../../lib/net/ip.ts'
import {
  bare,
  DEVICE,
  healthy,
  LLADDR,
  OTHER_LLADDR,
  overlayAddress,
  pinnedSettings,
  settings,
  underlay,
  vxlanLink,
  wanted,
} from './support.ts'

const away = { waiting: 'mgmt0 has no address' }

/** A machine on its way, with what it asked for last. */
interface Walk {
  readonly machine: Machine
  readonly effects: readonly DeviceEffect[]
}

function start(over = settings): Walk {
  return { machine: createMachine(over), effects: [] }
}

function send(walk: Walk, event: DeviceEvent): Walk {
  return step(walk.machine, event)
}

/** Answers what was asked last. */
function see(walk: Walk, observation: Observation): Walk {
  return send(walk, { type: 'observed', epoch: walk.machine.epoch, observation })
}

function applied(walk: Walk): Walk {
  return send(walk, { type: 'applied', epoch: walk.machine.epoch })
}

type Failure = Extract<DeviceEvent, { type: 'apply-failed' }>
/** The last operation of those in flight. */
function fails(walk: Walk, verdict: Failure['verdict'], because = 'link.create flannel.1: EXXX'): Walk {
  const op: DeviceOp = JSON.parse(walk.machine.last?.ops ?? '[]').at(-1) ?? { op: 'delete', ifindex: DEVICE }
  return send(walk, { type: 'apply-failed', epoch: walk.machine.epoch, op, verdict, because })
}

function due(walk: Walk): Walk {
  return send(walk, { type: 'due', epoch: walk.machine.epoch })
}

const blind = (): Walk => send(start(), { type: 'wanted', wanted })
const waiting = (): Walk => see(blind(), bare({ underlay: away }))
const creating = (): Walk => see(blind(), bare())
const incomplete = healthy({ device: vxlanLink({ up: false }), addresses: [] })
const repairing = (): Walk => see(applied(creating()), incomplete)
const ready = (): Walk => see(applied(repairing()), healthy())
const stranded = (): Walk => see(send(ready(), { type: 'disturbed' }), healthy({ underlay: away }))
const held = bare({ holder: vxlanLink({ ifindex: parseIfindex(9), ifname: 'vxlan7', lladdr: OTHER_LLADDR }) })
const blocked = (): Walk => see(blind(), held)

function expect(walk: Walk, state: string, ...asked: string[]): void {
  assert.equal(walk.machine.state.name, state)
  const names = walk.effects.flatMap((effect) =>
    effect.type === 'apply' ? effect.ops.map((op) => op.op) : [effect.type],
  )
  assert.deepEqual(names, asked)
}

test('row 1: a wish makes a blind machine look', () => expect(blind(), 'blind', 'observe'))

test('row 2: without podCIDR it waits and says so', () => {
  const walk = see(send(start(), { type: 'wanted', wanted: { ...wanted, subnet: undefined } }), bare())
  expect(walk, 'waiting')
  assert.match(JSON.stringify(walk.machine.state), /podCIDR/)
})

test('row 3: without underlay and device it waits for the underlay, in its words', () => {
  expect(waiting(), 'waiting')
  assert.match(JSON.stringify(waiting().machine.state), /mgmt0 has no address/)
})

test('row 4: any disturbance ends the waiting with a look', () =>
  expect(send(waiting(), { type: 'disturbed' }), 'waiting', 'observe'))

test('row 5: an underlay without device is enough to create one, unpinned, with our lladdr', () => {
  const walk = see(send(waiting(), { type: 'disturbed' }), bare())
  expect(walk, 'creating', 'create')
  const [effect] = walk.effects
  assert.ok(effect?.type === 'apply' && effect.ops[0]?.op === 'create')
  const { spec } = effect.ops[0]
  assert.deepEqual(
    [spec.ifname, spec.lladdr, spec.local, spec.parent, spec.mtu],
    ['flannel.1', LLADDR, underlay.local, undefined, 1450],
  )
})

test('row 5, pinned: the parent is the interface of this very observation', () => {
  const walk = see(send(start(pinnedSettings), { type: 'wanted', wanted }), bare())
  const [effect] = walk.effects
  assert.ok(effect?.type === 'apply' && effect.ops[0]?.op === 'create')
  assert.equal(effect.ops[0].spec.parent, underlay.ifindex)
})

test('row 6: a created device is looked at, since only a dump tells its ifindex', () =>
  expect(applied(creating()), 'creating', 'observe'))

test('row 7: what a new device lacks is mended in place, up before the address', () => {
  expect(repairing(), 'repairing', 'change', 'add-address')
  assert.equal(ifindexOf(repairing().machine.state), DEVICE)
})

test('row 8: a repair is verified', () => expect(applied(repairing()), 'repairing', 'observe'))

test('row 9: a healthy device is ready and nothing more is asked', () => expect(ready(), 'ready'))

test('row 10: a disturbance of a ready device is looked at', () =>
  expect(send(ready(), { type: 'disturbed' }), 'ready', 'observe'))

test('row 11: a healthy device is left alone', () =>
  expect(see(send(ready(), { type: 'disturbed' }), healthy()), 'ready'))

test('row 12: the loss of the device forgets its ifindex at once', () => {
  const walk = send(ready(), { type: 'gone', ifindex: DEVICE })
  expect(walk, 'blind', 'observe')
  assert.equal(ifindexOf(walk.machine.state), undefined)
})

test('row 12, while a look is under way: its answer is not believed, another look follows', () => {
  const looking = send(ready(), { type: 'disturbed' })
  const lost = send(looking, { type: 'gone', ifindex: DEVICE })
  expect(lost, 'blind')
  expect(see(lost, healthy()), 'blind', 'observe')
})

test('row 13: the loss of another link is a disturbance', () =>
  expect(send(ready(), { type: 'gone', ifindex: parseIfindex(99) }), 'ready', 'observe'))

test('row 14: without underlay a device is stranded, not touched', () => expect(stranded(), 'stranded'))

test('row 15: when the underlay is back as it was, nothing is done', () =>
  expect(see(send(stranded(), { type: 'disturbed' }), healthy()), 'ready'))

test('row 16: a stranded device is mended in what does not need the underlay', () => {
  const walk = see(
    send(stranded(), { type: 'disturbed' }),
    healthy({ underlay: away, device: vxlanLink({ up: false }) }),
  )
  expect(walk, 'repairing', 'change')
  const [effect] = walk.effects
  assert.deepEqual(effect?.type === 'apply' && effect.ops, [{ op: 'change', ifindex: DEVICE, change: { up: true } }])
})

const otherVni = healthy({ device: vxlanLink({}, { vni: 5 }) })
const removing = (): Walk => see(send(ready(), { type: 'disturbed' }), otherVni)

test('row 17: what cannot be changed in place is removed', () => expect(removing(), 'removing', 'delete'))
test('row 18: a removal is verified', () => expect(applied(removing()), 'removing', 'observe'))
test('row 19: after the removal a new device is made', () =>
  expect(see(applied(removing()), bare()), 'creating', 'create'))

test('row 17, without underlay: nothing is removed that could not be made again', () => {
  const walk = see(send(ready(), { type: 'disturbed' }), { ...otherVni, underlay: away })
  expect(walk, 'waiting')
})

test('row 20: a place that another link holds blocks, and the message names the holder', () => {
  expect(blocked(), 'blocked', 'pause')
  assert.match(JSON.stringify(blocked().machine.state), /vxlan7 \(interface 9\)/)
})

test('row 21: a disturbance hastens the next look of a blocked machine', () =>
  expect(send(blocked(), { type: 'disturbed' }), 'blocked', 'hasten'))
test('row 22: what blocked is gone', () => {
  const looking = due(blocked())
  expect(looking, 'blocked', 'observe')
  expect(see(looking, healthy()), 'ready')
})

test('rows 23 and 24: after a failure that may pass it looks again when the governor says so', () => {
  const failed = fails(creating(), 'retry')
  expect(failed, 'blind', 'pause')
  assert.deepEqual(failed.effects, [{ type: 'pause', epoch: failed.machine.epoch, over: 'trouble' }])
  expect(due(failed), 'blind', 'observe')
})

test('row 25: a refusal blocks, with the kernel’s sentence', () => {
  const walk = fails(creating(), 'reject', 'link.create flannel.1: EINVAL (sentence)')
  expect(walk, 'blocked', 'pause')
  assert.match(JSON.stringify(walk.machine.state), /sentence.*"fatal":false/)
})

test('row 26: what can never work is marked as fatal', () => {
  const walk = fails(creating(), 'fatal')
  expect(walk, 'blocked', 'pause')
  assert.match(JSON.stringify(walk.machine.state), /"fatal":true/)
})

test('row 27: a device that died under a repair is looked for', () => {
  const walk = fails(repairing(), 'device-gone')
  expect(walk, 'blind', 'pause')
  assert.equal(ifindexOf(walk.machine.state), undefined)
})

test('row 28: a kernel that refuses to change `local` in place gets a new device', () => {
  const moved = healthy({ device: vxlanLink({}, { local: undefined }) })
  const repair = see(send(ready(), { type: 'disturbed' }), moved)
  expect(repair, 'repairing', 'change')
  const refused = fails(repair, 'reject')
  expect(refused, 'repairing', 'observe')
  expect(see(refused, moved), 'removing', 'delete')
})

test('row 29: a change that the kernel accepts without doing it ends as a flaw, and the device is used all the while', () => {
  const clamped = healthy({ device: vxlanLink({ mtu: 1430 }) })
  let walk = see(send(ready(), { type: 'disturbed' }), clamped)
  let times = 0
  for (; times < 20 && walk.effects[0]?.type === 'apply'; times += 1) {
    assert.equal(walk.machine.state.name, 'ready')
    walk = see(applied(walk), clamped)
  }
  assert.equal(times, 4)
  expect(walk, 'ready', 'patience')
  assert.match(JSON.stringify(walk.machine.state), /without doing it.*mtu 1430/)
  expect(see(send(walk, { type: 'disturbed' }), clamped), 'ready')
})

test('row 30: a look that fails takes nothing away', () => {
  const looking = send(ready(), { type: 'disturbed' })
  expect(send(looking, { type: 'observe-failed', epoch: looking.machine.epoch, because: 'ENOBUFS' }), 'ready', 'pause')
})

test('row 31: a look that fails after a write leaves nothing known', () => {
  const looking = applied(creating())
  expect(send(looking, { type: 'observe-failed', epoch: looking.machine.epoch, because: 'ENOBUFS' }), 'blind', 'pause')
})

test('row 32: a device in a bridge is released', () => {
  const walk = see(send(ready(), { type: 'disturbed' }), healthy({ bridged: true }))
  expect(walk, 'repairing', 'change')
  const [effect] = walk.effects
  assert.deepEqual(effect?.type === 'apply' && effect.ops, [
    { op: 'change', ifindex: DEVICE, change: { master: null } },
  ])
})

test('row 33: nobody rests on a dump that stayed interrupted', () => {
  const looking = send(ready(), { type: 'disturbed' })
  expect(see(looking, healthy({ interrupted: true })), 'ready', 'pause')
})

test('rows 34 and 35: a stopped machine asks for nothing, whatever happens', () => {
  for (const walk of [blind(), waiting(), creating(), repairing(), ready(), stranded(), removing(), blocked()]) {
    const stopped = send(walk, { type: 'stop' })
    expect(stopped, 'stopped')
    const events: DeviceEvent[] = [
      { type: 'disturbed' },
      { type: 'wanted', wanted },
      { type: 'gone', ifindex: DEVICE },
      { type: 'observed', epoch: walk.machine.epoch, observation: bare() },
      { type: 'applied', epoch: walk.machine.epoch },
      { type: 'due', epoch: walk.machine.epoch },
      { type: 'patience-over' },
      { type: 'lost', because: 'a test' },
    ]
    for (const event of events) expect(send(stopped, event), 'stopped')
  }
})

test('an answer to an older question is ignored', () => {
  const walk = ready()
  for (const event of [
    { type: 'observed', epoch: walk.machine.epoch - 1, observation: bare() },
    { type: 'applied', epoch: walk.machine.epoch - 1 },
    { type: 'due', epoch: walk.machine.epoch - 1 },
  ] satisfies DeviceEvent[])
    assert.equal(send(walk, event).machine, walk.machine)
})

test('what happens during a look leads to another look', () => {
  const looking = send(ready(), { type: 'disturbed' })
  expect(see(send(looking, { type: 'disturbed' }), healthy()), 'ready', 'observe')
})

test('a compatible device that exists keeps its lladdr; later changes of it are mended back', () => {
  const found = healthy({ device: vxlanLink({ lladdr: OTHER_LLADDR }) })
  const adopted = see(blind(), found)
  expect(adopted, 'ready')
  assert.equal(adopted.machine.lladdr, OTHER_LLADDR)
  const changed = see(send(adopted, { type: 'disturbed' }), healthy({ device: vxlanLink({ lladdr: LLADDR }) }))
  const [effect] = changed.effects
  assert.deepEqual(effect?.type === 'apply' && effect.ops, [
    { op: 'change', ifindex: DEVICE, change: { lladdr: OTHER_LLADDR } },
  ])
})

test('a configured lladdr is given to a device that exists', () => {
  const configured = { ...wanted, lladdr: { value: LLADDR, authority: 'configured' as const } }
  const walk = see(
    send(start(), { type: 'wanted', wanted: configured }),
    healthy({ device: vxlanLink({ lladdr: OTHER_LLADDR }) }),
  )
  expect(walk, 'repairing', 'change')
})

test('a pinned device that nobody asked for is adopted as it is', () => {
  expect(see(blind(), healthy({ device: vxlanLink({}, { parent: underlay.ifindex }) })), 'ready')
})

test('what happens during a pause hastens it, once it is over looks once', () => {
  const paused = fails(creating(), 'retry')
  const hastened = send(paused, { type: 'disturbed' })
  expect(hastened, 'blind', 'hasten')
  expect(due(hastened), 'blind', 'observe')
  expect(send(paused, { type: 'gone', ifindex: DEVICE }), 'blind', 'hasten')
})

test('the loss of the device ends a pause', () => {
  const looking = send(ready(), { type: 'disturbed' })
  const paused = send(looking, { type: 'observe-failed', epoch: looking.machine.epoch, because: 'ENOBUFS' })
  expect(send(paused, { type: 'gone', ifindex: DEVICE }), 'blind', 'observe')
})

test('row 36: what packets do not need is mended while the device stays ready', () => {
  for (const [seen, op] of [
    [{ acceptRa: 1 }, 'accept-ra-off'],
    [{ txChecksum: { actual: true, wanted: { on: false, because: 'a test' } } }, 'tx-checksum'],
    [{ txChecksum: { actual: false, wanted: { on: true, because: 'a test' } } }, 'tx-checksum'],
    [{ device: vxlanLink({ mtu: 1300 }) }, 'change'],
    [{ device: vxlanLink({}, { learning: true }) }, 'change'],
    [{ device: vxlanLink({ ifname: 'stolen0' }) }, 'change'],
  ] as const)
    expect(see(send(ready(), { type: 'disturbed' }), healthy(seen)), 'ready', op)
})

test('row 36, the other way: what packets need takes readiness away until it is mended', () => {
  const extra = (ip: string, prefixLength: number) => ({ ...overlayAddress, ip: parseIp(ip), prefixLength })
  for (const seen of [
    { device: vxlanLink({ up: false }) },
    { device: vxlanLink({ lladdr: OTHER_LLADDR }) },
    { device: vxlanLink({}, { local: parseIp('192.168.1.77') }) },
    { addresses: [] },
    { bridged: true },
    { addresses: [overlayAddress, extra('10.42.9.1', 24)] },
    { addresses: [overlayAddress, extra('192.168.7.7', 16)] },
  ])
    assert.equal(see(send(ready(), { type: 'disturbed' }), healthy(seen)).machine.state.name, 'repairing')
})

test('an address of somebody else’s on our device stays unless its connected route swallows outer packets', () => {
  const foreign = { ...overlayAddress, ip: parseIp('172.20.0.1'), prefixLength: 16 }
  expect(see(send(ready(), { type: 'disturbed' }), healthy({ addresses: [overlayAddress, foreign] })), 'ready')
  const swallowing = { ...overlayAddress, ip: parseIp('192.168.7.7'), prefixLength: 16 }
  const walk = see(send(ready(), { type: 'disturbed' }), healthy({ addresses: [overlayAddress, swallowing] }))
  expect(walk, 'repairing', 'delete-address')
})

test('rows 37 and 38: what is refused and does not stop packets is a flaw, told with its errno and tried again with patience', () => {
  const seen = healthy({ acceptRa: 1 })
  const refused = fails(see(send(ready(), { type: 'disturbed' }), seen), 'reject', 'EROFS')
  expect(refused, 'ready', 'observe')
  const flawed = see(refused, seen)
  expect(flawed, 'ready', 'patience')
  assert.match(JSON.stringify(flawed.machine.state), /"flaw":"EROFS"/)
  // Whatever else is heard, it is not tried before.
  const again = see(send(flawed, { type: 'disturbed' }), seen)
  expect(again, 'ready')
  assert.match(JSON.stringify(again.machine.state), /"flaw":"EROFS"/)
  const tried = see(send(again, { type: 'patience-over' }), seen)
  expect(tried, 'ready', 'accept-ra-off')
  assert.match(JSON.stringify(tried.machine.state), /"flaw":"EROFS"/)
  assert.doesNotMatch(JSON.stringify(see(applied(tried), healthy()).machine.state), /EROFS/)
})

test('row 38: patience over an earlier flaw that ends while a new device is mended leaves that device no more than a flaw', () => {
  const seen = healthy({ acceptRa: 1 })
  const flawed = see(fails(see(send(ready(), { type: 'disturbed' }), seen), 'reject', 'EROFS'), seen)
  const anew = see(applied(see(send(flawed, { type: 'gone', ifindex: DEVICE }), bare())), {
    ...incomplete,
    acceptRa: 1,
  })
  expect(anew, 'repairing', 'change', 'add-address', 'accept-ra-off')
  const refused = fails(send(anew, { type: 'patience-over' }), 'reject', 'EROFS')
  expect(refused, 'repairing', 'observe')
  expect(see(refused, seen), 'ready', 'patience')
  // Down and bare once more: what was done is done again.
  expect(see(refused, { ...incomplete, acceptRa: 1 }), 'repairing', 'change', 'add-address')
})

test('rows 36 and 37: what is refused keeps nothing else from being mended, and is not asked for with it', () => {
  const seen = healthy({ acceptRa: 1 })
  const flawed = see(fails(see(send(ready(), { type: 'disturbed' }), seen), 'reject', 'EROFS'), seen)
  const changed = healthy({ acceptRa: 1, device: vxlanLink({ lladdr: OTHER_LLADDR }) })
  const once = see(send(flawed, { type: 'disturbed' }), changed)
  expect(once, 'repairing', 'change')
  const twice = see(applied(once), changed)
  expect(twice, 'repairing', 'change')
  const mended = see(applied(twice), seen)
  expect(mended, 'ready', 'patience')
  assert.match(JSON.stringify(mended.machine.state), /"flaw":"EROFS"/)
  const both = healthy({ acceptRa: 1, device: vxlanLink({ mtu: 1400 }) })
  const shrunk = see(send(mended, { type: 'disturbed' }), both)
  expect(shrunk, 'ready', 'change')
  const twoFlaws = see(fails(shrunk, 'reject', 'EINVAL'), both)
  expect(twoFlaws, 'ready', 'patience')
  assert.match(JSON.stringify(twoFlaws.machine.state), /"flaw":"(EINVAL; EROFS|EROFS; EINVAL)"/)
})

test('row 38: a flaw is tried again although trouble or an exception came between its refusal and the next look', () => {
  const seen = healthy({ acceptRa: 1 })
  const refused = fails(see(send(ready(), { type: 'disturbed' }), seen), 'reject', 'EROFS')
  expect(see(send(refused, { type: 'lost', because: 'a bug' }), seen), 'ready', 'accept-ra-off')
  const shrunk = see(refused, healthy({ acceptRa: 1, device: vxlanLink({ mtu: 1400 }) }))
  expect(see(due(fails(shrunk, 'retry')), seen), 'ready', 'accept-ra-off')
})

test('row 39: whatever was in flight when an exception was contained, everything is looked at', () => {
  const walks = [
    blind(),
    waiting(),
    creating(),
    repairing(),
    ready(),
    stranded(),
    removing(),
    blocked(),
    send(ready(), { type: 'disturbed' }),
  ]
  for (const walk of walks) {
    const looking = send(walk, { type: 'lost', because: 'a test' })
    assert.equal(looking.effects[0]?.type, 'observe')
    expect(see(looking, healthy()), 'ready')
  }
})

test('row 40: what was asked for before we knew who we are is asked for again', () => {
  const nobody = send(start(), { type: 'wanted', wanted: { subnet: undefined, lladdr: undefined } })
  const asking = send(see(nobody, bare()), { type: 'disturbed' })
  expect(asking, 'waiting', 'observe')
  const known = send(asking, { type: 'wanted', wanted })
  expect(known, 'waiting')
  const again = see(known, bare())
  expect(again, 'waiting', 'observe')
  expect(see(again, bare()), 'creating', 'create')
})

test('an underlay without room for the family is told as such: the family cannot be', () => {
  const walk = see(blind(), bare({ underlay: { ...underlay, mtu: 100 } }))
  expect(walk, 'waiting')
  assert.match(JSON.stringify(walk.machine.state), /too small.*"cannot":true/)
  assert.match(JSON.stringify(waiting().machine.state), /"cannot":false/)
})

test('another address and another MTU are two messages, since the kernel refuses both in one', () => {
  const both = healthy({ underlay: { ...underlay, local: parseIp('192.168.1.9'), mtu: 1400 } })
  const walk = see(send(ready(), { type: 'disturbed' }), both)
  const [effect] = walk.effects
  assert.deepEqual(effect?.type === 'apply' && effect.ops, [
    { op: 'change', ifindex: DEVICE, change: { vxlan: { local: '192.168.1.9' } } },
    { op: 'change', ifindex: DEVICE, change: { mtu: 1350 } },
  ])
})
