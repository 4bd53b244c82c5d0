import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AgentConfig, masquerades } from '../../lib/agent/config.ts'

test('both families are masqueraded, IPv6 not where only IPv4 is asked for, none where nothing is', () => {
  const of = (parts: Pick<AgentConfig, 'ipMasq' | 'ipv6Masquerade'>) =>
    (['ipv4', 'ipv6'] as const).map((family) => masquerades(parts as AgentConfig, family))
  assert.deepEqual(of({ ipMasq: true }), [true, true])
  assert.deepEqual(of({ ipMasq: true, ipv6Masquerade: false }), [true, false])
  assert.deepEqual(of({ ipMasq: false, ipv6Masquerade: true }), [false, false])
})
