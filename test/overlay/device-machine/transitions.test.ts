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
 *  20   blind       observed place held by another link     blocked     timer
 *  21   blocked     disturbed                               blocked     observe
 *  22   blocked     observed healthy                        ready       –
 *  23   creating    apply-failed retry, first time          blind       observe
 *  24   creating    apply-failed retry, again               blind       timer
 *  25   creating    apply-failed reject                     blocked     timer
 *  26   creating    apply-failed fatal                      blocked     timer, fatal
 *  27   repairing   apply-failed device-gone                blind       observe
 *  28   repairing   apply-failed reject of `local`          blind       observe, then delete
 *  29   repairing   the same repair again and again         ready       timer, with a flaw
 *  30   ready       observe-failed                          ready       timer
 *  31   creating    observe-failed                          blind       timer
 *  32   ready       observed bridged                        repairing   change (released)
 *  33   ready       observed on an interrupted dump         ready       timer
 *  34   any         stop                                    stopped     –
 *  35   stopped     anything                                stopped     –
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIfindex } from '../../../lib/net/ifindex.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import { createMachine, ifindexOf, type Machine, step } from '../../../lib/overlay/device-machine/machine.ts'
import type { DeviceEffect, DeviceEvent, Observation } from '../../../lib/overlay/device-machine/types.ts'
import {
  bare,
  DEVICE,
  healthy,
  LLADDR,
  OTHER_LLADDR,
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
function fails(walk: Walk, verdict: Failure['verdict'], because = 'link.create flannel.1: EXXX'): Walk {
  return send(walk, { type: 'apply-failed', epoch: walk.machine.epoch, verdict, because })
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
  expect(blocked(), 'blocked', 'timer')
  assert.match(JSON.stringify(blocked().machine.state), /vxlan7 \(interface 9\)/)
})

test('row 21: a disturbance makes a blocked machine look again', () =>
  expect(send(blocked(), { type: 'disturbed' }), 'blocked', 'observe'))
test('row 22: what blocked is gone', () => expect(see(send(blocked(), { type: 'disturbed' }), healthy()), 'ready'))

test('row 23: the first failure of a creation is answered with a look', () =>
  expect(fails(creating(), 'retry'), 'blind', 'observe'))

test('row 24: further failures wait longer and longer, at most 500 ms', () => {
  let walk = fails(creating(), 'retry')
  const delays: number[] = []
  for (let i = 0; i < 12; i += 1) {
    walk = fails(see(walk, bare()), 'retry')
    assert.equal(walk.machine.state.name, 'blind')
    const [effect] = walk.effects
    assert.ok(effect?.type === 'timer')
    delays.push(effect.delayMs)
    walk = send(walk, { type: 'timer', epoch: walk.machine.epoch })
  }
  assert.deepEqual(
    delays,
    delays.toSorted((a, b) => a - b),
  )
  assert.equal(delays.at(-1), 500)
})

test('row 25: a refusal blocks, with the kernel’s sentence', () => {
  const walk = fails(creating(), 'reject', 'link.create flannel.1: EINVAL (sentence)')
  expect(walk, 'blocked', 'timer')
  assert.match(JSON.stringify(walk.machine.state), /sentence.*"fatal":false/)
})

test('row 26: what can never work is marked as fatal', () => {
  const walk = fails(creating(), 'fatal')
  expect(walk, 'blocked', 'timer')
  assert.match(JSON.stringify(walk.machine.state), /"fatal":true/)
})

test('row 27: a device that died under a repair is looked for', () => {
  const walk = fails(repairing(), 'device-gone')
  expect(walk, 'blind', 'observe')
  assert.equal(ifindexOf(walk.machine.state), undefined)
})

test('row 28: a kernel that refuses to change `local` in place gets a new device', () => {
  const moved = healthy({ device: vxlanLink({}, { local: undefined }) })
  const repair = see(send(ready(), { type: 'disturbed' }), moved)
  expect(repair, 'repairing', 'change')
  const refused = fails(repair, 'reject')
  expect(refused, 'blind', 'observe')
  expect(see(refused, moved), 'removing', 'delete')
})

test('row 29: a change that the kernel accepts without doing it ends as a flaw, and the device is used', () => {
  const clamped = healthy({ device: vxlanLink({ mtu: 1430 }) })
  let walk = send(ready(), { type: 'disturbed' })
  let rounds = 0
  for (; rounds < 20 && walk.effects[0]?.type !== 'timer'; rounds += 1)
    walk = applied(see(walk, clamped)).effects.length === 0 ? see(walk, clamped) : applied(see(walk, clamped))
  assert.ok(rounds < 20)
  expect(walk, 'ready', 'timer')
  assert.match(JSON.stringify(walk.machine.state), /without doing it.*mtu 1430/)
})

test('row 30: a look that fails takes nothing away', () => {
  const looking = send(ready(), { type: 'disturbed' })
  expect(send(looking, { type: 'observe-failed', epoch: looking.machine.epoch, because: 'ENOBUFS' }), 'ready', 'timer')
})

test('row 31: a look that fails after a write leaves nothing known', () => {
  const looking = applied(creating())
  expect(send(looking, { type: 'observe-failed', epoch: looking.machine.epoch, because: 'ENOBUFS' }), 'blind', 'timer')
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
  expect(see(looking, healthy({ interrupted: true })), 'ready', 'timer')
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
      { type: 'timer', epoch: walk.machine.epoch },
    ]
    for (const event of events) expect(send(stopped, event), 'stopped')
  }
})

test('an answer to an older question is ignored', () => {
  const walk = ready()
  for (const event of [
    { type: 'observed', epoch: walk.machine.epoch - 1, observation: bare() },
    { type: 'applied', epoch: walk.machine.epoch - 1 },
    { type: 'timer', epoch: walk.machine.epoch - 1 },
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

test('a fight is answered, but not at the speed of the other side', () => {
  let walk = fails(creating(), 'retry')
  for (let i = 0; i < 5; i += 1) {
    walk = fails(see(walk, bare()), 'retry')
    walk = send(walk, { type: 'timer', epoch: walk.machine.epoch })
  }
  walk = fails(see(walk, bare()), 'retry')
  const once = send(walk, { type: 'disturbed' })
  expect(once, 'blind', 'timer')
  expect(send(once, { type: 'disturbed' }), 'blind')
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
