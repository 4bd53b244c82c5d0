/** The open floor on a real kernel: requests, dumps, groups, generic netlink, and calls that are ended early. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { OUTCOME_SOCKET } from '../../lib/addon/abi.ts'
import type { AddonSocket } from '../../lib/addon/addon.ts'
import { NetlinkError, NetlinkSocketError } from '../../lib/errors.ts'
import {
  attributes,
  type Dump,
  decodePayload,
  encodeMessage,
  listOf,
  message,
  type Netlink,
  type NetlinkEvent,
  NLM_F_CREATE,
  NLM_F_EXCL,
  openGeneric,
  openNetlink,
  type Subscription,
  s32,
  struct,
  text,
  u8,
  u16,
  u32,
} from '../../lib/netlink/index.ts'
import { netlinkOver } from '../../lib/netlink/netlink.ts'
import { pad } from '../../lib/netlink/structs.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18
const RTNLGRP_LINK = 1

const link = message(
  struct({ family: u8, pad1: pad(1), type: u16, ifindex: s32, flags: u32, change: u32 }),
  attributes({
    ifname: [3, text],
    mtu: [4, u32],
    linkinfo: [18, attributes({ kind: [1, text], data: [2, attributes({ id: [1, u32] })] })],
    altnames: [52, listOf(text, { id: 53 })],
  }),
)
const LINKS = { type: RTM_GETLINK, body: link, value: {}, answer: link, answerType: RTM_NEWLINK }

async function createStage(t: TestContext): Promise<{ netns: Netns; netlink: Netlink }> {
  const netns = await createNetns(t)
  const netlink = openNetlink({ protocol: 'route', netns: netns.path })
  t.after(() => netlink.close())
  return { netns, netlink }
}

const bridge = (ifname: string) => ({
  type: RTM_NEWLINK,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  body: link,
  value: { ifname, linkinfo: { kind: 'bridge' } },
  op: 'link.create',
  subject: ifname,
})

test(
  'a link is made, asked for by name, dumped and deleted by messages of the caller’s own',
  kernelTests,
  async (t) => {
    const { netns, netlink } = await createStage(t)
    assert.deepEqual(await netlink.request(bridge('br0')), [], 'an acknowledgement alone')
    await netns.exec('ip', 'link', 'property', 'add', 'dev', 'br0', 'altname', 'a-longer-name-than-fifteen')
    const [found] = await netlink.request({ ...LINKS, value: { ifname: 'br0' } })
    assert.equal(found?.linkinfo?.kind, 'bridge')
    const dump = await netlink.dump(LINKS)
    assert.deepEqual(
      // Some kernels give every namespace a gre0 and the like.
      dump.value
        .filter(({ ifname = '' }) => ['lo', 'br0'].includes(ifname))
        .map(({ ifname, altnames }) => [ifname, altnames]),
      [
        ['lo', undefined],
        ['br0', ['a-longer-name-than-fifteen']],
      ],
    )
    assert.deepEqual([dump.interrupted, dump.unreadable], [false, undefined])
    await netlink.request({ type: RTM_DELLINK, body: link, value: { ifindex: found?.ifindex ?? 0 } })
    assert.equal(
      (await netlink.dump(LINKS)).value.find(({ ifname }) => ifname === 'br0'),
      undefined,
    )
  },
)

test('without a codec for the answer the messages come as they are', kernelTests, async (t) => {
  const { netlink } = await createStage(t)
  const [raw] = (await netlink.dump({ type: RTM_GETLINK, body: link, value: {} })).value
  assert.ok(raw)
  assert.equal(raw.type, RTM_NEWLINK)
  assert.equal(decodePayload(link, raw.payload)?.value.ifname, 'lo')
})

test('a dump whose socket fails on the way has what had come; of a request nothing is said', async () => {
  const whole = encodeMessage(RTM_NEWLINK, 0, link, { ifindex: 7, ifname: 'br0' })
  const failed = { kind: OUTCOME_SOCKET, errno: constants.errno.ETIMEDOUT, text: 'receive', offset: 0 }
  const transact = async () => ({ ...failed, records: whole.slice().buffer })
  const netlink = netlinkOver({ portId: 1, transact } as unknown as AddonSocket)
  const partialOf = (call: Promise<unknown>): Promise<unknown> =>
    call.then(
      () => assert.fail('it failed'),
      (error) => (error as NetlinkSocketError).partial,
    )
  const partial = (await partialOf(netlink.dump(LINKS))) as Dump<{ readonly ifname?: string }[]>
  assert.deepEqual([partial.value.map(({ ifname }) => ifname), partial.interrupted], [['br0'], true])
  assert.equal(await partialOf(netlink.request(LINKS)), undefined)
})

test(
  'a refusal names operation, errno, the kernel’s sentence, and the attribute that it is about',
  kernelTests,
  async (t) => {
    const { netlink } = await createStage(t)
    const value = { ifname: 'vx', linkinfo: { kind: 'vxlan', data: { id: 1 << 24 } } }
    const query = { ...bridge('vx'), value }
    await assert.rejects(netlink.request(query), (error) => {
      assert.ok(error instanceof NetlinkError)
      assert.deepEqual(
        [error.op, error.subject, error.errnoName, error.attribute],
        ['link.create', 'vx', 'ERANGE', 'linkinfo.data.id'],
      )
      assert.match(error.message, /^link\.create vx: ERANGE \(.+\) at linkinfo\.data\.id$/)
      assert.ok(error.offset > 32)
      return true
    })
    await assert.rejects(netlink.request({ ...bridge(''), value: {} }), NetlinkError)
  },
)

test(
  'a kernel that cannot read a part of its own answer’s kind is told of: the message counts as unreadable',
  kernelTests,
  async (t) => {
    const { netlink } = await createStage(t)
    const fixed = struct({ family: u8, pad1: pad(1), type: u16, ifindex: s32, flags: u32, change: u32 })
    const wrong = message(fixed, attributes({ mtu: [4, u8] }))
    const { value, unreadable } = await netlink.dump({ ...LINKS, answer: wrong })
    assert.equal(value[0]?.ifindex, 1)
    assert.equal(unreadable?.count, (await netlink.dump(LINKS)).value.length)
  },
)

test('what happens in a group is heard with `for await`, and leaving the loop closes it', kernelTests, async (t) => {
  const { netlink } = await createStage(t)
  const subscription = netlink.subscribe({ groups: [RTNLGRP_LINK] })
  await netlink.request(bridge('br0'))
  for await (const event of subscription) {
    assert.equal(nameIn(event), 'br0')
    break
  }
  subscription.close()
})

function nameIn(event: NetlinkEvent): string | undefined {
  return event.type === 'message' ? decodePayload(link, event.message.payload)?.value.ifname : event.type
}

test('what a reader does not read in time is an overrun, while another one hears all of it', kernelTests, async (t) => {
  const { netlink } = await createStage(t)
  const slow = netlink.subscribe({ groups: [RTNLGRP_LINK], queueEvents: 4 })
  const heard: string[] = []
  const told = netlink.subscribe({
    groups: [RTNLGRP_LINK],
    onEvents: (events) => heard.push(...events.map((event) => `${nameIn(event)}`)),
  })
  await netlink.request(bridge('br0'))
  for (let i = 0; i < 50; i += 1)
    await netlink.request({ type: RTM_NEWLINK, body: link, value: { ifname: 'br0', mtu: 1400 + i } })
  while (heard.length < 50) await turn()
  assert.equal((await firstOf(slow)).type, 'overrun')
  told.close()
})

async function firstOf(subscription: Subscription): Promise<NetlinkEvent> {
  for await (const event of subscription) return event
  throw new Error('it ended')
}

test('a subscription ends by its signal, by its close and by that of its socket', kernelTests, async (t) => {
  const { netlink } = await createStage(t)
  const controller = new AbortController()
  const reason = new Error('enough')
  const aborted = firstOf(netlink.subscribe({ groups: [RTNLGRP_LINK], signal: controller.signal }))
  controller.abort(reason)
  await assert.rejects(aborted, reason)
  const subscription = netlink.subscribe({ groups: [RTNLGRP_LINK] })
  const closed = firstOf(subscription)
  subscription[Symbol.dispose]()
  await assert.rejects(closed, /it ended/)
  const last = assert.rejects(firstOf(netlink.subscribe({ groups: [RTNLGRP_LINK] })), /it ended/)
  await netlink[Symbol.asyncDispose]()
  await last
  assert.throws(() => netlink.subscribe({ groups: [RTNLGRP_LINK] }), NetlinkSocketError)
  await assert.rejects(netlink.dump(LINKS), { errnoName: 'ECANCELED' })
})

test('a call whose signal is aborted before is not sent', kernelTests, async (t) => {
  const { netlink } = await createStage(t)
  const reason = new Error('no longer wanted')
  const before = await netlink.dump(LINKS)
  await assert.rejects(netlink.request(bridge('br0'), { signal: AbortSignal.abort(reason) }), reason)
  await assert.rejects(netlink.dump(LINKS, { signal: AbortSignal.abort(reason) }), reason)
  assert.deepEqual(await netlink.dump(LINKS), before)
})

test('any interleaving of calls, aborts and limits leaves a socket that answers rightly', kernelTests, async (t) => {
  const { netlink } = await createStage(t)
  await netlink.request(bridge('br0'))
  const count = (await netlink.dump(LINKS)).value.length
  for (let round = 0; round < 300; round += 1) {
    const controller = new AbortController()
    const calls = Array.from({ length: 6 }, (_, i) =>
      netlink.dump(LINKS, i % 3 === 0 ? { signal: controller.signal } : i % 3 === 1 ? { timeoutMs: 60_000 } : {}),
    )
    if (round % 3 > 0) await turn()
    if (round % 3 > 1) await calls[0]
    controller.abort()
    for (const [i, outcome] of (await Promise.allSettled(calls)).entries()) {
      if (outcome.status === 'fulfilled') assert.equal(outcome.value.value.length, count)
      else assert.deepEqual([i % 3, outcome.reason.name], [0, 'AbortError'])
    }
  }
})

test(
  'a family of generic netlink has its number, its groups and its commands; one that is not there is undefined',
  kernelTests,
  async (t) => {
    const netns = await createNetns(t)
    const generic = openGeneric({ netns: netns.path })
    t.after(() => generic.close())
    const controller = await generic.family('nlctrl')
    assert.deepEqual([controller?.id, controller?.groups.get('notify')], [16, 16])
    const families = attributes({ id: [1, u16], name: [2, text] })
    const all = await controller?.dump({ command: 3, schema: families, value: {} })
    assert.ok(all?.value.some(({ name, id, command }) => name === 'nlctrl' && id === 16 && command === 1))
    assert.equal(await generic.family('no-such-family'), undefined)
    assert.throws(
      () => controller?.subscribe(['notfy']),
      /^RangeError: groups\[0\]: 'notfy' is none of nlctrl: notify$/,
    )
    controller?.subscribe(['notify']).close()
    await assert.rejects(generic.family(5 as never), TypeError)
  },
)

test('wrong arguments are refused by name before anything is sent', kernelTests, async (t) => {
  const { netlink } = await createStage(t)
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /^query: undefined/],
    [{ ...LINKS, type: 3 }, /^type: 3/],
    [{ ...LINKS, type: '18' }, /^type: '18'/],
    [{ ...LINKS, flags: -1 }, /^flags: -1/],
    [{ ...LINKS, body: undefined }, /^body: undefined is not a codec/],
    [{ ...LINKS, answer: {} }, /^answer: an object is not a codec/],
    [{ ...LINKS, value: { ifnam: 'lo' } }, /^ifnam: there is no such field; did you mean ifname\?$/],
    [{ ...LINKS, op: 5 }, /^op: 5/],
  ]
  for (const [query, expected] of wrong)
    for (const call of ['request', 'dump'] as const)
      await assert.rejects(
        () => (call === 'dump' ? netlink.dump(query as typeof LINKS) : netlink.request(query as typeof LINKS)),
        (error) => expected.test((error as Error).message),
      )
  for (const options of [{ signal: {} }, { timeoutMs: 0 }, { timeoutMs: '5' }, 5, []])
    await assert.rejects(netlink.dump(LINKS, options as never), /^(?:Type|Range)Error: (?:signal|timeoutMs|options): /)
  for (const groups of [undefined, [0], ['link'], [1.5], 'link'])
    assert.throws(() => netlink.subscribe({ groups } as never), /^(?:Type|Range)Error: groups/)
  assert.throws(() => netlink.subscribe({ groups: [1], queueEvents: 0 }), /^RangeError: queueEvents: 0/)
  assert.throws(() => openNetlink({ protocol: 'routes' as never }), /^RangeError: protocol: 'routes' is none of route/)
  assert.throws(() => openNetlink({ protocol: 32 }), RangeError)
})
