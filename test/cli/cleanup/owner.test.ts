/** Whose a direct route is: its prefix in the networks that are known, and who else is here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownerOf } from '../../../lib/cli/cleanup/owner.ts'
import type { Evidence } from '../../../lib/cli/cleanup/scope.ts'
import { parseCidr } from '../../../lib/net/cidr.ts'
import { factsOf, link, NIC, netConf, scopeOf, stateOf } from './fixture.ts'

function owner(prefix: string, parts: Partial<Evidence>): string {
  const found = ownerOf(parseCidr(prefix), scopeOf(parts))
  return typeof found === 'string' ? found : found.doubt
}

test('a prefix belongs to the VNI in whose network it lies, kept or in net-conf, in both families', () => {
  const state = stateOf({ 'flannel.1': '10.42.0.0/16', 'flannel.4096': '10.43.0.0/16', 'flannel-v6.4096': 'fd43::/48' })
  assert.equal(owner('10.42.1.0/24', { asked: 1, state }), 'ours')
  assert.equal(owner('10.43.1.0/24', { asked: 1, state }), 'theirs')
  assert.equal(owner('10.43.1.0/24', { asked: 4096, state }), 'ours')
  assert.equal(owner('fd43::/64', { asked: 1, state }), 'theirs')
  assert.equal(owner('fd43::/64', { state }), 'ours')
  const conf = netConf(1, '10.50.0.0/16')
  assert.equal(owner('10.50.1.0/24', { netConf: conf, state }), 'ours')
  assert.equal(owner('10.42.1.0/24', { netConf: conf, state }), 'ours', 'kept from before net-conf was changed')
  assert.equal(owner('10.50.1.0/24', { asked: 4096, netConf: conf, state }), 'theirs')
})

test('what lies in a network of ours and in another one’s stays', () => {
  const state = stateOf({ 'flannel.1': '10.42.0.0/16', 'flannel.4096': '10.0.0.0/8' })
  assert.match(owner('10.42.1.0/24', { asked: 1, state }), /^VNI 1 and VNI 4096 have it in their networks: /)
  assert.equal(owner('10.42.1.0/24', { state }), 'ours')
})

test('where no network is known, a prefix is ours only while no other VNI is here', () => {
  const old = stateOf({ 'flannel.1': {} })
  assert.equal(owner('10.42.1.0/24', { state: old }), 'ours')
  assert.equal(owner('10.42.1.0/24', {}), 'ours')
  const besides: Partial<Evidence>[] = [
    { state: stateOf({ 'flannel.1': {}, 'flannel-v6.7': {} }), asked: 1 },
    { state: old, locked: new Set(['flannel.7']) },
    { state: old, facts: factsOf([NIC, link(6, 'flannel.7', 7)]) },
  ]
  for (const parts of besides) assert.match(owner('10.42.1.0/24', parts), /^VNI 7 is here too, .*--net-config-path$/)
  const unreadable = { ...stateOf(), unreadable: 'EACCES' }
  assert.match(owner('10.42.1.0/24', { state: unreadable }), /^\/state cannot be read, /)
  assert.equal(owner('10.42.1.0/24', { state: unreadable, netConf: netConf(1, '10.42.0.0/16') }), 'ours')
})

test('a network of one family says nothing of the other', () => {
  assert.equal(owner('fd42::/64', { netConf: netConf(1, '10.42.0.0/16') }), 'ours')
  const state = stateOf({ 'flannel.7': '10.43.0.0/16' })
  assert.match(owner('fd42::/64', { asked: 1, state, netConf: netConf(1, '10.42.0.0/16') }), /^VNI 7 is here too/)
  assert.equal(owner('fd42:1::/64', { asked: 1, state, netConf: netConf(1, undefined, 'fd42::/16') }), 'ours')
})

test('what lies outside every network stays; beside a VNI whose network is not known it is taken for that one’s', () => {
  const conf = netConf(1, '10.42.0.0/16')
  assert.match(owner('10.50.1.0/24', { netConf: conf }), /^it lies outside the network of VNI 1: name its VNI/)
  assert.equal(owner('10.50.1.0/24', { asked: 1, netConf: conf, state: stateOf({ 'flannel.7': {} }) }), 'theirs')
  const known = stateOf({ 'flannel.7': '10.43.0.0/16' })
  assert.match(owner('10.50.1.0/24', { asked: 1, netConf: conf, state: known }), /^it lies outside/)
})

test('a network of length 0 proves nothing beside a VNI whose network is not known', () => {
  const conf = netConf(1, '0.0.0.0/0')
  assert.equal(owner('10.42.1.0/24', { netConf: conf }), 'ours')
  assert.match(
    owner('10.42.1.0/24', { netConf: conf, asked: 1, state: stateOf({ 'flannel.7': {} }) }),
    /^VNI 7 is here/,
  )
  const known = stateOf({ 'flannel.7': '10.43.0.0/16' })
  assert.equal(owner('10.42.1.0/24', { netConf: conf, asked: 1, state: known }), 'ours')
  assert.match(owner('10.43.1.0/24', { netConf: conf, asked: 1, state: known }), /have it in their networks/)
})
