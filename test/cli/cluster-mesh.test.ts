/** What is made of the Events of a cluster's agents: the last word of each, unless it is an end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EventObject, standingFaults } from '../../lib/cli/window/cluster-mesh.ts'

const event = (node: string, reason: string, message: string, at: string, more: Partial<EventObject> = {}) => ({
  reason,
  message,
  involvedObject: { name: node },
  lastTimestamp: `2026-11-30T${at}Z`,
  ...more,
})

test('what stands is told by node, what is over or of another kind is not, in whatever order Events come', () => {
  const events: readonly EventObject[] = [
    event('b', 'MeshDown', 'ipv4: c answers neither', '10:00:00'),
    event('a', 'MeshPathMtuEnded', 'ipv4: over: packets to b', '10:05:00'),
    event('a', 'MeshPathMtu', 'ipv4: packets to b', '10:00:00'),
    event('a', 'MeshPathMtu', 'ipv6: packets to b', '10:00:00'),
    event('a', 'OverlayHealed', 'ipv4: healed', '10:06:00'),
    event('a', 'MeshLossEnded', 'over', '09:00:00'),
    event('a', 'MeshLoss', 'many are lost', '09:00:00', {
      series: { lastObservedTime: '2026-11-30T10:30:00.000000Z' },
    }),
  ]
  const told = (list: readonly EventObject[]) =>
    standingFaults(list).map(({ node, reason, family, sentence }) => [node, reason, family, sentence])
  const expected = [
    ['a', 'MeshLoss', null, 'many are lost'],
    ['a', 'MeshPathMtu', 'ipv6', 'packets to b'],
    ['b', 'MeshDown', 'ipv4', 'c answers neither'],
  ]
  assert.deepEqual(told(events), expected)
  assert.deepEqual(told([...events].reverse()), expected)
})
