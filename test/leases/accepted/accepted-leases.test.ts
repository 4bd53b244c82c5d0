import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FamilyLease, Lease } from '../../../lib/cluster/lease.ts'
import type { Network } from '../../../lib/cluster/network.ts'
import { type Accepted, createAcceptedLeases } from '../../../lib/leases/accepted/accepted-leases.ts'
import type { ClaimChange } from '../../../lib/leases/accepted/claim.ts'
import type { OwnClaim } from '../../../lib/leases/accepted/validation.ts'
import { contains, containsCidr, overlaps, parseCidr } from '../../../lib/net/cidr.ts'
import { acceptAll, claim4, claim6, dualNetwork, lease, v4Network } from '../support.ts'

const own: OwnClaim = {
  node: 'me',
  subnets: { ipv4: parseCidr('10.42.200.0/24'), ipv6: parseCidr('fd00:42:0:c8::/64') },
  lladdrs: { ipv4: claim4(200).lladdr, ipv6: claim6(200).lladdr },
  underlays: { ipv4: claim4(200).underlay, ipv6: claim6(200).underlay },
}
const accept = (claims: readonly Lease[], network: Network = v4Network): Accepted => acceptAll(network, claims, own)
const reasons = (claims: readonly Lease[], network?: Network) =>
  accept(claims, network).rejected.map((error) => error.message)

test('claims that nothing speaks against are accepted, as the very objects', () => {
  const claims = [lease('a', { ipv4: claim4(1) }), lease('b', { ipv4: claim4(2) })]
  const { peers, rejected } = accept(claims)
  assert.deepEqual([...peers.values()], claims)
  assert.equal(peers.get('a'), claims[0])
  assert.deepEqual(rejected, [])
})

const alone: readonly (readonly [string, Parameters<typeof claim4>[1], string])[] = [
  [
    'a subnet outside the network',
    { subnet: '10.43.1.0/24' },
    'ipv4 subnet: 10.43.1.0/24 is outside the network 10.42.0.0/16',
  ],
  [
    'a subnet around the network',
    { subnet: '10.0.0.0/8' },
    'ipv4 subnet: 10.0.0.0/8 is outside the network 10.42.0.0/16',
  ],
  ['our own subnet', { subnet: '10.42.200.0/24' }, 'ipv4 subnet: 10.42.200.0/24 overlaps our own 10.42.200.0/24'],
  [
    'a part of our own subnet',
    { subnet: '10.42.200.128/25' },
    'ipv4 subnet: 10.42.200.128/25 overlaps our own 10.42.200.0/24',
  ],
  [
    'a subnet around our own',
    { subnet: '10.42.192.0/20' },
    'ipv4 subnet: 10.42.192.0/20 overlaps our own 10.42.200.0/24',
  ],
  ['a multicast MAC', { lladdr: '01:00:5e:00:00:01' }, 'ipv4 lladdr: 01:00:5e:00:00:01 is not a unicast MAC address'],
  ['a zero MAC', { lladdr: '00:00:00:00:00:00' }, 'ipv4 lladdr: 00:00:00:00:00:00 is not a unicast MAC address'],
  ['our own MAC', { lladdr: '02:00:00:00:04:c8' }, 'ipv4 lladdr: 02:00:00:00:04:c8 is our own'],
  ['a loopback underlay', { underlay: '127.0.0.1' }, 'ipv4 underlay: 127.0.0.1 is no address that a host can have'],
  ['a multicast underlay', { underlay: '224.0.0.1' }, 'ipv4 underlay: 224.0.0.1 is no address that a host can have'],
  ['no underlay', { underlay: '0.0.0.0' }, 'ipv4 underlay: 0.0.0.0 is no address that a host can have'],
  ['our own underlay', { underlay: '192.168.0.200' }, 'ipv4 underlay: 192.168.0.200 is our own'],
  [
    'an underlay inside the network',
    { underlay: '10.42.9.9' },
    'ipv4 underlay: 10.42.9.9 is inside 10.42.0.0/16: its packets would loop through the overlay',
  ],
]
for (const [name, change, reason] of alone)
  test(`${name} is not accepted, and delays nobody`, () => {
    const claims = [lease('bad', { ipv4: claim4(1, change) }), lease('good', { ipv4: claim4(2) })]
    assert.deepEqual([...accept(claims).peers.keys()], ['good'])
    assert.deepEqual(reasons(claims), [`node bad: ${reason}`])
  })

