/** Which VNIs a cleanup is about, from everything that can tell. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decideScope, type Evidence } from '../../../lib/cli/cleanup/scope.ts'
import { ConfigError } from '../../../lib/errors.ts'
import { parseIfindex } from '../../../lib/net/ifindex.ts'
import { direct, evidence, factsOf, link, NIC, netConf, route, stateOf } from './fixture.ts'

const decide = (parts: Partial<Evidence>, force = false) => {
  const { scope, running, refused } = decideScope(evidence(parts), { routesOnly: false, force })
  return { vnis: [...scope.vnis], others: [...scope.others], running, refused }
}
const about = (vnis: number[], others: number[] = []) => ({ vnis, others, running: [], refused: undefined })

test('where nothing tells, it is about VNI 1', () => {
  assert.deepEqual(decide({}), about([1]))
})

test("it is about net-conf's VNI, and about those of the state folder in either family", () => {
  const state = stateOf({ 'flannel.4096': {}, 'flannel-v6.7': {} })
  assert.deepEqual(decide({ state }), about([7, 4096]))
  assert.deepEqual(decide({ state, netConf: netConf(1, '10.42.0.0/16') }), about([1, 7, 4096]))
})

test('--vni is about that one only, and knows the others that are here', () => {
  const state = stateOf({ 'flannel.4096': {} })
  const facts = factsOf([NIC, link(6, 'flannel.9', 9)])
  assert.deepEqual(decide({ asked: 1, state, facts, netConf: netConf(3, '10.42.0.0/16') }), about([1], [9, 4096]))
})

test('devices that carry routes of ours tell their VNI: by their name, or by the form of the routes', () => {
  const through = (ifindex: number, onlink: boolean) =>
    route('10.42.1.0/24', {
      oif: parseIfindex(ifindex),
      onlink,
      ...(onlink ? {} : { gateway: direct('10.0.0.0/8').gateway }),
    })
  const named = link(6, 'flannel-v6.4096', 4096, 'ipv6')
  assert.deepEqual(decide({ facts: factsOf([NIC, named], [], [through(6, true)]) }), about([4096]))
  assert.deepEqual(decide({ facts: factsOf([NIC, link(7, 'renamed0', 9)], [through(7, true)]) }), about([9]))
  const underlay = factsOf([NIC, link(8, 'vxlan100', 100)], [through(8, false)])
  assert.deepEqual(decide({ facts: underlay }), about([1]), 'a direct route over an underlay that is VXLAN itself')
  const flannels = factsOf([NIC, link(6, 'flannel.4096', 4096)], [{ ...through(6, true), protocol: 3 }])
  assert.deepEqual(decide({ facts: flannels }), about([1], [4096]))
})

test('a VNI that an agent keeps is left out and named, whichever family it keeps', () => {
  const state = stateOf({ 'flannel.1': {}, 'flannel.4096': {} })
  assert.deepEqual(decide({ state, locked: new Set(['flannel-v6.4096']) }), {
    ...about([1], [4096]),
    running: ['flannel-v6.4096'],
  })
  assert.deepEqual(decide({ asked: 1, locked: new Set(['flannel.4096']) }), about([1], [4096]))
})

test('where agents keep all that it is about, it refuses, unless it is forced', () => {
  const state = stateOf({ 'flannel.1': {} })
  const locked = new Set(['flannel.1', 'flannel-v6.1'])
  assert.deepEqual(decide({ state, locked }), { ...about([1]), refused: 'flannel.1' })
  assert.deepEqual(decide({ asked: 1, locked: new Set([...locked, 'flannel.2']) }).refused, 'flannel.1')
  assert.deepEqual(decide({ locked: new Set(['flannel-v6.7']) }), { ...about([7]), refused: 'flannel-v6.7' })
  assert.deepEqual(decide({ state, locked }, true), about([1]))
})

test('a net-conf that cannot be used is an error only where nothing else tells', () => {
  const broken = new ConfigError('net-conf.json: Backend.Type', 'vtepd keeps only "vxlan", not "host-gw"')
  assert.throws(() => decide({ netConf: broken }), broken)
  assert.deepEqual(decide({ netConf: broken, state: stateOf({ 'flannel.7': {} }) }), about([7]))
  assert.deepEqual(decide({ netConf: broken, asked: 7 }), about([7]))
})
