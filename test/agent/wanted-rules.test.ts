/** Which rules the configuration asks for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentConfig } from '../../lib/agent/config.ts'
import { wantedRules } from '../../lib/agent/wanted-rules.ts'
import { parseCidr } from '../../lib/net/cidr.ts'

test('both families are masqueraded, IPv6 not where only IPv4 is asked for, none where nothing is', () => {
  const networks = { ipv4: parseCidr('10.42.0.0/16'), ipv6: parseCidr('fd42::/48') }
  const subnets = { ipv4: parseCidr('10.42.1.0/24'), ipv6: parseCidr('fd42:0:0:1::/64') }
  const of = (parts: Pick<AgentConfig, 'ipMasq' | 'ipv6Masquerade'>) =>
    (['ipv4', 'ipv6'] as const).map(
      (family) =>
        wantedRules(
          { network: networks, iptablesForwardRules: true, ...parts } as unknown as AgentConfig,
          family,
          subnets[family],
        )?.masquerade,
    )
  assert.deepEqual(of({ ipMasq: true }), [true, true])
  assert.deepEqual(of({ ipMasq: true, ipv6Masquerade: false }), [true, false])
  assert.deepEqual(of({ ipMasq: false, ipv6Masquerade: true }), [false, false])
})

const wantedOf = (network: string) => {
  const config = { network: { ipv4: parseCidr(network) }, ipMasq: true, iptablesForwardRules: true }
  return wantedRules(config as unknown as AgentConfig, 'ipv4', parseCidr('10.42.1.0/24'))
}

test('a network has rules, one without bounds none', () => {
  const bounded = wantedOf('10.42.0.0/16')
  assert.deepEqual([bounded?.masquerade, bounded?.forward, bounded?.fullyRandom], [true, true, true])
  const unbounded = wantedOf('0.0.0.0/0')
  assert.deepEqual([unbounded?.masquerade, unbounded?.forward], [false, false])
})