test('a link-local IPv6 underlay is not accepted: an FDB entry cannot name the interface', () => {
  assert.match(reasons([lease('a', { ipv6: claim6(1, { underlay: 'fe80::1' }) })], dualNetwork)[0] ?? '', /link-local/)
})

test('a broken claim keeps its error while others change', () => {
  const leases = createAcceptedLeases(v4Network)
  leases.change([{ before: undefined, after: lease('bad', { ipv4: claim4(1, { underlay: '127.0.0.1' }) }) }])
  const [error] = leases.accepted.rejected
  assert.ok(error !== undefined)
  leases.change([{ before: undefined, after: lease('good', { ipv4: claim4(2) }) }])
  assert.equal(leases.accepted.rejected[0], error)
})

test('of two claims that overlap the older stays, in whatever order and however they nest', () => {
  for (const [older, younger] of [
    ['10.42.1.0/24', '10.42.1.0/24'],
    ['10.42.0.0/20', '10.42.1.0/24'],
    ['10.42.1.0/24', '10.42.0.0/20'],
  ]) {
    const claims = [
      lease('young', { ipv4: claim4(1, { subnet: younger ?? '' }) }, '2'),
      lease('old', { ipv4: claim4(2, { subnet: older ?? '' }) }, '1'),
    ]
    for (const given of [claims, claims.toReversed()]) {
      assert.deepEqual([...accept(given).peers.keys()], ['old'])
      assert.deepEqual(reasons(given), [`node young: ipv4 subnet: ${younger} overlaps ${older} of old, which holds it`])
    }
  }
})

test('when the older gives its subnet up, the younger gets it', () => {
  const young = lease('young', { ipv4: claim4(1) }, '2')
  const old = lease('old', { ipv4: claim4(1, { lladdr: '02:00:00:00:05:01' }) }, '1')
  const leases = createAcceptedLeases(v4Network)
  leases.change([
    { before: undefined, after: young },
    { before: undefined, after: old },
  ])
  assert.deepEqual([...leases.accepted.peers.keys()], ['old'])
  leases.change([{ before: old, after: undefined }])
  assert.equal(leases.accepted.peers.get('young'), young)
})

test('claims of the same age are decided by name', () => {
  const claims = [lease('b', { ipv4: claim4(1) }, '1'), lease('a', { ipv4: claim4(1) }, '1')]
  assert.deepEqual([...accept(claims).peers.keys()], ['a'])
})

test('of two claims with one MAC the older stays; one underlay address may be shared', () => {
  const claims = [
    lease('young', { ipv4: claim4(1, { lladdr: '02:00:00:00:00:01' }) }, '2'),
    lease('old', { ipv4: claim4(2, { lladdr: '02:00:00:00:00:01' }) }, '1'),
    lease('again', { ipv4: claim4(3, { underlay: '192.168.0.2' }) }, '3'),
  ]
  assert.deepEqual([...accept(claims).peers.keys()], ['old', 'again'])
  assert.deepEqual(reasons(claims), ['node young: ipv4 lladdr: 02:00:00:00:00:01 is that of old, which holds it'])
})

test('a claim that is not accepted takes nothing from a younger one', () => {
  const claims = [
    lease('a', { ipv4: claim4(1) }, '1'),
    lease('b', { ipv4: claim4(2, { lladdr: claim4(1).lladdr }) }, '2'),
    lease('c', { ipv4: claim4(2) }, '3'),
  ]
  assert.deepEqual([...accept(claims).peers.keys()], ['a', 'c'])
})

test('a family that is not accepted leaves the other of the same node', () => {
  const claims = [
    lease('a', { ipv4: claim4(1), ipv6: claim6(1) }, '1'),
    lease('b', { ipv4: claim4(1, { lladdr: '02:00:00:00:00:09' }), ipv6: claim6(2) }, '2'),
  ]
  const leases = createAcceptedLeases(dualNetwork)
  leases.change(claims.map((after) => ({ before: undefined, after })))
  const first = leases.accepted
  assert.equal(first.peers.get('a'), claims[0])
  assert.deepEqual(first.peers.get('b'), {
    ...lease('b', { ipv6: claims[1]?.ipv6 }, '2'),
  })
  assert.equal(first.rejected.length, 1)
  leases.change([{ before: undefined, after: lease('c', { ipv4: claim4(3) }) }])
  assert.equal(leases.accepted.peers.get('b'), first.peers.get('b'), 'the half of a lease keeps its object too')
})

test('a family that the network does not have is no fault', () => {
  const both = lease('a', { ipv4: claim4(1), ipv6: claim6(1) })
  const { peers, rejected } = accept([both, lease('b', { ipv6: claim6(2) })])
  assert.deepEqual([...peers.keys()], ['a'])
  assert.deepEqual(rejected, [])
})

