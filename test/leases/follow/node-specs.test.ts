import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodeSpecs } from '../../../lib/leases/follow/node-specs.ts'

test('podCIDRs are those of the UID, and of no other Node of that name', () => {
  const specs = createNodeSpecs()
  specs.remember({ name: 'a', uid: 'one', podCidrs: ['10.42.1.0/24', 'fd00:42:0:1::/64'] })
  assert.deepEqual(specs.podCidrsOf('a', 'one'), ['10.42.1.0/24', 'fd00:42:0:1::/64'])
  assert.equal(specs.podCidrsOf('a', 'two'), undefined)
  assert.equal(specs.podCidrsOf('b', 'one'), undefined)
  specs.remember({ name: 'a', uid: 'two', podCidrs: [] })
  assert.equal(specs.podCidrsOf('a', 'one'), undefined)
  assert.equal(specs.podCidrsOf('a', 'two'), undefined)
  specs.remember({ name: 'a', uid: 'two', podCidrs: ['10.42.2.0/24'] })
  specs.forget('a')
  assert.equal(specs.podCidrsOf('a', 'two'), undefined)
})
