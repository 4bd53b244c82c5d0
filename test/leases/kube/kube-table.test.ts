/**
 * The table of the Kubernetes source against a model that computes everything anew after each event: whatever the history
 * of events, the view is that of what is known now.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { LeaseView } from '../../../lib/cluster/view.ts'
import { createAcceptedLeases } from '../../../lib/leases/accepted/accepted-leases.ts'
import { ALL, type Claim } from '../../../lib/leases/accepted/claim.ts'
import { annotationKeys } from '../../../lib/leases/annotations.ts'
import { createKubeTable, type KnownNode } from '../../../lib/leases/kube/kube-table.ts'
import { readClaim, readOwn } from '../../../lib/leases/kube/node-claim.ts'
import { KEPT_MS } from '../../../lib/leases/kube/node-store.ts'
import { keepUnchanged } from '../../../lib/leases/unchanged.ts'
import type { NodeFacts } from '../../../lib/leases/wire/node-facts.ts'
import { atOnce, SLICE_ROWS } from '../../../lib/util/slices.ts'
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts'
import { flannelNode, held, PREFIX, v4Network } from '../support.ts'

const ME = 'n0'
const keys = annotationKeys(PREFIX)

function createTable(clock: ManualClock = createManualClock(), onKept: (count: number) => void = () => undefined) {
  return createKubeTable({ keys, network: v4Network, nodeName: () => ME, clock, onChange: () => undefined, onKept })
}

/** Node `n` in variant `v`: another subnet, one that a neighbour has, a broken one, or one that takes no part. */
function nodeOf(n: number, v: number): NodeFacts {
  const name = `n${n}`
  const creationTimestamp = `2026-01-01T00:00:0${(n * 7 + v) % 10}Z`
  if (v === 6) return flannelNode(name, n + 1, { creationTimestamp, uid: `another-${name}` })
  if (v === 1) return flannelNode(name, n + 20, { creationTimestamp })
  if (v === 2) return flannelNode(name, ((n + 1) % 6) + 1, { creationTimestamp })
  if (v === 3) return flannelNode(name, n + 1, { podCidrs: ['192.168.7.0/24'] })
  if (v === 4) return flannelNode(name, n + 1, { podCidrs: ['not a CIDR'] })
  if (v === 5) return flannelNode(name, n + 1, { annotations: {} })
  return flannelNode(name, n + 1, { creationTimestamp })
}

const node = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 6 }))
const event = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), node }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), node }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('list' as const),
      nodes: fc.uniqueArray(node, { selector: ([n]) => n, maxLength: 7 }),
      rewound: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('recall' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trouble' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('ten minutes' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
)
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never

const remembered = { own: nodeOf(0, 0), claims: [1, 2].map((n) => held(claimIn(nodeOf(n, 0)) ?? assert.fail())) }

function claimIn(facts: NodeFacts): Claim | undefined {
  return readClaim(facts, keys, v4Network)?.claim
}

