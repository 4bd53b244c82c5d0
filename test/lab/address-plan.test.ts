import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planLab } from '../../lib/lab/address-plan.ts'
import { netConfOf } from '../../lib/lab/agents.ts'
import { nodeObject } from '../../lib/lab/node-api.ts'
import { MAX_NODES, MAX_PODS } from '../../lib/lab/options.ts'
import { contains, overlaps } from '../../lib/net/cidr.ts'

test('a dual-stack node has both families in the same order everywhere', () => {
  const plan = planLab({ nodes: 2, pods: 2, families: ['ipv4', 'ipv6'] })
  const [, node] = plan.nodes
  assert.deepEqual(node, {
    name: 'node2',
    underlayIfname: 'node2',
    lladdr: '0a:76:00:00:00:02',
    underlay: ['172.31.1.2', 'fd77::1:2'],
    subnets: ['10.42.2.0/24', '2001:cafe:42:2::/64'],
    gateways: ['10.42.2.1', '2001:cafe:42:2::1'],
    pods: [
      { name: 'node2-pod1', node: 'node2', hostIfname: 'pod1', addresses: ['10.42.2.10', '2001:cafe:42:2::10'] },
      { name: 'node2-pod2', node: 'node2', hostIfname: 'pod2', addresses: ['10.42.2.11', '2001:cafe:42:2::11'] },
    ],
  })
  assert.equal(plan.overlayMtu, 1430)
  assert.equal(plan.apiAddress, '172.31.0.1')
})

test('two nodes more have a plan of their own, without pods', () => {
  const plan = planLab({ nodes: MAX_NODES, pods: 1, families: ['ipv4', 'ipv6'] })
  assert.deepEqual(
    plan.unbuilt.map(({ name, underlay, subnets, pods }) => [name, underlay[0], subnets[1], pods.length]),
    [
      ['node251', '172.31.1.251', '2001:cafe:42:fb::/64', 0],
      ['node252', '172.31.1.252', '2001:cafe:42:fc::/64', 0],
    ],
  )
})

test('a family that was not asked for does not occur', () => {
  const ipv4 = planLab({ nodes: 2, pods: 1, families: ['ipv4'] })
  assert.doesNotMatch(JSON.stringify(ipv4.nodes), /fd77|2001/)
  assert.equal(ipv4.overlayMtu, 1450)
  const ipv6 = planLab({ nodes: 2, pods: 1, families: ['ipv6'] })
  assert.doesNotMatch(JSON.stringify(ipv6.nodes), /172\.|10\.42/)
  assert.equal(ipv6.apiAddress, 'fd77::1')
})

test('the largest lab has no address twice, and every subnet lies in its network', () => {
  const plan = planLab({ nodes: MAX_NODES, pods: MAX_PODS, families: ['ipv4', 'ipv6'] })
  const addresses = plan.nodes.flatMap((node) => [
    ...node.underlay,
    ...node.gateways,
    ...node.pods.flatMap((pod) => pod.addresses),
  ])
  addresses.push(...plan.labAddresses, ...plan.floating)
  assert.equal(new Set(addresses).size, addresses.length)
  assert.equal(new Set(plan.nodes.map((node) => node.lladdr)).size, MAX_NODES)
  for (const node of plan.nodes) {
    node.subnets.forEach((subnet, family) => {
      const network = plan.networks[family]
      assert.ok(network !== undefined && overlaps(network, subnet), `${subnet} is outside ${network}`)
      for (const pod of node.pods) {
        const address = pod.addresses[family]
        assert.ok(address !== undefined && contains(subnet, address), `${pod.name} ${address} is outside ${subnet}`)
      }
    })
    assert.ok(node.underlayIfname.length <= 15, 'an interface name has at most 15 characters')
  }
})

test('net-conf.json names the networks of the enabled families only', () => {
  assert.deepEqual(netConfOf(planLab({ nodes: 2, pods: 1, families: ['ipv6'] })), {
    EnableIPv4: false,
    EnableIPv6: true,
    IPv6Network: '2001:cafe:42::/56',
    Backend: { Type: 'vxlan' },
  })
})

test('a Node object has podCIDRs and addresses but no annotation', () => {
  const [node] = planLab({ nodes: 2, pods: 1, families: ['ipv4', 'ipv6'] }).nodes
  assert.ok(node !== undefined)
  const object = nodeObject(node)
  assert.deepEqual(object.spec, { podCIDR: '10.42.1.0/24', podCIDRs: ['10.42.1.0/24', '2001:cafe:42:1::/64'] })
  assert.deepEqual(object.status?.addresses, [
    { type: 'InternalIP', address: '172.31.1.1' },
    { type: 'InternalIP', address: 'fd77::1:1' },
    { type: 'Hostname', address: 'node1' },
  ])
  assert.equal(object.metadata.annotations, undefined)
})
