/**
 * Who keeps a subnet or an lladdr against whom: histories of claims by honest and hostile Nodes. What an honest Node was given
 * by a controller, or got first, no other Node can take from it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Lease } from '../../../lib/cluster/lease.ts'
import type { Network } from '../../../lib/cluster/network.ts'
import {
  type Accepted,
  type AcceptedLeases,
  createAcceptedLeases,
} from '../../../lib/leases/accepted/accepted-leases.ts'
import { ALL, type Claim, LLADDR, REFUSED } from '../../../lib/leases/accepted/claim.ts'
import type { OwnClaim } from '../../../lib/leases/accepted/validation.ts'
import { parseViewFile, renderViewFile } from '../../../lib/leases/kube/view-file.ts'
import { parseCidr } from '../../../lib/net/cidr.ts'
import { deriveLladdr } from '../../../lib/net/lladdr.ts'
import { claim4, claim6, dualNetwork, flannelNode, lease, v4Network } from '../support.ts'

const open: Network = { ...dualNetwork, ipv4: parseCidr('0.0.0.0/0'), ipv6: parseCidr('::/0') }
const own: OwnClaim = {
  node: 'me',
  subnets: { ipv4: parseCidr('10.42.200.0/24'), ipv6: parseCidr('fd00:42:0:c8::/64') },
  lladdrs: { ipv4: claim4(200).lladdr, ipv6: claim6(200).lladdr },
  underlays: { ipv4: claim4(200).underlay, ipv6: claim6(200).underlay },
}

interface Stage {
  /** What is claimed from now on, all at once; undefined: the Node is gone. */
  say(claims: Readonly<Record<string, Claim | undefined>>): Accepted
  readonly leases: AcceptedLeases
}

function createStage(network: Network = v4Network, known: ReadonlyMap<string, Claim> = new Map()): Stage {
  const leases = createAcceptedLeases(network)
  const told = new Map(known)
  leases.setOwn(own)
  return {
    leases,
    say(claims) {
      leases.change(Object.entries(claims).map(([node, after]) => ({ before: told.get(node), after })))
      for (const [node, after] of Object.entries(claims)) put(told, node, after)
      return leases.accepted
    },
  }
}

function put(claims: Map<string, Claim>, node: string, claim: Claim | undefined): void {
  if (claim === undefined) claims.delete(node)
  else claims.set(node, claim)
}

/** IPv4, the `n`th; a Node with a UID holds what it gets. */
const node = (name: string, n: number, change: Parameters<typeof claim4>[1] = {}, age = name): Lease =>
  lease(name, { ipv4: claim4(n, change) }, age, `uid-${name}`)
const names = ({ peers }: Accepted): string[] => [...peers.keys()].sort()
const partly = (claim: Lease, change: Partial<Claim['ipv4']>): Claim => ({
  ...claim,
  ipv4: { ...(claim.ipv4 ?? assert.fail()), ...change },
})

const MAC = claim4(1).lladdr

test('an older Node that names the MAC of a younger one takes nothing from it', () => {
  const stage = createStage()
  stage.say({ old: node('old', 2, {}, '1'), victim: node('victim', 1, {}, '2') })
  const { peers, rejected } = stage.say({ old: node('old', 2, { lladdr: MAC }, '1') })
  assert.deepEqual([...peers.keys()], ['victim'])
  assert.equal(rejected[0]?.message, `node old: ipv4 lladdr: ${MAC} is that of victim, which holds it`)
})

test("an older Node's subnet around those of others takes nothing from them, nor does its length", () => {
  const stage = createStage()
  stage.say({ a: node('a', 1, {}, '5'), b: node('b', 2, {}, '6') })
  const wide = node('wide', 3, { subnet: '10.42.0.0/17' }, '1')
  assert.deepEqual(names(stage.say({ wide })), ['a', 'b'])
  assert.deepEqual(names(stage.say({ a: undefined })), ['b'])
  assert.deepEqual(names(stage.say({ b: undefined })), ['wide'], 'what nobody holds is free')
})

test('of subnets that arrive together the older Node has its own, however long they are', () => {
  for (const [first, second] of [
    ['10.42.0.0/17', '10.42.1.0/24'],
    ['10.42.1.0/24', '10.42.0.0/17'],
  ] as const) {
    const stage = createStage()
    const told = stage.say({ y: node('y', 1, { subnet: second }, '2'), x: node('x', 2, { subnet: first }, '1') })
    assert.deepEqual(names(told), ['x'])
  }
})