const open: Network = { ...dualNetwork, ipv4: parseCidr('0.0.0.0/0'), ipv6: parseCidr('::/0') }

test('in a network of length 0 the underlay must be outside the subnets, not outside the network', () => {
  const claims = [
    lease('a', { ipv4: claim4(1) }),
    lease('b', { ipv4: claim4(2, { underlay: '10.42.1.7' }) }),
    lease('c', { ipv4: claim4(3, { underlay: '10.42.200.7' }) }),
    lease('d', { ipv4: claim4(4, { underlay: '10.42.4.7' }) }),
  ]
  assert.deepEqual([...accept(claims, open).peers.keys()], ['a'])
  assert.deepEqual(reasons(claims, open).sort(), [
    'node b: ipv4 underlay: 10.42.1.7 is inside 10.42.1.0/24: its packets would loop through the overlay',
    'node c: ipv4 underlay: 10.42.200.7 is inside 10.42.200.0/24: its packets would loop through the overlay',
    'node d: ipv4 underlay: 10.42.4.7 is inside 10.42.4.0/24: its packets would loop through the overlay',
  ])
})

test('in a network of length 0 nobody takes the underlay of an older node, or ours, into its subnet', () => {
  const claims = [
    lease('old', { ipv4: claim4(1, { underlay: '203.0.113.1' }) }, '1'),
    lease('thief', { ipv4: claim4(2, { subnet: '203.0.113.0/24' }) }, '2'),
    lease('robber', { ipv4: claim4(3, { subnet: '192.168.0.0/16', underlay: '198.51.100.3' }) }, '3'),
    lease('young', { ipv4: claim4(4, { underlay: '203.0.113.4' }) }, '4'),
  ]
  for (const given of [claims, claims.toReversed()]) {
    assert.deepEqual([...accept(given, open).peers.keys()].sort(), ['old', 'young'])
    assert.deepEqual(reasons(given, open).sort(), [
      'node robber: ipv4 subnet: 192.168.0.0/16 holds our own underlay address 192.168.0.200',
      'node thief: ipv4 subnet: 203.0.113.0/24 holds the underlay address 203.0.113.1 of old',
    ])
  }
})

for (const [family, subnet, reason] of [
  ['ipv4', '0.0.0.0/0', 'is not a unicast network'],
  ['ipv4', '128.0.0.0/1', 'is more than one node can need'],
  ['ipv4', '126.0.0.0/7', 'is more than one node can need'],
  ['ipv4', '127.0.0.0/24', 'is not a unicast network'],
  ['ipv4', '224.0.0.0/24', 'is not a unicast network'],
  ['ipv4', '169.254.0.0/24', 'is not a unicast network'],
  ['ipv6', '::/0', 'is not a unicast network'],
  ['ipv6', '2000::/3', 'is more than one node can need'],
  ['ipv6', 'ff00::/64', 'is not a unicast network'],
  ['ipv6', 'fe80::/64', 'is not a unicast network'],
] as const)
  test(`${subnet} is nobody's, in whatever network`, () => {
    const claim = family === 'ipv4' ? claim4(1, { subnet }) : claim6(1, { subnet })
    assert.deepEqual(reasons([lease('a', { [family]: claim })], open), [
      `node a: ${family} subnet: ${subnet} ${reason}`,
    ])
    assert.match(reasons([lease('a', { [family]: claim })], dualNetwork)[0] ?? '', /is outside the network/)
  })

test('the network may end within an octet', () => {
  const narrow: Network = { ...v4Network, ipv4: parseCidr('10.42.16.0/20') }
  const claims = [
    lease('last', { ipv4: claim4(31, { underlay: '10.42.15.1' }) }),
    lease('above', { ipv4: claim4(32) }),
    lease('below', { ipv4: claim4(15) }),
    lease('loop', { ipv4: claim4(17, { underlay: '10.42.30.1' }) }),
  ]
  assert.deepEqual([...accept(claims, narrow).peers.keys()], ['last'])
})

test('while nothing is known of our own Node, the rest is judged all the same', () => {
  const claims = [lease('a', { ipv4: claim4(200) }), lease('b', { ipv4: claim4(1, { underlay: '10.42.0.1' }) })]
  assert.deepEqual([...acceptAll(v4Network, claims, undefined).peers.keys()], ['a'])
})

