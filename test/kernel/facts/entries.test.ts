/** kernel-facts 4: what the port cannot say (append, address type), and the kernel's own words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../../lib/net/ip.ts'
import { traitsOfKernel } from '../../conformance/traits.ts'
import { kernelTests } from '../../support/netns.ts'
import { addUnderlay, createNode } from './support.ts'

const LOCAL = parseIp('192.0.2.1')

test('FDB append for a unicast MAC that exists: success, nothing changed', kernelTests, async (t) => {
  const node = await createNode(t, 'append')
  await node.createVxlan({ local: LOCAL })
  await node.apply({ fdb: '0e:2a:00:00:00:02', dst: '192.0.2.2', dev: 'v1' })
  const before = await node.exec('bridge', 'fdb', 'show', 'dev', 'v1')
  await node.exec('bridge', 'fdb', 'append', '0e:2a:00:00:00:02', 'dst', '192.0.2.3', 'dev', 'v1', 'self', 'permanent')
  assert.equal(await node.exec('bridge', 'fdb', 'show', 'dev', 'v1'), before)
})

test(
  'a MAC given at creation is NET_ADDR_SET (3), which udevd leaves alone; else it is random (1)',
  kernelTests,
  async (t) => {
    const node = await createNode(t, 'assign')
    await node.createVxlan({ local: LOCAL })
    await node.ip('link', 'add', 'v2', 'type', 'vxlan', 'id', '2', 'dstport', '8472')
    const types = await node.exec('cat', '/sys/class/net/v1/addr_assign_type', '/sys/class/net/v2/addr_assign_type')
    assert.deepEqual(types.trim().split('\n'), ['3', '1'])
  },
)

test(
  'a second device of the same VNI, port and family is refused with the kernel’s own sentence',
  kernelTests,
  async (t) => {
    const node = await createNode(t, 'twice')
    await node.createVxlan({ local: LOCAL })
    await assert.rejects(
      node.createVxlan({ local: parseIp('192.0.2.2'), ifname: 'v2' }),
      /EEXIST \(A VXLAN device with the specified VNI already exists/,
    )
  },
)

test('routes are refused with the kernel’s own sentences', kernelTests, async (t) => {
  const node = await createNode(t, 'words')
  await addUnderlay(node, '192.0.2.1/24', '2001:db8::1/64')
  await node.createVxlan({ local: LOCAL })
  await node.ip('address', 'add', '10.42.1.0/32', 'dev', 'v1')
  const { refusesOnlinkElsewhere } = await traitsOfKernel()
  const onV1 = { dev: 'v1', onlink: true, metric: 3 } as const
  const words = async (...entries: Parameters<typeof node.apply>) =>
    (await node.apply(...entries)).failures.map(({ errnoName, extack }) => `${errnoName}: ${extack.replace(/\.$/, '')}`)
  assert.deepEqual(await words({ route: '10.42.2.0/24', via: '10.42.2.0', ...onV1 }), [
    'ENETDOWN: Nexthop device is not up',
  ])
  await node.ip('link', 'set', 'v1', 'up')
  assert.deepEqual(
    await words(
      { route: '10.42.2.0/24', via: '10.42.1.0', ...onV1 },
      { route: 'fd00:2::/64', via: '2001:db8::2', ...onV1 },
    ),
    [
      'EINVAL: Nexthop has invalid gateway',
      ...(refusesOnlinkElsewhere ? ['EINVAL: Nexthop has invalid gateway or device mismatch'] : []),
    ],
  )
})