test('who holds a MAC keeps it while its address changes, cannot be read, or leads into the network', () => {
  const stage = createStage()
  const victim = node('victim', 1)
  stage.say({ victim })
  const squatter = node('squatter', 2, { lladdr: MAC }, '0')
  for (const limbo of [
    partly(victim, { underlay: undefined }),
    node('victim', 1, { underlay: '10.42.9.9' }),
    node('victim', 1, { underlay: '127.0.0.1' }),
    partly(victim, { underlay: undefined, subnet: undefined }),
  ]) {
    assert.deepEqual(names(stage.say({ victim: limbo, squatter })), [])
    assert.deepEqual(names(stage.say({ victim: node('victim', 1, { underlay: '192.168.0.77' }) })), ['victim'])
  }
})

test('a Node made anew under its name has another UID, and holds nothing of the former', () => {
  const stage = createStage()
  stage.say({ a: node('a', 1) })
  const again = lease('a', { ipv4: claim4(1) }, '9', 'uid-2')
  assert.deepEqual(names(stage.say({ a: again, b: node('b', 2, { lladdr: MAC }, '1') })), ['b'])
})

test('a file holds nothing: its order alone decides', () => {
  const stage = createStage()
  stage.say({ b: lease('b', { ipv4: claim4(1) }, '2') })
  assert.deepEqual(names(stage.say({ a: lease('a', { ipv4: claim4(2, { lladdr: MAC }) }, '1') })), ['a'])
})

test('a MAC that is derived from its own UID goes before a holder, so that agents without history agree', () => {
  const derived = deriveLladdr('uid-victim', 'ipv4', 1)
  const thief = node('thief', 2, { lladdr: derived }, '1')
  const victim = node('victim', 1, { lladdr: derived }, '2')
  const before = createStage()
  assert.deepEqual(names(before.say({ thief })), ['thief'])
  const { peers, rejected } = before.say({ victim })
  assert.deepEqual([...peers.keys()], ['victim'])
  assert.match(rejected[0]?.message ?? '', /is that of victim, from whose UID it is derived/)
  assert.deepEqual(names(createStage().say({ thief, victim })), ['victim'])
})

test('derived MACs differ by Node, family and VNI, and are what a VTEP may have', () => {
  const all = [
    deriveLladdr('a', 'ipv4', 1),
    deriveLladdr('b', 'ipv4', 1),
    deriveLladdr('a', 'ipv6', 1),
    deriveLladdr('a', 'ipv4', 2),
  ]
  assert.equal(new Set(all).size, 4)
  for (const lladdr of all) assert.match(lladdr, /^[0-9a-f][26ae]:/)
  // printf 'vtepd lladdr\na\nipv4\n1' | sha256sum
  assert.equal(deriveLladdr('a', 'ipv4', 1), 'e6:b0:0a:8b:dc:37')
})

test('one lladdr at one underlay address is one machine: both subnets are routed, and one line says so', () => {
  const stage = createStage()
  stage.say({ old: node('old', 1, {}, '1') })
  const renamed = node('renamed', 2, { lladdr: MAC, underlay: '192.168.0.1' }, '2')
  const { peers, rejected, aliases } = stage.say({ renamed })
  assert.deepEqual([...peers.keys()], ['old', 'renamed'])
  assert.deepEqual(rejected, [])
  assert.deepEqual(aliases, [
    `node renamed is one machine with old (${MAC}, 192.168.0.1): the subnets of both lead there`,
  ])
  assert.deepEqual(names(stage.say({ old: undefined })), ['renamed'])
  assert.deepEqual(stage.leases.accepted.aliases, [])
})

test('who shares the MAC of another does not hold it: when that one moves, it goes with it', () => {
  const stage = createStage()
  stage.say({ victim: node('victim', 1, {}, '2') })
  stage.say({ twin: node('twin', 2, { lladdr: MAC, underlay: '192.168.0.1' }, '1') })
  assert.deepEqual(names(stage.say({ victim: node('victim', 1, { underlay: '192.168.0.77' }, '2') })), ['victim'])
})