/** Claims close enough to each other to meet often. */
const claims = fc
  .array(
    fc.record({
      length: fc.constantFrom(20, 24, 24, 24, 26),
      third: fc.integer({ min: 0, max: 40 }),
      lladdr: fc.integer({ min: 0, max: 60 }),
      underlay: fc.constantFrom('192.168.0.1', '192.168.0.2', '10.42.3.3', '192.168.0.200'),
      seniority: fc.integer({ min: 0, max: 9 }),
      v6: fc.boolean(),
    }),
    { maxLength: 25 },
  )
  .map((drafts) =>
    drafts.map((draft, index) =>
      lease(
        `n${index}`,
        {
          ipv4: claim4(1, {
            subnet: `10.42.${draft.third}.0/${draft.length}`,
            underlay: draft.underlay,
            lladdr: `02:00:00:00:00:${draft.lladdr.toString(16).padStart(2, '0')}`,
          }),
          ipv6: draft.v6 ? claim6(draft.third + 1) : undefined,
        },
        String(draft.seniority),
      ),
    ),
  )

const older = (a: Lease, b: Lease): boolean =>
  a.seniority === b.seniority ? a.node < b.node : a.seniority < b.seniority

test('accepted claims never quarrel, and each refused one has a reason that stands', () => {
  fc.assert(
    fc.property(claims, (given) => {
      const { peers, rejected } = accept(given, dualNetwork)
      for (const family of ['ipv4', 'ipv6'] as const) {
        const held = [...peers.values()].flatMap((peer) => (peer[family] === undefined ? [] : [peer]))
        const claimOf = (peer: Lease): FamilyLease => peer[family] ?? assert.fail()
        for (const a of held) {
          const network = dualNetwork[family] ?? assert.fail()
          assert.ok(containsCidr(network, claimOf(a).subnet) && !contains(network, claimOf(a).underlay))
          for (const b of held)
            if (a !== b) {
              assert.ok(!overlaps(claimOf(a).subnet, claimOf(b).subnet))
              assert.ok(claimOf(a).lladdr !== claimOf(b).lladdr || claimOf(a).underlay === claimOf(b).underlay)
            }
        }
        for (const claim of given) {
          const asked = claim[family]
          if (asked === undefined || peers.get(claim.node)?.[family] !== undefined) continue
          assert.ok(rejected.some((error) => error.node === claim.node && error.field.startsWith(family)))
          const network = dualNetwork[family] ?? assert.fail()
          const bad =
            contains(network, asked.underlay) ||
            asked.underlay === own.underlays[family] ||
            held.some(
              (peer) =>
                older(peer, claim) &&
                (overlaps(claimOf(peer).subnet, asked.subnet) ||
                  (claimOf(peer).lladdr === asked.lladdr && claimOf(peer).underlay !== asked.underlay)),
            )
          assert.ok(bad, `${claim.node} was refused without reason`)
        }
      }
    }),
    { numRuns: 400 },
  )
})

test('the order in which claims are told changes nothing', () => {
  fc.assert(
    fc.property(claims, fc.infiniteStream(fc.nat()), (given, dice) => {
      const keyed = given.map((claim) => ({ claim, key: dice.next().value }))
      const shuffled = keyed.sort((a, b) => a.key - b.key).map(({ claim }) => claim)
      const sorted = (all: readonly Lease[]) => [...accept(all, dualNetwork).peers].sort(([a], [b]) => (a < b ? -1 : 1))
      assert.deepEqual(sorted(given), sorted(shuffled))
    }),
    { numRuns: 200 },
  )
})

test('in a network of length 0, too, accepted claims never quarrel, and the order changes nothing', () => {
  fc.assert(
    fc.property(claims, fc.infiniteStream(fc.nat()), (given, dice) => {
      const { peers } = accept(given, open)
      const held = [...peers.values()].flatMap(({ ipv4 }) => (ipv4 === undefined ? [] : [ipv4]))
      for (const { subnet } of held) {
        assert.ok(!overlaps(subnet, own.subnets.ipv4 ?? assert.fail()))
        for (const { underlay } of held) assert.ok(!contains(subnet, underlay))
      }
      const keyed = given.map((claim) => ({ claim, key: dice.next().value }))
      const shuffled = keyed.sort((a, b) => a.key - b.key).map(({ claim }) => claim)
      assert.deepEqual([...accept(shuffled, open).peers.keys()].sort(), [...peers.keys()].sort())
    }),
    { numRuns: 200 },
  )
})

