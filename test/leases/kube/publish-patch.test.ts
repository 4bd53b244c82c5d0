import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OwnVtep } from '../../../lib/cluster/view.ts'
import { annotationKeys } from '../../../lib/leases/annotations.ts'
import { planPublish } from '../../../lib/leases/kube/publish-patch.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import { parseVni } from '../../../lib/net/vni.ts'
import { claim4, claim6, flannelNode, PREFIX } from '../support.ts'

const keys = annotationKeys(PREFIX)
const vni = parseVni(1)
const now = new Date('2026-02-03T04:05:06.789Z')
const nothing = { ipv4: undefined, ipv6: undefined }
const own4: OwnVtep = { vni, ipv4: claim4(9), ipv6: undefined }
const plan = (change: Partial<Parameters<typeof planPublish>[0]>) =>
  planPublish({
    keys,
    node: flannelNode('me', 9),
    publishInstead: nothing,
    own: own4,
    setCondition: false,
    now,
    ...change,
  }).patch

test('a Node without any annotation gets all of ours', () => {
  assert.deepEqual(plan({ node: { ...flannelNode('me', 9), annotations: {} } }), {
    metadata: {
      annotations: {
        'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
        'flannel.alpha.coreos.com/backend-type': 'vxlan',
        'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"02:00:00:00:04:09"}',
        'flannel.alpha.coreos.com/public-ip': '192.168.0.9',
      },
    },
  })
})

test('a Node that says it all already gets no patch', () => {
  assert.equal(plan({}), undefined)
  assert.equal(plan({ node: { ...flannelNode('me', 9), networkUnavailable: 'False' }, setCondition: true }), undefined)
})

test('only what differs is patched', () => {
  const moved: OwnVtep = { vni, ipv4: claim4(9, { underlay: '192.168.0.99' }), ipv6: undefined }
  assert.deepEqual(plan({ own: moved }), { metadata: { annotations: { [keys.ipv4.publicIp]: '192.168.0.99' } } })
})

test('an IPv6-only node leaves the IPv4 annotations as they stand', () => {
  assert.deepEqual(plan({ own: { vni, ipv4: undefined, ipv6: claim6(9) } }), {
    metadata: {
      annotations: {
        'flannel.alpha.coreos.com/backend-v6-data': '{"VNI":1,"VtepMAC":"02:00:00:00:06:09"}',
        'flannel.alpha.coreos.com/public-ipv6': 'fd00::9',
      },
    },
  })
})

test('the overwrite annotation goes before the address that we use', () => {
  const publishInstead = { ipv4: parseIp('203.0.113.9'), ipv6: undefined }
  assert.deepEqual(plan({ publishInstead }), { metadata: { annotations: { [keys.ipv4.publicIp]: '203.0.113.9' } } })
})

test('NetworkUnavailable becomes False with the text of flannel, when it is missing or not False', () => {
  const conditions = [
    {
      type: 'NetworkUnavailable',
      status: 'False',
      lastHeartbeatTime: '2026-02-03T04:05:06Z',
      lastTransitionTime: '2026-02-03T04:05:06Z',
      reason: 'FlannelIsUp',
      message: 'Flannel is running on this node',
    },
  ]
  for (const networkUnavailable of [undefined, 'True', 'Unknown'])
    assert.deepEqual(plan({ node: { ...flannelNode('me', 9), networkUnavailable }, setCondition: true }), {
      status: { conditions },
    })
})

test('host-gw publishes what flannel does: its type, no data, and the addresses', () => {
  const own: OwnVtep = {
    vni: undefined,
    ipv4: { underlay: claim4(9).underlay, lladdr: undefined },
    ipv6: { underlay: claim6(9).underlay, lladdr: undefined },
  }
  const patch = plan({ own, node: { ...flannelNode('me', 9), annotations: {} } })
  assert.deepEqual(patch?.metadata?.annotations, {
    'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
    'flannel.alpha.coreos.com/backend-type': 'host-gw',
    'flannel.alpha.coreos.com/backend-data': 'null',
    'flannel.alpha.coreos.com/public-ip': '192.168.0.9',
    'flannel.alpha.coreos.com/backend-v6-data': 'null',
    'flannel.alpha.coreos.com/public-ipv6': 'fd00::9',
  })
  assert.equal(
    plan({ own, node: { ...flannelNode('me', 9), annotations: patch?.metadata?.annotations ?? {} } }),
    undefined,
  )
})
