import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { allKeys, annotationKeys } from '../../../lib/leases/annotations.ts'
import { readClaim, readOwn } from '../../../lib/leases/kube/node-claim.ts'
import { type NodeFacts, projectNode } from '../../../lib/leases/wire/node-facts.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import { claim4, claim6, dualNetwork, flannelNode, PREFIX, v4Network, v6Network } from '../support.ts'

const keys = annotationKeys(PREFIX)

const dualNode = (name: string, n: number): NodeFacts => {
  const v4 = flannelNode(name, n)
  const v6 = claim6(n)
  return {
    ...v4,
    annotations: {
      ...v4.annotations,
      [keys.ipv6.backendData]: `{"VNI":1,"VtepMAC":"${v6.lladdr}"}`,
      [keys.ipv6.publicIp]: v6.underlay,
    },
    podCidrs: [...v4.podCidrs, v6.subnet],
  }
}
const withAnnotations = (node: NodeFacts, change: Record<string, string | undefined>): NodeFacts => {
  const entries = Object.entries({ ...node.annotations, ...change }).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  )
  return { ...node, annotations: Object.fromEntries(entries) }
}
const messages = (faults: readonly Error[]) => faults.map((fault) => fault.message)

test('a Node as flanneld leaves it is a claim, older ones first', () => {
  const claim = readClaim(flannelNode('a', 7), keys, v4Network)
  assert.deepEqual(claim?.faults, [])
  assert.deepEqual(claim?.claim, {
    node: 'a',
    uid: 'uid-a',
    seniority: '2026-01-01T00:00:00Z',
    ipv4: claim4(7),
    ipv6: undefined,
  })
})

test('a Node that no flannel has marked is no claim and no fault', () => {
  for (const mark of [undefined, 'false', 'True'])
    assert.equal(
      readClaim(withAnnotations(flannelNode('a', 7), { [keys.subnetManager]: mark }), keys, v4Network),
      undefined,
    )
  const young: NodeFacts = { ...flannelNode('a', 7), annotations: {}, podCidrs: [] }
  assert.equal(readClaim(young, keys, v4Network), undefined)
})

test('a backend that is not vxlan is named', () => {
  const claim = readClaim(withAnnotations(flannelNode('a', 7), { [keys.backendType]: 'wireguard' }), keys, v4Network)
  assert.equal(claim?.claim, undefined)
  assert.deepEqual(messages(claim?.faults ?? []), [
    `node a: ${keys.backendType}: "wireguard": only "vxlan" can be a peer`,
  ])
})

test('a dual-stack node is one claim with both families; each network takes what it has', () => {
  const node = dualNode('a', 3)
  assert.deepEqual(readClaim(node, keys, dualNetwork)?.claim?.ipv4, claim4(3))
  assert.deepEqual(readClaim(node, keys, dualNetwork)?.claim?.ipv6, claim6(3))
  assert.equal(readClaim(node, keys, v4Network)?.claim?.ipv6, undefined)
  assert.equal(readClaim(node, keys, v6Network)?.claim?.ipv4, undefined)
})

test('a fault in one family leaves the claim of the other standing', () => {
  const bad6 = readClaim(withAnnotations(dualNode('a', 3), { [keys.ipv6.backendData]: '{' }), keys, dualNetwork)
  assert.deepEqual(bad6?.claim?.ipv4, claim4(3))
  assert.deepEqual(
    bad6?.claim?.ipv6,
    { ...claim6(3), lladdr: undefined, vni: undefined },
    'what can be read is claimed',
  )
  assert.equal(bad6?.faults.length, 1)
  const bad4 = readClaim(withAnnotations(dualNode('a', 3), { [keys.ipv4.publicIp]: 'fd00::1' }), keys, dualNetwork)
  assert.deepEqual(bad4?.claim?.ipv6, claim6(3))
  assert.deepEqual(messages(bad4?.faults ?? []), [`node a: ${keys.ipv4.publicIp}: "fd00::1" is not an IPv4 address`])
})

