import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearNamesHint } from '../../lib/leases/near-names.ts'

test('a Node that differs in case or domain only is named, with what to set', () => {
  for (const [wanted, there] of [
    ['Node1', 'node1'],
    ['node1.example.com', 'node1'],
    ['node1', 'node1.example.com'],
    ['NODE1.Example.com', 'node1'],
    ['node1.example.com', 'node1.example.org'],
    ['node1.', 'node1'],
    ['ip-10-0-0-1', 'ip-10-0-0-1.ec2.internal'],
  ] as const)
    assert.equal(
      nearNamesHint(wanted, ['other', there, 'node10']),
      `; there is a Node ${there}: set NODE_NAME=${there}`,
    )
})

test('what differs in more is not named', () => {
  for (const [wanted, there] of [
    ['node1', 'node10'],
    ['node1', 'xnode1'],
    ['node1.example.com', 'node2.example.com'],
    ['10.0.0.1', '10.0.0.2'],
    ['10', '10.0.0.2'],
    ['', 'node1'],
  ] as const)
    assert.equal(nearNamesHint(wanted, [there]), '', `${wanted} ${there}`)
  assert.equal(nearNamesHint('node1', []), '')
})

test('of many no more than three are named', () => {
  const names = ['a', 'b', 'c', 'd'].map((domain) => `node1.${domain}`)
  assert.equal(
    nearNamesHint('node1', names.slice(0, 2)),
    "; there are Nodes node1.a, node1.b: set NODE_NAME to this one's",
  )
  assert.equal(
    nearNamesHint('node1', names),
    "; there are Nodes node1.a, node1.b, node1.c, …: set NODE_NAME to this one's",
  )
})