/** Which node, what it claims from now on (an index into the claims; -1: nothing), and sometimes what ours becomes. */
const histories = fc.tuple(
  fc.array(claims, { minLength: 3, maxLength: 12 }),
  fc.array(fc.constantFrom(undefined, own, { ...own, subnets: { ...own.subnets, ipv4: parseCidr('10.42.3.0/24') } }), {
    minLength: 3,
    maxLength: 12,
  }),
  fc.constantFrom(dualNetwork, open),
)

test('whatever was told before, in whatever steps, the whole set decides', () => {
  fc.assert(
    fc.property(histories, ([sets, owners, network]) => {
      const leases = createAcceptedLeases(network)
      let told = new Map<string, Lease>()
      for (const [step, given] of sets.entries()) {
        // Only some of the nodes change in a step: the others stay the very object that was told.
        const next = new Map(told)
        for (const [index, claim] of given.entries()) if ((index + step) % 3 === 0) next.set(claim.node, claim)
        for (const node of told.keys()) if (node.endsWith(String(step % 10))) next.delete(node)
        const changes: ClaimChange[] = [...new Set([...told.keys(), ...next.keys()])]
          .map((node) => ({ before: told.get(node), after: next.get(node) }))
          .filter(({ before, after }) => before !== after)
        const ours = owners[step % owners.length]
        const ownFirst = step % 2 === 0
        if (ownFirst) leases.setOwn(ours)
        leases.change(changes)
        if (!ownFirst) leases.setOwn(ours)
        told = next
        const whole = acceptAll(network, [...told.values()], ours)
        const sorted = ({ peers, rejected }: Accepted) => ({
          peers: [...peers].sort(([a], [b]) => (a < b ? -1 : 1)),
          rejected: rejected.map((error) => error.message).sort(),
        })
        assert.deepEqual(sorted(leases.accepted), sorted(whole))
      }
    }),
    { numRuns: 500 },
  )
})

test('a change costs no look at the claims that it does not meet', () => {
  let looked = 0
  const watched = (claim: FamilyLease): FamilyLease => ({
    ...claim,
    get subnet() {
      looked += 1
      return claim.subnet
    },
  })
  const leases = createAcceptedLeases(v4Network)
  const many = Array.from({ length: 250 }, (_, i) => lease(`n${i}`, { ipv4: watched(claim4(i)) }))
  leases.change(many.map((after) => ({ before: undefined, after })))
  looked = 0
  leases.change([{ before: many[7], after: lease('n7', { ipv4: claim4(7, { underlay: '192.168.9.9' }) }) }])
  assert.ok(looked < 30, `${looked} looks`)
  assert.equal(leases.accepted.peers.size, 250)
})

test('a circle of many clones is settled in slices', () => {
  const clones = Array.from({ length: 10_000 }, (_, i) => lease(`n${i}`, { ipv4: claim4(i % 250) }))
  const leases = createAcceptedLeases(v4Network)
  let slices = 1
  for (const _ of leases.changeInSlices(clones.map((after) => ({ before: undefined, after })))) slices += 1
  assert.equal(leases.accepted.peers.size, 250)
  assert.equal(leases.accepted.rejected.length, 9750)
  assert.ok(slices > 10, `${slices} slices`)
})

test('clones of one machine are judged with as many looks as there are of them', () => {
  let looked = 0
  const clone = (n: number): FamilyLease => ({
    ...claim4(n),
    get lladdr() {
      looked += 1
      return claim4(1).lladdr
    },
  })
  const clones = Array.from({ length: 240 }, (_, i) => lease(`n${i}`, { ipv4: clone(i) }))
  const leases = createAcceptedLeases(v4Network)
  leases.change(clones.map((after) => ({ before: undefined, after })))
  assert.equal(leases.accepted.peers.size, 1)
  assert.ok(looked < 20 * clones.length, `${looked} looks`)
  looked = 0
  leases.change(clones.map((before) => ({ before, after: undefined })))
  assert.equal(leases.accepted.peers.size, 0)
})

test('each refusal has a word that programs count by', () => {
  const words = (claims: readonly Lease[]) => accept(claims).rejected.map(({ fault }) => fault)
  assert.deepEqual(words([lease('a', { ipv4: claim4(1, { subnet: '10.43.1.0/24' }) })]), ['outside_network'])
  assert.deepEqual(words([lease('a', { ipv4: claim4(1, { subnet: '10.42.200.0/24' }) })]), ['ours'])
  const twice = [lease('a', { ipv4: claim4(1) }), lease('b', { ipv4: claim4(2, { subnet: '10.42.1.0/24' }) })]
  assert.deepEqual(words(twice), ['subnet_taken'])
})