test('on the machine itself a claim with our lladdr and address under another name installs nothing, and is no fault', () => {
  const old = node('old', 7, { lladdr: own.lladdrs.ipv4 ?? '', underlay: own.underlays.ipv4 ?? '' })
  const { peers, rejected, aliases, contested } = createStage().say({ old })
  assert.deepEqual([peers.size, rejected, contested], [0, [], []])
  assert.deepEqual(aliases, [
    'node old is this machine under another name (02:00:00:00:04:c8, 192.168.0.200): nothing is installed for it',
  ])
})

test("in a network of length 0 an address inside somebody's subnet takes nothing from him, with history or without", () => {
  const old = node('old', 2, {}, '1')
  const hostile = node('old', 2, { underlay: '10.42.1.7' }, '1')
  const victim = node('victim', 1, {}, '2')
  const stage = createStage(open)
  stage.say({ old, victim })
  assert.deepEqual(names(stage.say({ old: hostile })), ['victim'])
  assert.deepEqual(names(createStage(open).say({ old: hostile, victim })), ['victim'])
})

test('in a network of length 0 a subnet around the addresses of others takes nothing from them, with history or without', () => {
  const thief = node('thief', 3, { subnet: '203.0.113.0/24', underlay: '198.51.100.3' }, '2')
  const victim = node('victim', 1, { underlay: '203.0.113.1' }, '1')
  const young = node('young', 4, { underlay: '203.0.113.9' }, '3')
  const stage = createStage(open)
  stage.say({ victim })
  assert.deepEqual(names(stage.say({ thief })), ['victim'])
  assert.deepEqual(names(createStage(open).say({ thief, victim })), ['victim'])
  assert.deepEqual(names(createStage(open).say({ thief, victim, young })), ['victim', 'young'])
})

/** A Node that never says what is another's, and keeps to its own; its address changes, and cannot be read at times. */
const honest = (n: number, move: number): Claim => {
  const claim = lease(`honest${n}`, { ipv4: claim4(n, { underlay: `192.168.${move}.${n}` }) }, String(n), `uid-h${n}`)
  return move === 3 ? partly(claim, { underlay: undefined }) : claim
}
/** It says whatever it likes, as old as it likes. */
const hostileClaim = fc
  .record({
    name: fc.integer({ min: 0, max: 3 }),
    age: fc.integer({ min: 0, max: 9 }),
    subnet: fc.constantFrom('10.42.50.0/24', '10.42.0.0/17', '10.42.1.0/24', '10.42.2.128/25', '10.42.3.0/24'),
    lladdr: fc.integer({ min: 1, max: 6 }),
    underlay: fc.constantFrom('192.168.0.1', '192.168.0.2', '192.168.1.3', '192.168.9.9', '10.42.2.1', '10.42.9.1'),
  })
  .map(({ name, age, subnet, lladdr, underlay }) =>
    lease(
      `hostile${name}`,
      { ipv4: claim4(1, { subnet, underlay, lladdr: claim4(lladdr).lladdr }) },
      String(age),
      `uid-x${name}`,
    ),
  )
const step = fc.oneof(
  fc.record({ honest: fc.integer({ min: 1, max: 4 }), move: fc.integer({ min: 0, max: 3 }) }),
  fc.record({ hostile: hostileClaim }),
  fc.record({ gone: fc.integer({ min: 0, max: 3 }) }),
)

test('an honest holder never loses a key to anybody, whatever hostile Nodes say, and a restart decides the same', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { maxLength: 20 }),
      fc.constantFrom(v4Network, open),
      (history, network) => {
        let stage = createStage(network)
        const had = new Set<string>()
        const told = new Map<string, Claim>()
        for (const batch of history) {
          const said: Record<string, Claim | undefined> = {}
          for (const one of batch) {
            if ('honest' in one) said[`honest${one.honest}`] = honest(one.honest, one.move)
            else if ('gone' in one) said[`hostile${one.gone}`] = undefined
            else said[one.hostile.node] = one.hostile
          }
          for (const [name, claim] of Object.entries(said)) put(told, name, claim)
          const { peers, aliases } = stage.say(said)
          // Who shares a MAC does not hold it.
          const shares = (name: string): boolean => aliases.some((alias) => alias.startsWith(`node ${name} is one`))
          for (const name of peers.keys()) if (name.startsWith('honest') && !shares(name)) had.add(name)
          for (const name of had) {
            const complete = told.get(name)?.ipv4?.underlay !== undefined
            assert.equal(peers.has(name), complete, `${name} held its keys`)
          }
          stage = restart(stage, told, network)
          assert.deepEqual(names(stage.leases.accepted), [...peers.keys()].sort(), 'a restart decides otherwise')
        }
      },
    ),
    { numRuns: 400 },
  )
})