test('a claim says which VNI its node uses, in each family; another than ours, or none, is no fault', () => {
  const data = (vni: string, lladdr: string): string => `{${vni}"VtepMAC":"${lladdr}"}`
  const node = withAnnotations(dualNode('a', 3), {
    [keys.ipv4.backendData]: data('"VNI":4096,', claim4(3).lladdr),
    [keys.ipv6.backendData]: data('', claim6(3).lladdr),
  })
  assert.deepEqual(readClaim(node, keys, dualNetwork), {
    claim: {
      node: 'a',
      uid: 'uid-a',
      seniority: '2026-01-01T00:00:00Z',
      ipv4: claim4(3, { vni: '4096' }),
      ipv6: { ...claim6(3), vni: undefined },
    },
    faults: [],
  })
})

test('a node without one family is no fault, a family with half a claim is', () => {
  assert.deepEqual(readClaim(flannelNode('a', 3), keys, dualNetwork)?.faults, [])
  const half = readClaim(withAnnotations(dualNode('a', 3), { [keys.ipv6.publicIp]: undefined }), keys, dualNetwork)
  assert.deepEqual(messages(half?.faults ?? []), [`node a: ${keys.ipv6.publicIp}: missing`])
  const noCidr = readClaim({ ...dualNode('a', 3), podCidrs: ['10.42.3.0/24'] }, keys, dualNetwork)
  assert.deepEqual(messages(noCidr?.faults ?? []), ['node a: spec.podCIDRs: no ipv6 podCIDR is assigned'])
})

test('an IPv6-only flannel, whose IPv4 annotations another one left behind, is a peer', () => {
  const v6only: NodeFacts = { ...dualNode('a', 3), podCidrs: [claim6(3).subnet] }
  assert.deepEqual(readClaim(v6only, keys, v6Network), {
    claim: { node: 'a', uid: 'uid-a', seniority: '2026-01-01T00:00:00Z', ipv4: undefined, ipv6: claim6(3) },
    faults: [],
  })
})

test('a marked node that claims nothing is named', () => {
  const claim = readClaim(flannelNode('a', 3), keys, v6Network)
  assert.equal(claim?.claim, undefined)
  assert.equal(claim?.faults.length, 1)
})

test('two podCIDRs of one family, three at all, or garbage are refused', () => {
  const faultOf = (podCidrs: string[]) =>
    messages(readClaim({ ...flannelNode('a', 3), podCidrs }, keys, v4Network)?.faults ?? [])
  assert.deepEqual(faultOf(['10.42.3.0/24', '10.42.4.0/24']), [
    'node a: spec.podCIDRs: two ipv4 podCIDRs, 10.42.3.0/24 and 10.42.4.0/24: one a family is allowed',
  ])
  assert.deepEqual(faultOf(['10.42.3.0/24', 'fd00::/64', 'fd01::/64']), [
    'node a: spec.podCIDRs: 3 podCIDRs: one a family is allowed',
  ])
  assert.deepEqual(faultOf(['10.42.3.0']), ['node a: spec.podCIDRs: "10.42.3.0" is not a CIDR'])
})

test('our own Node tells subnets, the lladdr of before, and what the user asked for', () => {
  const node = withAnnotations(dualNode('me', 9), {
    [keys.ipv4.publicIpOverwrite]: '203.0.113.9',
    [keys.ipv6.nodePublicIp]: 'fd00::99',
  })
  const internalIps = { ipv4: parseIp('172.16.0.9'), ipv6: parseIp('fd07::9') }
  assert.deepEqual(readOwn({ ...node, internalIps }, keys, dualNetwork), {
    own: {
      node: 'me',
      uid: 'uid-me',
      seniority: '2026-01-01T00:00:00Z',
      subnets: { ipv4: '10.42.9.0/24', ipv6: 'fd00:42:0:9::/64' },
      lladdrs: { ipv4: claim4(9).lladdr, ipv6: claim6(9).lladdr },
      publishInstead: { ipv4: '203.0.113.9', ipv6: undefined },
      underlayHint: { ipv4: undefined, ipv6: 'fd00::99' },
      internalIps,
      published: { ipv4: '192.168.0.9', ipv6: 'fd00::9' },
    },
    faults: [],
  })
})

