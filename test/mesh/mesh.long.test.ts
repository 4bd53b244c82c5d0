/** What probes find, in clusters that exist in memory: each way in which a pair can be broken, how soon, and at which rate. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeAnswer, encodeQuestion } from '../../lib/mesh/datagram.ts'
import type { MeshState } from '../../lib/mesh/verdict.ts'
import { type Carried, createFabric, MTU, packetBytes } from './fabric.ts'

const MINUTE = 60_000

test('where all is well every pair is so known within two rounds, and nothing is said', () => {
  const fabric = createFabric(20, { drops: () => false })
  fabric.clock.advance(15_000)
  for (const node of fabric.names)
    for (const peer of fabric.of(node).peers()) assert.equal(peer.state, 'ok', `${node} to ${peer.node}`)
  fabric.clock.advance(10 * MINUTE)
  assert.deepEqual(
    fabric.said.filter(({ level }) => level !== 'debug'),
    [],
  )
  assert.equal(fabric.peer('n0', 'n1').rtt, 2)
  assert.deepEqual(fabric.peer('n0', 'n1').loss, { there: 0, back: 0 })
  fabric.stop()
})

const from = (a: string, b: string) => (one: Carried) => one.from === a && one.to === b
const between = (a: string, b: string) => (one: Carried) => from(a, b)(one) || from(b, a)(one)

const BROKEN: Readonly<
  Record<
    string,
    {
      readonly drops: (one: Carried) => boolean
      readonly is: MeshState
      readonly back: MeshState
      readonly says: RegExp
    }
  >
> = {
  'the overlay in both directions': {
    drops: (one) => one.path === 'overlay' && between('n0', 'n7')(one),
    is: 'unreachable',
    back: 'unreachable',
    says: /^packets of pods do not reach n7, whose underlay address answers: is UDP 8472 let through .* vtepd explain 10\.1\.7\.0/,
  },
  'everything in both directions': {
    drops: between('n0', 'n7'),
    is: 'down',
    back: 'down',
    says: /^n7 answers neither over the overlay nor at its underlay address/,
  },
  'the overlay in one direction': {
    drops: (one) => one.path === 'overlay' && from('n0', 'n7')(one),
    is: 'one-way',
    back: 'unreachable',
    says: /^packets of pods come from n7, and do not get there: is UDP 8472 let through in that direction\?/,
  },
  'large packets, which are lost': {
    drops: (one) => between('n0', 'n7')(one) && packetBytes(one) + (one.path === 'overlay' ? 50 : 0) > 1450,
    is: 'path-mtu',
    back: 'path-mtu',
    says: /^packets of pods to n7 of more than 1400 bytes are lost, the device takes 1450; lower Backend\.MTU/,
  },
  'large outer packets, which go in fragments': {
    drops: (one) => between('n0', 'n7')(one) && one.path === 'underlay' && packetBytes(one) > 1450,
    is: 'path-mtu',
    back: 'path-mtu',
    says: /^packets of more than 1450 bytes do not reach n7 whole, and outer ones have up to 1500: they go in fragments/,
  },
}

for (const [what, { drops, is, back, says }] of Object.entries(BROKEN))
  test(`a pair of a hundred that loses ${what} is found within a minute, by both, and its end too`, () => {
    let isBroken = false
    const fabric = createFabric(100, { drops: (one) => isBroken && drops(one) })
    fabric.clock.advance(2 * MINUTE)
    isBroken = true
    fabric.clock.advance(is === 'path-mtu' ? 4 * MINUTE : MINUTE)
    assert.equal(fabric.peer('n0', 'n7').state, is)
    assert.equal(fabric.peer('n7', 'n0').state, back)
    const loud = fabric.said
      .filter(({ node, level }) => node === 'n0' && level === 'warn')
      .map(({ message }) => message.replace(/ \(for .*\)$/, ''))
    assert.equal(new Set(loud).size, 1, loud.join('\n'))
    assert.match(loud[0] ?? '', says)
    assert.equal(fabric.faults('n0').size, is === 'down' ? 0 : 1)
    const others = fabric.names.filter((name) => name !== 'n0' && name !== 'n7')
    for (const node of others) assert.equal(fabric.faults(node).size, 0, node)

    isBroken = false
    fabric.clock.advance(MINUTE)
    assert.equal(fabric.peer('n0', 'n7').state, 'ok')
    assert.equal(fabric.faults('n0').size, 0)
    fabric.stop()
  })

test('large packets that are lost from now on are found within a minute of a hundred', () => {
  let isBroken = false
  const fabric = createFabric(100, { drops: (one) => isBroken && packetBytes(one) > 1400 && one.path === 'overlay' })
  fabric.clock.advance(2 * MINUTE)
  isBroken = true
  fabric.clock.advance(MINUTE)
  assert.match([...fabric.faults('n0').values()].join(), /of more than 1400 bytes are lost/)
  fabric.stop()
})

test('a pair that was broken before its agents started is found too, as its underlay answers', () => {
  const fabric = createFabric(100, { drops: (one) => one.path === 'overlay' && between('n0', 'n7')(one) })
  fabric.clock.advance(MINUTE)
  assert.equal(fabric.peer('n0', 'n7').state, 'unreachable')
  fabric.stop()
})

test('nodes that do not answer, as flannels, are left out, and cost no word', () => {
  const deaf = new Set(['n1', 'n2', 'n3'])
  const fabric = createFabric(6, { drops: () => false, deaf })
  fabric.clock.advance(10 * MINUTE)
  for (const name of deaf) assert.equal(fabric.peer('n0', name).state, 'silent')
  assert.equal(fabric.peer('n0', 'n4').state, 'ok')
  assert.deepEqual(
    fabric.said.filter(({ level }) => level !== 'debug'),
    [],
  )
  fabric.stop()
})

test('an agent that is away for ten seconds is no fault, one that stays away is', () => {
  let isAway = false
  const fabric = createFabric(10, { drops: (one) => isAway && (one.from === 'n3' || one.to === 'n3') })
  fabric.clock.advance(MINUTE)
  isAway = true
  fabric.clock.advance(10_000)
  isAway = false
  fabric.clock.advance(MINUTE)
  const loud = () => fabric.said.filter(({ level, node }) => level !== 'debug' && node !== 'n3')
  assert.deepEqual(loud(), [])
  isAway = true
  fabric.clock.advance(MINUTE)
  assert.match(loud().find(({ node }) => node === 'n0')?.message ?? '', /^n3 answers neither/)
  fabric.stop()
})

test('loss is told by its direction, and one lost datagram is none', () => {
  let sent = 0
  const fabric = createFabric(4, {
    drops(one) {
      if (one.from !== 'n0' || one.to !== 'n1' || one.path !== 'overlay') return false
      sent += 1
      // A quarter, by no pattern that questions could fall in step with.
      return Math.imul(sent, 0x9e3779b1) >>> 30 === 0
    },
  })
  fabric.clock.advance(10 * MINUTE)
  const { state, loss } = fabric.peer('n0', 'n1')
  assert.equal(state, 'loss')
  assert.ok((loss.there ?? 0) > 0.2 && loss.back === 0, JSON.stringify(loss))
  assert.equal(fabric.peer('n0', 'n2').state, 'ok')
  assert.match(fabric.faults('n0').get('mesh.loss') ?? '', /^many packets to n1 are lost: n1 \d+ % there, 0 % back/)
  fabric.stop()
})

test('the rate is what was asked for, whatever the number of peers and whatever is broken', () => {
  for (const [count, isBroken] of [
    [3, false],
    [100, false],
    [40, true],
  ] as const) {
    const fabric = createFabric(count, { drops: (one) => isBroken && one.path === 'overlay' })
    fabric.clock.advance(2 * MINUTE)
    const before = fabric.sent.length
    const began = fabric.clock.now()
    fabric.clock.advance(MINUTE)
    // Questions alone: an answer is as short as a question can be, and comes from who was asked.
    const mine = fabric.sent.slice(before).filter(({ from: node, at }) => node === 'n0' && at > began)
    assert.ok(mine.length <= 5 * 60 * 2 + 10, `${count}: ${mine.length} datagrams in a minute`)
    fabric.stop()
  }
})

test('who is forgotten, or gets another address, is probed no more, or anew', () => {
  const fabric = createFabric(5, { drops: () => false })
  fabric.clock.advance(MINUTE)
  const watch = fabric.of('n0')
  const view = { synced: true, own: undefined, rejected: [], contested: [], aliases: [] }
  watch.setView({ ...view, peers: new Map() } as never)
  fabric.clock.advance(5000)
  const before = fabric.sent.length
  fabric.clock.advance(MINUTE)
  assert.equal([...watch.peers()].length, 0)
  assert.equal(fabric.sent.slice(before).filter((one) => one.from === 'n0').length, 0)
  fabric.stop()
})

test('the largest packets that are asked for fill the device and the underlay', () => {
  const fabric = createFabric(2, { drops: () => false })
  fabric.clock.advance(MINUTE)
  const largest = (path: Carried['path']) =>
    Math.max(...fabric.sent.filter((one) => one.path === path).map((one) => packetBytes(one)))
  assert.equal(largest('overlay'), MTU)
  assert.equal(largest('underlay'), MTU + 50)
  fabric.stop()
})

test('answers that nobody was asked for, and questions from addresses that no peer has, change nothing and are not answered', () => {
  const fabric = createFabric(3, { drops: (one) => between('n0', 'n1')(one) })
  fabric.clock.advance(MINUTE)
  const state = () => [...fabric.of('n0').peers()].map((peer) => [peer.node, peer.state])
  const before = state()
  const forged = { path: 'overlay', token: '0123456789abcdef', session: 1, received: 1 } as const
  fabric.inject('n0', '10.1.1.0', encodeAnswer({ kind: 'answer', ...forged }))
  const count = fabric.sent.length
  fabric.inject('n0', '10.9.9.0', encodeQuestion({ kind: 'question', ...forged, size: 1000 }))
  fabric.inject('n0', '192.168.0.2', encodeQuestion({ kind: 'question', ...forged, size: 1000 }))
  assert.equal(fabric.sent.length, count, 'neither a stranger nor the wrong way is answered')
  assert.deepEqual(state(), before)
  fabric.inject('n0', '10.1.2.0', encodeQuestion({ kind: 'question', ...forged, size: 1000 }))
  assert.equal(fabric.sent.length, count + 1)
  fabric.stop()
})

test('on the largest device there can be no packet is larger than IP has them', () => {
  const fabric = createFabric(2, { drops: () => false, mtu: 65_535 })
  fabric.clock.advance(5 * MINUTE)
  assert.equal(fabric.peer('n0', 'n1').state, 'ok')
  assert.equal(Math.max(...fabric.sent.map(packetBytes)), 65_535)
  fabric.stop()
})