/** Another agent reads the cache, and is then told everything at once. */
function restart(stage: Stage, told: ReadonlyMap<string, Claim>, network: Network): Stage {
  const exceptions = stage.leases.exceptions()
  const known = [...told.values()].map((claim) => ({ claim, faults: [], held: exceptions.get(claim) }))
  const view = { givenName: '', position: undefined, own: flannelNode('me', 9), claims: known }
  const pieces = renderViewFile(view, 'b')
  const file = Buffer.concat(Array.from(pieces, (piece) => Buffer.from(piece)))
  const { claims } = parseViewFile(file, 'b')
  const cached = new Map(claims.flatMap(({ claim }) => (claim === undefined ? [] : [[claim.node, claim]])))
  const next = createStage(network, told)
  next.leases.change(
    claims.map(({ claim, held = { ipv4: ALL, ipv6: ALL } }) => ({ before: undefined, after: claim, held })),
  )
  const all = new Set([...cached.keys(), ...told.keys()])
  next.leases.change([...all].map((name) => ({ before: cached.get(name), after: told.get(name) })))
  return next
}

test('what was refused is not accepted from the cache, and keeps no more than it held', () => {
  const stage = createStage(open)
  stage.say({ moving: node('moving', 50) })
  const now = {
    moving: node('moving', 50, { underlay: '10.42.9.1' }),
    wide: node('wide', 3, { subnet: '10.42.0.0/17' }, '0'),
  }
  assert.deepEqual(names(stage.say(now)), [])
  assert.deepEqual(names(restart(stage, new Map(Object.entries(now)), open).leases.accepted), [])
})

test('a claim that was refused when it was kept is nothing but what it holds, although nobody is there to contradict', () => {
  const stage = createStage()
  const kept = node('kept', 50)
  stage.leases.change([{ before: undefined, after: kept, held: { ipv4: LLADDR | REFUSED, ipv6: 0 } }])
  assert.deepEqual(names(stage.leases.accepted), [])
  const { peers } = stage.say({ thief: node('thief', 51, { lladdr: claim4(50).lladdr }, '0') })
  assert.deepEqual([...peers.keys()], [])
})

test('the order of what arrives together changes nothing', () => {
  fc.assert(
    fc.property(
      fc.array(hostileClaim, { maxLength: 12 }),
      fc.array(hostileClaim, { maxLength: 12 }),
      fc.constantFrom(v4Network, open),
      (first, second, network) => {
        const batch = (claims: readonly Lease[]) => Object.fromEntries(claims.map((claim) => [claim.node, claim]))
        const reversed = (claims: Record<string, Lease>) => Object.fromEntries(Object.entries(claims).reverse())
        const [a, b] = [createStage(network), createStage(network)]
        for (const claims of [batch(first), batch(second)])
          assert.deepEqual(names(a.say(claims)), names(b.say(reversed(claims))))
      },
    ),
    { numRuns: 300 },
  )
})

test('where MACs are derived, agents with any history decide about them as one without', () => {
  const derived = (n: number): string => deriveLladdr(`uid-x${n}`, 'ipv4', 1)
  const claims = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 9 })), {
      minLength: 1,
      maxLength: 15,
    })
    .map((all) =>
      all.map(([name, mac, age]) =>
        lease(`x${name}`, { ipv4: claim4(name + 1, { lladdr: derived(mac) }) }, String(age), `uid-x${name}`),
      ),
    )
  fc.assert(
    fc.property(claims, (history) => {
      const stage = createStage()
      const now = new Map<string, Lease>()
      for (const claim of history) {
        stage.say({ [claim.node]: claim })
        now.set(claim.node, claim)
      }
      // Only who says its own derived MAC is sure of it.
      const sure = [...now.values()].filter((claim) => claim.ipv4?.lladdr === derived(Number(claim.node.slice(1))))
      const fresh = createStage().say(Object.fromEntries(now))
      for (const { node: name } of sure) {
        assert.ok(stage.leases.accepted.peers.has(name))
        assert.ok(fresh.peers.has(name))
      }
    }),
    { numRuns: 300 },
  )
})