test('a public-ip of ours that cannot be read is not published, and no fault: we are about to write it', () => {
  const node = withAnnotations(dualNode('me', 9), { [keys.ipv4.publicIp]: 'x', [keys.ipv6.publicIp]: '10.0.0.1' })
  const { own, faults } = readOwn(node, keys, dualNetwork)
  assert.deepEqual(own.published, { ipv4: undefined, ipv6: undefined })
  assert.deepEqual(faults, [])
})

test('of a family that we do not have, neither an InternalIP nor what is published is ours', () => {
  const internalIps = { ipv4: parseIp('172.16.0.9'), ipv6: parseIp('fd07::9') }
  const { own } = readOwn({ ...dualNode('me', 9), internalIps }, keys, v4Network)
  assert.deepEqual(own.internalIps, { ipv4: '172.16.0.9', ipv6: undefined })
  assert.deepEqual(own.published, { ipv4: '192.168.0.9', ipv6: undefined })
})

test('our own young Node, without annotations and podCIDR, has everything still to come', () => {
  const { own, faults } = readOwn({ ...flannelNode('me', 9), annotations: {}, podCidrs: [] }, keys, dualNetwork)
  assert.deepEqual(own.subnets, { ipv4: undefined, ipv6: undefined })
  assert.deepEqual(own.lladdrs, { ipv4: undefined, ipv6: undefined })
  assert.deepEqual(faults, [])
})

test('our own podCIDR outside the network, and a broken annotation, are named and count as absent', () => {
  const node = withAnnotations(
    { ...flannelNode('me', 9), podCidrs: ['10.43.9.0/24'] },
    { [keys.ipv4.backendData]: 'x' },
  )
  const { own, faults } = readOwn(node, keys, v4Network)
  assert.equal(own.subnets.ipv4, undefined)
  assert.equal(own.lladdrs.ipv4, undefined)
  assert.deepEqual(messages(faults), [
    "node me: spec.podCIDRs: our own podCIDR 10.43.9.0/24 is outside the network 10.42.0.0/16: net-conf and the cluster's CIDR must agree",
    `node me: ${keys.ipv4.backendData}: not JSON: "x"`,
  ])
})

test('the text null, which an IPv6-only flannel leaves as backend-data, is no lladdr and no fault', () => {
  const { own, faults } = readOwn(
    withAnnotations(flannelNode('me', 9), { [keys.ipv4.backendData]: 'null' }),
    keys,
    v4Network,
  )
  assert.equal(own.lladdrs.ipv4, undefined)
  assert.deepEqual(faults, [])
})

test('a Node is projected to what we keep of it, whatever it lacks', () => {
  const wanted = allKeys(keys)
  assert.equal(projectNode({ metadata: {} }, wanted, 'a'), undefined)
  assert.deepEqual(projectNode({ metadata: { name: 'a' } }, wanted, 'a'), {
    name: 'a',
    uid: '',
    creationTimestamp: '',
    annotations: {},
    podCidrs: [],
    networkUnavailable: undefined,
    internalIps: { ipv4: undefined, ipv6: undefined },
  })
  const node = projectNode(
    {
      metadata: { name: 'a', annotations: { other: 'x', [keys.backendType]: 'vxlan' } },
      spec: { podCIDR: '10.42.1.0/24' },
      status: {
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'NetworkUnavailable', status: 'True' },
        ],
      },
    },
    wanted,
    'a',
  )
  assert.deepEqual(node?.annotations, { [keys.backendType]: 'vxlan' })
  assert.deepEqual(node?.podCidrs, ['10.42.1.0/24'])
  assert.equal(node?.networkUnavailable, 'True')
  const odd = projectNode({ metadata: { name: 'a' }, spec: { podCIDRs: [{ toString: 1 }, 7] } }, wanted, 'a')
  assert.deepEqual(odd?.podCidrs, ['{"toString":1}', '7'])
})