/** What is known, and what a look at all of it says. `juniors`: of `earlier`, while our own Node is listed. */
function createModel() {
  let nodes = new Map<string, NodeFacts>()
  let earlier = new Map<string, NodeFacts | Claim>()
  let juniors = false
  let listed = false
  /** Who holds what is kept from look to look. */
  const leases = createAcceptedLeases(v4Network)
  let told = new Map<string, Claim>()
  const whole = (): Map<string, NodeFacts | Claim> => new Map([...earlier, ...nodes])
  const uidOf = (own: NodeFacts | Claim | undefined) => (own !== undefined && 'podCidrs' in own ? own.uid : undefined)
  const forget = (): void => {
    earlier = new Map()
    juniors = false
  }
  /** Our own Node is listed. */
  const judge = (lost: boolean): void => {
    if (!lost) {
      if (!juniors) forget()
      return
    }
    earlier.delete(ME)
    for (const name of nodes.keys()) earlier.delete(name)
    for (const [name, known] of earlier) {
      const claim = 'podCidrs' in known ? claimIn(known) : known
      if (claim === undefined) earlier.delete(name)
      else earlier.set(name, { ...claim, uid: undefined, seniority: `~${claim.seniority.replace('~', '')}` })
    }
    juniors = earlier.size > 0
  }
  return {
    tell(one: Event): void {
      const before = new Map(nodes)
      const uid = uidOf(nodes.get(ME) ?? earlier.get(ME))
      const another = (): boolean => uid !== undefined && nodes.has(ME) && uid !== nodes.get(ME)?.uid
      if (one.kind === 'put') {
        nodes.set(`n${one.node[0]}`, nodeOf(...one.node))
        if (nodes.has(ME) && earlier.size > 0) judge(another())
      }
      if (one.kind === 'delete') {
        const name = `n${one.node[0]}`
        if (name === ME && nodes.has(ME)) {
          earlier = new Map([...earlier, ...before])
          juniors = false
        } else if (juniors) earlier.delete(name)
        nodes.delete(name)
      }
      if (one.kind === 'list') {
        nodes = new Map(one.nodes.map(([n, v]) => [`n${n}`, nodeOf(n, v)]))
        listed = true
        const lost = one.rewound || another()
        if (before.has(ME) && (lost || !nodes.has(ME))) {
          earlier = new Map([...earlier, ...before])
          juniors = false
        }
        if (nodes.has(ME)) judge(lost)
      }
      if (one.kind === 'ten minutes' && juniors) forget()
      if (one.kind === 'recall' && !listed && !nodes.has(ME))
        earlier = new Map<string, NodeFacts | Claim>([
          [ME, remembered.own],
          ...remembered.claims.map(({ claim }) => [claim.node, claim] as const),
        ])
    },
    expected() {
      const all = whole()
      const own = all.get(ME)
      const facts = own !== undefined && 'podCidrs' in own ? own : undefined
      const mine = facts === undefined ? undefined : readOwn(facts, keys, v4Network)
      const claims = new Map<string, Claim>()
      const faults: string[] = (mine?.faults ?? []).map((fault) => fault.message)
      for (const [name, known] of all) {
        if (name === ME) continue
        const claim = 'podCidrs' in known ? readClaim(known, keys, v4Network) : { claim: known, faults: [] }
        faults.push(...(claim?.faults ?? []).map((fault) => fault.message))
        if (claim?.claim !== undefined) claims.set(name, keepUnchanged(told.get(name), claim.claim))
      }
      const ours =
        facts === undefined || mine === undefined ? undefined : { ...mine.own, underlays: mine.own.published }
      leases.setOwn(ours)
      leases.change(
        [...new Set([...told.keys(), ...claims.keys()])].map((name) => {
          const [before, after] = [told.get(name), claims.get(name)]
          const recalled = remembered.claims.some(({ claim }) => claim === after && claim !== before)
          return { before, after, ...(recalled ? { held: { ipv4: ALL, ipv6: ALL } } : {}) }
        }),
      )
      told = claims
      const { peers, rejected } = leases.accepted
      return {
        synced: listed && nodes.has(ME),
        own: mine?.own,
        peers: new Map([...peers].sort()),
        rejected: [...faults, ...rejected.map((error) => error.message)].sort(),
      }
    },
  }
}

const seen = ({ synced, own, peers, rejected }: LeaseView) => ({
  synced,
  own,
  peers: new Map([...peers].sort(([a], [b]) => (a < b ? -1 : 1))),
  rejected: rejected.map((error) => error.message).sort(),
})

test('after any history of events the view is what a look at all Nodes says', () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (history) => {
      const clock = createManualClock()
      const table = createTable(clock)
      const model = createModel()
      const read = (n: number, v: number): KnownNode => table.read(nodeOf(n, v))
      for (const one of history) {
        if (one.kind === 'put') table.apply({ kind: 'put', name: `n${one.node[0]}`, node: read(...one.node) })
        if (one.kind === 'delete') table.apply({ kind: 'delete', name: `n${one.node[0]}` })
        if (one.kind === 'list')
          table.apply({
            kind: 'replace',
            nodes: new Map(one.nodes.map(([n, v]) => [`n${n}`, read(n, v)])),
            rewound: one.rewound,
          })
        if (one.kind === 'recall') table.recall(remembered)
        if (one.kind === 'ten minutes') clock.advance(KEPT_MS)
        if (one.kind === 'trouble') table.setTrouble('refused')
        model.tell(one)
        // Several events are often one look.
        if (one.kind === 'look') assert.deepEqual(seen(table.view()), model.expected())
      }
      assert.deepEqual(seen(table.view()), model.expected())
    }),
    {
      numRuns: 1500,
      // A claim of the last run that a told one covered at first.
      examples: [
        [
          [
            { kind: 'put', node: [1, 5] },
            { kind: 'recall' },
            { kind: 'look' },
            { kind: 'list', nodes: [[6, 2]], rewound: false },
          ],
        ],
        // What stood in before is replaced by what is recalled.
        [
          [
            { kind: 'put', node: [0, 0] },
            { kind: 'put', node: [6, 0] },
            { kind: 'look' },
            { kind: 'delete', node: [0, 0] },
            { kind: 'delete', node: [6, 0] },
            { kind: 'recall' },
          ],
        ],
      ],
    },
  )
})

test('a view stays as it was while later events change the table', () => {
  const table = createTable()
  const nodes = new Map([0, 1, 2].map((n) => [`n${n}`, table.read(nodeOf(n, 0))]))
  table.apply({ kind: 'replace', nodes, rewound: false })
  const before = table.view()
  assert.equal(table.view(), before)
  table.apply({ kind: 'delete', name: 'n1' })
  assert.deepEqual([...before.peers.keys()], ['n1', 'n2'])
  assert.deepEqual([...table.view().peers.keys()], ['n2'])
})

