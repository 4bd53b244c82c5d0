/** The conflist: flannel's and k3s' byte for byte (flannel-contract 8), our own, and what others have chained to it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { conflistsBefore, keepConflist, renderConflist } from '../../lib/cni/conflist.ts'
import type { SubnetEnv } from '../../lib/cni/subnet-env.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseMtu } from '../../lib/net/mtu.ts'

const V4 = { network: parseCidr('10.42.0.0/16'), subnet: parseCidr('10.42.1.0/24'), mtu: parseMtu(1450) }
const V6 = { network: parseCidr('2001:cafe:42::/56'), subnet: parseCidr('2001:cafe:42:1::/64'), mtu: parseMtu(1430) }
const DUAL = { ipv4: V4, ipv6: V6, ipMasq: true }

test("flannel's text is that of its ConfigMap", () => {
  assert.equal(
    renderConflist('flannel', DUAL),
    `{
  "name": "cbr0",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "flannel",
      "delegate": {
        "hairpinMode": true,
        "isDefaultGateway": true
      }
    },
    {
      "type": "portmap",
      "capabilities": {
        "portMappings": true
      }
    }
  ]
}
`,
  )
})

test("k3s' text is the one that k3s writes", () => {
  assert.equal(
    renderConflist('k3s', DUAL),
    `{
  "name":"cbr0",
  "cniVersion":"1.0.0",
  "plugins":[
    {
      "type":"flannel",
      "delegate":{
        "hairpinMode":true,
        "forceAddress":true,
        "isDefaultGateway":true
      }
    },
    {
      "type":"portmap",
      "capabilities":{
        "portMappings":true
      }
    },
    {
      "type":"bandwidth",
      "capabilities":{
        "bandwidth":true
      }
    }
  ]
}
`,
  )
})

test('the bridge form needs no flannel plugin: ranges and networks of the families that are there, the lesser MTU', () => {
  const plugin = (env: SubnetEnv) => JSON.parse(renderConflist('bridge', env)).plugins[0]
  assert.deepEqual(JSON.parse(renderConflist('bridge', DUAL)), {
    name: 'cbr0',
    cniVersion: '0.3.1',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        mtu: 1430,
        isGateway: true,
        isDefaultGateway: true,
        hairpinMode: true,
        forceAddress: true,
        ipMasq: false,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: '10.42.1.0/24' }], [{ subnet: '2001:cafe:42:1::/64' }]],
          routes: [{ dst: '10.42.0.0/16' }, { dst: '2001:cafe:42::/56' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  })
  const v6 = plugin({ ipv4: undefined, ipv6: V6, ipMasq: false })
  assert.deepEqual(v6.ipam.ranges, [[{ subnet: '2001:cafe:42:1::/64' }]])
  assert.equal(v6.ipMasq, true, 'nobody else masquerades: the plugin does, as with flannel')
  assert.equal(plugin({ ipv4: V4, ipv6: undefined, ipMasq: true }).mtu, 1450)
})

const wanted = renderConflist('flannel', DUAL)
const list = (...plugins: object[]): string => JSON.stringify({ ...JSON.parse(wanted), plugins })
const [flannel, portmap] = JSON.parse(wanted).plugins as [object, object]
const istio = { type: 'istio-cni', kubernetes: { cni_bin_dir: '/opt/cni/bin' } }

test('a missing, foreign or altered list is replaced', () => {
  for (const now of [
    undefined,
    '',
    'nonsense',
    '[]',
    '{"name":"cbr0","plugins":[null]}',
    `${wanted}\n`,
    list({ ...flannel, subnetFile: '/x' }, portmap),
    list(portmap, flannel),
    list(flannel),
    JSON.stringify({ name: 'other', plugins: [flannel, portmap, istio] }),
  ])
    assert.equal(keepConflist(now, wanted), wanted, now)
  assert.equal(keepConflist(wanted, wanted), wanted)
})

test('a plugin that somebody chained stays, in whatever order its keys were written', () => {
  const sorted = JSON.stringify({ plugins: [flannel, portmap, istio], name: 'cbr0', cniVersion: '1.0.0' })
  for (const now of [list(flannel, portmap, istio), list(flannel, istio, portmap), sorted])
    assert.equal(keepConflist(now, wanted), now)
})

test('beside a chained plugin ours are mended, and replaced when they become others', () => {
  const plugins = (text: string) => JSON.parse(text).plugins
  assert.deepEqual(plugins(keepConflist(list({ ...flannel, delegate: {} }, portmap, istio), wanted)), [
    flannel,
    portmap,
    istio,
  ])
  assert.deepEqual(plugins(keepConflist(list(flannel, istio), wanted)), [flannel, portmap, istio])
  const bridge = renderConflist('bridge', DUAL)
  assert.deepEqual(plugins(keepConflist(list(flannel, portmap, istio), bridge)), [...plugins(bridge), istio])
  const lesser = renderConflist('bridge', { ...DUAL, ipv4: { ...V4, mtu: parseMtu(1400) } })
  const chained = keepConflist(list(flannel, portmap, istio), bridge)
  assert.deepEqual(plugins(keepConflist(chained, lesser)), [...plugins(lesser), istio])
  assert.equal(keepConflist(keepConflist(chained, lesser), lesser), keepConflist(chained, lesser))
})

test('before ours come the configurations whose names are less, as the runtime sorts them', () => {
  const names = [
    '99-loopback.conf',
    '10-flannel.conflist',
    '10-containerd-net.conflist',
    '.hidden.conf',
    '0.txt',
    'Z.json',
  ]
  assert.deepEqual(conflistsBefore(names, '10-flannel.conflist'), ['.hidden.conf', '10-containerd-net.conflist'])
})
