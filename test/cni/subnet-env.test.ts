/** subnet.env, byte for byte as flannel writes it (flannel-contract 4), and read back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSubnetEnv, renderSubnetEnv, type SubnetEnvFamily } from '../../lib/cni/subnet-env.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseMtu } from '../../lib/net/mtu.ts'

const family = (network: string, subnet: string, mtu: number): SubnetEnvFamily => ({
  network: parseCidr(network),
  subnet: parseCidr(subnet),
  mtu: parseMtu(mtu),
})
const V4 = family('10.42.0.0/16', '10.42.1.0/24', 1450)
const V6 = family('2001:cafe:42::/56', '2001:cafe:42:1::/64', 1430)

test('IPv4 alone', () => {
  assert.equal(
    renderSubnetEnv({ ipv4: V4, ipv6: undefined, ipMasq: true }),
    'FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n',
  )
})

test('IPv6 alone', () => {
  assert.equal(
    renderSubnetEnv({ ipv4: undefined, ipv6: V6, ipMasq: false }),
    'FLANNEL_IPV6_NETWORK=2001:cafe:42::/56\nFLANNEL_IPV6_SUBNET=2001:cafe:42:1::1/64\nFLANNEL_MTU=1430\nFLANNEL_IPMASQ=false\n',
  )
})

test('both families, IPv4 first, with the lesser MTU whichever family has it', () => {
  const lines = [
    'FLANNEL_NETWORK=10.42.0.0/16',
    'FLANNEL_SUBNET=10.42.1.1/24',
    'FLANNEL_IPV6_NETWORK=2001:cafe:42::/56',
    'FLANNEL_IPV6_SUBNET=2001:cafe:42:1::1/64',
    'FLANNEL_MTU=1430',
    'FLANNEL_IPMASQ=true',
    '',
  ]
  assert.equal(renderSubnetEnv({ ipv4: V4, ipv6: V6, ipMasq: true }), lines.join('\n'))
  const jumbo = { ...V6, mtu: parseMtu(8930) }
  assert.match(renderSubnetEnv({ ipv4: V4, ipv6: jumbo, ipMasq: true }), /^FLANNEL_MTU=1450$/m)
})

test('what is rendered is read back', () => {
  assert.deepEqual(parseSubnetEnv(renderSubnetEnv({ ipv4: V4, ipv6: V6, ipMasq: true })), {
    networks: { ipv4: [V4.network], ipv6: [V6.network] },
    subnets: { ipv4: V4.subnet, ipv6: V6.subnet },
    mtu: 1430,
    ipMasq: true,
  })
})

test('networks may be a list with repetitions; IPMASQ is true only as exactly that', () => {
  const parsed = parseSubnetEnv('FLANNEL_NETWORK=10.42.0.0/16,10.43.0.0/16,10.42.0.0/16\nFLANNEL_IPMASQ=True\n')
  assert.deepEqual(parsed.networks.ipv4, ['10.42.0.0/16', '10.43.0.0/16'])
  assert.equal(parsed.ipMasq, false)
})

test('what is missing or invalid is left out, the rest is read', () => {
  const parsed = parseSubnetEnv(
    '# x\nFLANNEL_NETWORK=ten\nFLANNEL_SUBNET=fd00::1/64\n\nFLANNEL_MTU=big\nFLANNEL_IPV6_SUBNET=fd00::1/64',
  )
  assert.deepEqual(parsed, {
    networks: { ipv4: [], ipv6: [] },
    subnets: { ipv4: undefined, ipv6: parseCidr('fd00::/64') },
    mtu: undefined,
    ipMasq: false,
  })
  assert.deepEqual(parseSubnetEnv('\0\n=\n').networks.ipv4, [])
})