test('a peer that changes its VNI alone is told as another one; the same again is none', () => {
  const table = createTable()
  const withVni = (vni: number): NodeFacts => {
    const facts = nodeOf(1, 0)
    const data = `{"VNI":${vni},"VtepMAC":"02:00:00:00:04:02"}`
    return { ...facts, annotations: { ...facts.annotations, [keys.ipv4.backendData]: data } }
  }
  const nodes = new Map([nodeOf(0, 0), withVni(1)].map((facts) => [facts.name, table.read(facts)]))
  table.apply({ kind: 'replace', nodes, rewound: false })
  const before = table.view()
  assert.equal(before.peers.get('n1')?.ipv4?.vni, 1)
  for (const vni of [4096, 4096]) table.apply({ kind: 'put', name: 'n1', node: table.read(withVni(vni)) })
  const after = table.view()
  assert.equal(after.peers.get('n1')?.ipv4?.vni, 4096)
  table.apply({ kind: 'put', name: 'n1', node: table.read(withVni(4096)) })
  assert.equal(table.view(), after)
})

test('what is told between two slices of a settle is in the next view, not lost and not in this one', () => {
  const table = createTable()
  const facts = (n: number): NodeFacts =>
    flannelNode(`n${n}`, n, { podCidrs: [`10.42.${n >> 4}.${(n & 15) * 16}/28`], creationTimestamp: String(n) })
  const nodes = new Map<string, KnownNode>([[ME, table.read(nodeOf(0, 0))]])
  for (let n = 32; n < SLICE_ROWS * 2; n += 1) nodes.set(`n${n}`, { claim: undefined, faults: [] })
  for (let n = 32; n < 200; n += 1) nodes.set(`n${n}`, table.read(facts(n)))
  table.apply({ kind: 'replace', nodes, rewound: false })
  const work = table.settle()
  assert.equal(work.next().done, false, 'it takes several slices')
  table.apply({ kind: 'delete', name: 'n40' })
  const under = table.view()
  assert.equal(under.peers.size, 0, 'the view from before')
  atOnce(work)
  const { peers } = table.view()
  assert.equal(peers.has('n40'), false)
  assert.equal(peers.has('n41'), true)
})

test('a cluster that lost its data, our own Node back first, takes no peer away: the others are kept until they are back', () => {
  const clock = createManualClock()
  let kept = 0
  const table = createTable(clock, (count) => {
    kept += count
  })
  const list = (...variants: readonly (readonly [number, number])[]): void =>
    table.apply({
      kind: 'replace',
      nodes: new Map(variants.map(([n, v]) => [`n${n}`, table.read(nodeOf(n, v))])),
      rewound: false,
    })
  list([0, 0], [1, 0], [2, 0], [3, 0])
  assert.equal(table.view().peers.size, 3)
  list([0, 6])
  assert.deepEqual([...table.view().peers.keys()], ['n1', 'n2', 'n3'])
  assert.equal(table.view().synced, true, 'so that what comes back may replace')
  assert.equal(kept, 3)
  // n4 was given the podCIDR that n1 had.
  const heir = flannelNode('n4', 2, { creationTimestamp: '2026-02-02T00:00:00Z' })
  table.apply({ kind: 'put', name: 'n4', node: table.read(heir) })
  table.apply({ kind: 'put', name: 'n2', node: table.read(nodeOf(2, 1)) })
  assert.deepEqual([...table.view().peers.keys()].sort(), ['n2', 'n3', 'n4'])
  table.apply({ kind: 'delete', name: 'n3' })
  assert.deepEqual([...table.view().peers.keys()].sort(), ['n2', 'n4'], 'a deletion that is told counts at once')
  clock.advance(KEPT_MS)
  assert.equal(clock.pending, 0)
  assert.deepEqual([...table.view().peers.keys()].sort(), ['n2', 'n4'])
})

test('after a list whose history went back, what it lacks is kept for ten minutes', () => {
  const clock = createManualClock()
  const table = createTable(clock)
  const nodes = (...ns: readonly number[]) => new Map(ns.map((n) => [`n${n}`, table.read(nodeOf(n, 0))]))
  table.apply({ kind: 'replace', nodes: nodes(0, 1, 2), rewound: false })
  table.apply({ kind: 'replace', nodes: nodes(0, 1), rewound: true })
  assert.deepEqual([...table.view().peers.keys()], ['n1', 'n2'])
  clock.advance(KEPT_MS - 1)
  assert.deepEqual([...table.view().peers.keys()], ['n1', 'n2'])
  clock.advance(1)
  assert.deepEqual([...table.view().peers.keys()], ['n1'])
})