test('of the addresses of our own Node the first InternalIP of each family counts, in whatever order they come', () => {
  const of = (...addresses: readonly unknown[]) =>
    projectNode({ metadata: { name: 'a' }, status: { addresses } }, allKeys(keys), 'a')?.internalIps
  const internal = (address: unknown) => ({ type: 'InternalIP', address })
  const none = { ipv4: undefined, ipv6: undefined }
  const v6First = [internal('fd07::9'), internal('172.16.0.9')]
  assert.deepEqual(of(...v6First), { ipv4: '172.16.0.9', ipv6: 'fd07::9' })
  assert.deepEqual(of(...v6First, ...v6First, internal('172.16.0.10')), { ipv4: '172.16.0.9', ipv6: 'fd07::9' })
  assert.deepEqual(of(internal('FD07:0:0::9')), { ipv4: undefined, ipv6: 'fd07::9' })
  for (const odd of ['', 'node-a', '172.16.0.9/24', '::ffff:1.2.3.4', 7, undefined])
    assert.deepEqual(of(internal(odd), internal('172.16.0.9')), { ipv4: '172.16.0.9', ipv6: undefined })
  assert.deepEqual(of({ type: 'ExternalIP', address: '203.0.113.9' }, { type: 'Hostname', address: '1.2.3.4' }), none)
  assert.deepEqual(of(null, 7, {}), none)
  assert.deepEqual(projectNode({ metadata: { name: 'a' }, status: { addresses: 'x' } }, allKeys(keys), 'a'), {
    ...projectNode({ metadata: { name: 'a' } }, allKeys(keys), 'a'),
  })
})

test('whatever stands in the annotations and podCIDRs, reading a Node never throws', () => {
  const value = fc.oneof(fc.string(), fc.json(), fc.ipV4(), fc.ipV6(), fc.constantFrom('true', 'vxlan', '10.42.1.0/24'))
  const annotations = fc.dictionary(fc.constantFrom(...allKeys(keys)), value)
  fc.assert(
    fc.property(annotations, fc.array(value, { maxLength: 4 }), (given, podCidrs) => {
      const node = { ...flannelNode('a', 1), podCidrs }
      for (const noted of [{ ...node.annotations, ...given }, given]) {
        readClaim({ ...node, annotations: noted }, keys, dualNetwork)
        readOwn({ ...node, annotations: noted }, keys, dualNetwork)
      }
      projectNode(given, allKeys(keys), 'a')
    }),
    { numRuns: 1000 },
  )
})

test('with host-gw a claim is a podCIDR and an address, whatever an earlier backend left; other backends are no peers', () => {
  const network = { ...dualNetwork, backend: { type: 'host-gw' } } as const
  const { lladdr: _, ...v4 } = claim4(3)
  const { lladdr: __, ...v6 } = claim6(3)
  for (const data of ['null', undefined, '{"VNI":1,"VtepMAC":"0e:00:00:00:00:01"}', 'nonsense']) {
    const node = withAnnotations(dualNode('a', 3), {
      [keys.backendType]: 'host-gw',
      [keys.ipv4.backendData]: data,
      [keys.ipv6.backendData]: data,
    })
    const read = readClaim(node, keys, network)
    assert.deepEqual(read?.faults, [])
    assert.deepEqual(read?.claim?.ipv4, { ...v4, lladdr: undefined, vni: undefined })
    assert.deepEqual(read?.claim?.ipv6, { ...v6, lladdr: undefined, vni: undefined })
    assert.equal(readOwn(node, keys, network).own.lladdrs.ipv4, undefined)
    assert.deepEqual(messages(readClaim(node, keys, dualNetwork)?.faults ?? []), [
      `node a: ${keys.backendType}: "host-gw": only "vxlan" can be a peer`,
    ])
  }
  assert.deepEqual(messages(readClaim(dualNode('b', 4), keys, network)?.faults ?? []), [
    `node b: ${keys.backendType}: "vxlan": only "host-gw" can be a peer`,
  ])
})
