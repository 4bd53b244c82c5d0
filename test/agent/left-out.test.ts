/** What is to be done about each kind of claim that is not accepted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inWords } from '../../lib/agent/window/left-out.ts'
import { LeaseError, type LeaseFault } from '../../lib/errors.ts'

const REMEDY: Readonly<Record<Exclude<LeaseFault, 'ours'>, RegExp>> = {
  unreadable: /look at it: kubectl get node a /,
  incomplete: /look at it: kubectl get node a /,
  other_backend: /look at it: kubectl get node a /,
  not_unicast: /look at it: kubectl get node a /,
  too_large: /look at it: kubectl get node a /,
  outside_network: /--cluster-cidr must agree/,
  underlay_unusable: /look at --iface and --public-ip there/,
  loop: /look at --iface and --public-ip there/,
  subnet_taken: /kubectl delete node a/,
  lladdr_taken: /on a end vtepd, remove what is in its --state-dir/,
}

test('each kind has its remedy, whatever the sentence is', () => {
  for (const [fault, remedy] of Object.entries(REMEDY) as [LeaseFault, RegExp][])
    assert.match(inWords(new LeaseError('a', 'ipv4 subnet', 'for a reason', { fault })), remedy, fault)
})

test('what is our own is told by what it is', () => {
  const ours = (field: string): string => inWords(new LeaseError('a', field, 'is our own', { fault: 'ours' }))
  assert.match(ours('ipv4 lladdr'), /a clone of that machine/)
  assert.match(ours('ipv6 subnet'), /two Nodes cannot have one podCIDR/)
  assert.match(ours('ipv4 underlay'), /look at --iface and --public-ip there/)
})
