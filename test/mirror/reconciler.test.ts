/** What the mirror writes and when, with writes that are answered by the test, and when it says that all is written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KubeError } from '../../lib/errors.ts'
import { annotationKeys } from '../../lib/leases/annotations.ts'
import type { ClaimedNode } from '../../lib/leases/claims/claim-api.ts'
import { claimObject, familiesOf, statusObject } from '../../lib/leases/claims/claim-spec.ts'
import { projectClaim } from '../../lib/leases/wire/claim-facts.ts'
import type { NodeFacts } from '../../lib/leases/wire/node-facts.ts'
import { DIFFERS_MS, type Step } from '../../lib/mirror/plan.ts'
import { createReconciler } from '../../lib/mirror/reconciler.ts'
import { flannelNode, PREFIX } from '../leases/support.ts'
import { createManualClock } from '../support/manual-clock.ts'

const keys = annotationKeys(PREFIX)
const NODES = Array.from({ length: 20 }, (_, i) => flannelNode(`n${i}`, i + 1))

/** Writes as an API server that holds `objects` by name; `refuse` says which it fails. */
function createWorld() {
  const clock = createManualClock()
  const objects = new Map<string, Record<string, unknown>>()
  const wrote: string[] = []
  let version = 0
  const world = {
    clock,
    wrote,
    refuse: (_name: string): boolean => false,
    reconciler: createReconciler({
      keys,
      clock,
      writes: { perform: async (name, step) => write(name, step) },
      onWrote: (name, step) => wrote.push(`${step.kind} ${name}`),
      onTrouble: () => undefined,
    }),
  }
  const write = (name: string, step: Step): ClaimedNode | undefined => {
    if (world.refuse(name)) throw new KubeError({ request: 'apply', status: 500, reason: 'refused' })
    if (step.kind === 'delete') {
      objects.delete(name)
      return undefined
    }
    version += 1
    const before = objects.get(name) ?? {}
    const said = step.kind === 'status' ? statusObject(name, step.status) : claimObject(name, step.uid, step.spec)
    const metadata = {
      ...Object(before.metadata),
      ...Object(Object(said).metadata),
      uid: 'c',
      resourceVersion: String(version),
    }
    objects.set(name, { ...before, ...said, metadata })
    return projectClaim(objects.get(name), keys)
  }
  return world
}

const listOf = (nodes: readonly NodeFacts[]) =>
  ({ kind: 'replace', nodes: new Map(nodes.map((node) => [node.name, node])), rewound: false }) as const
const NO_CLAIMS = { kind: 'replace', nodes: new Map<string, ClaimedNode | undefined>(), rewound: false } as const

test('nothing is written by one who does not lead, and all is once it does', async () => {
  const { reconciler, clock, wrote } = createWorld()
  reconciler.node(listOf(NODES))
  reconciler.claim(NO_CLAIMS)
  await clock.run(60_000)
  assert.deepEqual(wrote, [])
  assert.equal(reconciler.inStep, false)
  reconciler.setLeading(true)
  assert.equal(reconciler.inStep, false)
  await clock.run(0)
  assert.equal(wrote.length, 2 * NODES.length)
  assert.equal(reconciler.inStep, true)
  await reconciler.close()
})

test('one that takes over says at once that all is written, where it is', async () => {
  const { reconciler, clock } = createWorld()
  reconciler.node(listOf(NODES))
  assert.equal(reconciler.inStep, false)
  const claims = NODES.map((node): [string, ClaimedNode | undefined] => {
    const { uid, creationTimestamp, podCidrs: subnets } = node
    const object = claimObject(node.name, uid, { writer: 'Node', ...familiesOf(node, keys) })
    return [node.name, projectClaim({ ...object, status: { node: { uid, creationTimestamp }, subnets } }, keys)]
  })
  reconciler.claim({ ...NO_CLAIMS, nodes: new Map(claims) })
  assert.equal(reconciler.inStep, true)
  reconciler.setLeading(true)
  await clock.run(0)
  assert.equal(reconciler.inStep, true)
  await reconciler.close()
})

test('what cannot be written is tried again with pauses, and after ten seconds the word is taken back', async () => {
  const world = createWorld()
  const { reconciler, clock, wrote } = world
  world.refuse = (name) => name === 'late'
  reconciler.node(listOf(NODES))
  reconciler.claim(NO_CLAIMS)
  reconciler.setLeading(true)
  await clock.run(0)
  const late = flannelNode('late', 50)
  reconciler.node({ kind: 'put', name: 'late', node: late })
  await clock.run(5000)
  assert.equal(reconciler.inStep, true)
  await clock.run(6000)
  assert.equal(reconciler.inStep, false)
  world.refuse = () => false
  await clock.run(30_000)
  assert.deepEqual(wrote.slice(-2), ['apply late', 'status late'])
  assert.equal(reconciler.inStep, true)
  await reconciler.close()
})

test('a difference that goes by itself within half a minute is nobody’s business', async () => {
  const { reconciler, clock, wrote } = createWorld()
  const [node] = NODES
  assert.ok(node !== undefined)
  reconciler.node(listOf([node]))
  reconciler.claim(NO_CLAIMS)
  reconciler.setLeading(true)
  await clock.run(0)
  wrote.length = 0
  reconciler.node({ kind: 'put', name: node.name, node: { ...node, annotations: {} } })
  await clock.run(DIFFERS_MS - 1000)
  reconciler.node({ kind: 'put', name: node.name, node })
  await clock.run(DIFFERS_MS)
  assert.deepEqual(wrote, [])
  reconciler.node({ kind: 'delete', name: node.name })
  await clock.run(DIFFERS_MS)
  assert.deepEqual(wrote, [`delete ${node.name}`])
  await reconciler.close()
})
