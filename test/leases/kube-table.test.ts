/**
 * The table of the Kubernetes source against a model that computes everything anew after each event: whatever the history
 * of events, the view is that of what is known now.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { annotationKeys } from '../../lib/leases/annotations.ts'
import { createKubeTable, type KnownNode } from '../../lib/leases/kube-table.ts'
import type { Lease } from '../../lib/leases/lease.ts'
import { readClaim, readOwn, readPublished } from '../../lib/leases/node-claim.ts'
import type { NodeFacts } from '../../lib/leases/node-facts.ts'
import type { LeaseView } from '../../lib/leases/source.ts'
import { atOnce, SLICE_ROWS } from '../../lib/util/slices.ts'
import { believeAll, flannelNode, PREFIX, v4Network } from './support.ts'

const ME = 'n0'
const keys = annotationKeys(PREFIX)

/** Node `n` in variant `v`: another subnet, one that a neighbour has, a broken one, or one that takes no part. */
function nodeOf(n: number, v: number): NodeFacts {
  const name = `n${n}`
  const creationTimestamp = `2026-01-01T00:00:0${(n * 7 + v) % 10}Z`
  if (v === 1) return flannelNode(name, n + 20, { creationTimestamp })
  if (v === 2) return flannelNode(name, ((n + 1) % 6) + 1, { creationTimestamp })
  if (v === 3) return flannelNode(name, n + 1, { podCidrs: ['192.168.7.0/24'] })
  if (v === 4) return flannelNode(name, n + 1, { podCidrs: ['not a CIDR'] })
  if (v === 5) return flannelNode(name, n + 1, { annotations: {} })
  return flannelNode(name, n + 1, { creationTimestamp })
}

const node = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 5 }))
const event = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), node }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), node }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('list' as const),
      nodes: fc.uniqueArray(node, { selector: ([n]) => n, maxLength: 7 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('recall' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trouble' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
)
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never

const remembered = { own: nodeOf(0, 0), leases: [1, 2].map((n) => claimIn(nodeOf(n, 0)) ?? assert.fail()) }

function claimIn(facts: NodeFacts): Lease | undefined {
  return readClaim(facts, keys, v4Network)?.lease
}

/** What is known, and what a look at all of it says. */
function createModel() {
  let nodes = new Map<string, NodeFacts>()
  let earlier: Map<string, NodeFacts | Lease> | undefined
  let listed = false
  const whole = (): Map<string, NodeFacts | Lease> => new Map([...(earlier ?? []), ...nodes])
  return {
    tell(one: Event): void {
      const before = new Map(nodes)
      if (one.kind === 'put') nodes.set(`n${one.node[0]}`, nodeOf(...one.node))
      if (one.kind === 'delete') {
        const name = `n${one.node[0]}`
        if (name === ME && nodes.has(ME)) earlier = before
        nodes.delete(name)
      }
      if (one.kind === 'list') {
        nodes = new Map(one.nodes.map(([n, v]) => [`n${n}`, nodeOf(n, v)]))
        listed = true
        if (!nodes.has(ME) && before.has(ME)) earlier = before
      }
      if (one.kind === 'recall' && !listed)
        earlier = new Map<string, NodeFacts | Lease>([
          [ME, remembered.own],
          ...remembered.leases.map((lease) => [lease.node, lease] as const),
        ])
      if (nodes.has(ME)) earlier = undefined
    },
    expected() {
      const all = whole()
      const own = all.get(ME)
      const facts = own !== undefined && 'podCidrs' in own ? own : undefined
      const mine = facts === undefined ? undefined : readOwn(facts, keys, v4Network)
      const claims: Lease[] = []
      const faults: string[] = (mine?.faults ?? []).map((fault) => fault.message)
      for (const [name, known] of all) {
        if (name === ME) continue
        const claim = 'podCidrs' in known ? readClaim(known, keys, v4Network) : { lease: known, faults: [] }
        faults.push(...(claim?.faults ?? []).map((fault) => fault.message))
        if (claim?.lease !== undefined) claims.push(claim.lease)
      }
      const ours =
        facts === undefined || mine === undefined ? undefined : { ...mine.own, underlays: readPublished(facts, keys) }
      const { peers, rejected } = believeAll(v4Network, claims, ours)
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
      const table = createKubeTable({ keys, network: v4Network, nodeName: () => ME, onChange: () => undefined })
      const model = createModel()
      const read = (n: number, v: number): KnownNode => table.read(nodeOf(n, v))
      for (const one of history) {
        if (one.kind === 'put') table.apply({ kind: 'put', name: `n${one.node[0]}`, node: read(...one.node) })
        if (one.kind === 'delete') table.apply({ kind: 'delete', name: `n${one.node[0]}` })
        if (one.kind === 'list')
          table.apply({ kind: 'replace', nodes: new Map(one.nodes.map(([n, v]) => [`n${n}`, read(n, v)])) })
        if (one.kind === 'recall') table.recall(remembered)
        if (one.kind === 'trouble') table.setTrouble('refused')
        model.tell(one)
        // Several events are often one look.
        if (one.kind === 'look') assert.deepEqual(seen(table.view()), model.expected())
      }
      assert.deepEqual(seen(table.view()), model.expected())
    }),
    { numRuns: 1500 },
  )
})

test('a view stays as it was while later events change the table', () => {
  const table = createKubeTable({ keys, network: v4Network, nodeName: () => ME, onChange: () => undefined })
  const nodes = new Map([0, 1, 2].map((n) => [`n${n}`, table.read(nodeOf(n, 0))]))
  table.apply({ kind: 'replace', nodes })
  const before = table.view()
  assert.equal(table.view(), before)
  table.apply({ kind: 'delete', name: 'n1' })
  assert.deepEqual([...before.peers.keys()], ['n1', 'n2'])
  assert.deepEqual([...table.view().peers.keys()], ['n2'])
})

test('what is told between two slices of a settle is in the next view, not lost and not in this one', () => {
  const table = createKubeTable({ keys, network: v4Network, nodeName: () => ME, onChange: () => undefined })
  const facts = (n: number): NodeFacts =>
    flannelNode(`n${n}`, n, { podCidrs: [`10.42.${n >> 4}.${(n & 15) * 16}/28`], creationTimestamp: String(n) })
  const nodes = new Map<string, KnownNode>([[ME, table.read(nodeOf(0, 0))]])
  for (let n = 32; n < SLICE_ROWS * 2; n += 1) nodes.set(`n${n}`, { lease: undefined, faults: [] })
  for (let n = 32; n < 200; n += 1) nodes.set(`n${n}`, table.read(facts(n)))
  table.apply({ kind: 'replace', nodes })
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
