import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseNetwork } from '../../lib/cluster/net-conf.ts'
import { isVxlan } from '../../lib/cluster/network.ts'
import { ConfigError } from '../../lib/errors.ts'

const FILE = '/etc/kube-flannel/net-conf.json'

const parse = (text: string) => parseNetwork(text, FILE)
const parseVxlan = (text: string) => {
  const { network, warnings } = parse(text)
  assert.ok(isVxlan(network))
  return { network, warnings }
}

/** The message of the ConfigError that parsing must end in. */
function faultOf(text: string): string {
  try {
    parse(text)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message
  }
  assert.fail(`accepted: ${text}`)
}

test('the file of the flannel manifest is read with the defaults of flannel', () => {
  const { network, warnings } = parse('{"Network":"10.244.0.0/16","EnableNFTables":false,"Backend":{"Type":"vxlan"}}')
  assert.deepEqual(network, {
    ipv4: '10.244.0.0/16',
    ipv6: undefined,
    enableNftables: false,
    backend: {
      type: 'vxlan',
      vni: 1,
      port: undefined,
      mtu: undefined,
      gbp: false,
      learning: false,
      directRouting: false,
      pinDevice: false,
    },
  })
  assert.deepEqual(warnings, [])
})

test('the files that k3s writes for one family leave the other out', () => {
  const v4 =
    '{"Network":"10.42.0.0/16","EnableIPv6":false,"EnableIPv4":true,"IPv6Network":"::/0","Backend":{"Type":"vxlan"}}'
  assert.equal(parse(v4).network.ipv6, undefined)
  const v6 = '{"Network":"0.0.0.0/0","EnableIPv4":false,"EnableIPv6":true,"IPv6Network":"2001:cafe:42::/56"}'
  assert.equal(parse(v6).network.ipv4, undefined)
  assert.equal(parse(v6).network.ipv6, '2001:cafe:42::/56')
})

test('an enabled ::/0 is kept as it stands', () => {
  assert.equal(parse('{"Network":"10.42.0.0/16","EnableIPv6":true,"IPv6Network":"::/0"}').network.ipv6, '::/0')
})

test('without Backend it is vxlan; every setting of the backend is read', () => {
  assert.equal(parse('{"Network":"10.42.0.0/16"}').network.backend.type, 'vxlan')
  const backend =
    '{"Type":"VXLAN","VNI":4096,"Port":4789,"MTU":9000,"GBP":true,"Learning":true,"DirectRouting":true,"PinDevice":true}'
  assert.deepEqual(parse(`{"Network":"10.42.0.0/16","Backend":${backend}}`).network.backend, {
    type: 'vxlan',
    vni: 4096,
    port: 4789,
    mtu: 9000,
    gbp: true,
    learning: true,
    directRouting: true,
    pinDevice: true,
  })
})

test('keys match in any case, the last one wins and is told, unknown keys and null are ignored', () => {
  const { network, warnings } = parseVxlan(
    '{"NETWORK":"10.1.0.0/16","network":"10.2.0.0/16","SubnetLen":24,"enableipv6":null,"backend":{"vni":7,"type":"vxlan","MacPrefix":"0E-2A"}}',
  )
  assert.equal(network.ipv4, '10.2.0.0/16')
  assert.equal(network.backend.vni, 7)
  assert.deepEqual(warnings, [`${FILE}: NETWORK stands more than once: the last one counts`])
})

test('a network with host bits is taken as its network, as flannel does', () => {
  assert.equal(parse('{"Network":"10.42.3.1/16"}').network.ipv4, '10.42.0.0/16')
})

test('a backend without Type is taken as vxlan with a warning', () => {
  const { network, warnings } = parseVxlan('{"Network":"10.42.0.0/16","Backend":{"VNI":3}}')
  assert.equal(network.backend.vni, 3)
  assert.equal(warnings.length, 1)
})

test('port 0 and MTU 0 leave the choice to the kernel and the interface', () => {
  const { backend } = parseVxlan('{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan","Port":0,"MTU":0}}').network
  assert.equal(backend.port, undefined)
  assert.equal(backend.mtu, undefined)
})

test('host-gw has no settings: those of vxlan beside it are told', () => {
  const { network, warnings } = parse(
    '{"Network":"10.42.0.0/16","Backend":{"Type":"Host-GW","vni":7,"DirectRouting":true,"Port":null}}',
  )
  assert.deepEqual(network.backend, { type: 'host-gw' })
  assert.deepEqual(warnings, [
    `${FILE}: Backend.VNI, Backend.DirectRouting has no effect: "host-gw" has no device of its own`,
  ])
})

const vxlan = (rest: string) => `{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan",${rest}}}`
const faults: readonly (readonly [string, string, string])[] = [
  ['a VNI beyond 24 bits', vxlan('"VNI":16777216'), 'Backend.VNI: VNI 16777216 is outside 0 to 16777215'],
  ['a negative VNI', vxlan('"VNI":-1'), 'Backend.VNI: VNI -1 is outside 0 to 16777215'],
  ['a VNI that is a text', vxlan('"VNI":"1"'), 'Backend.VNI: must be a whole number, not "1"'],
  ['a broken number', vxlan('"VNI":1.5'), 'Backend.VNI: must be a whole number, not 1.5'],
  ['a port beyond 16 bits', vxlan('"Port":65536'), 'Backend.Port: port 65536 is outside 0 to 65535'],
  ['an MTU beyond 16 bits', vxlan('"MTU":65536'), 'Backend.MTU: MTU 65536 is outside 68 to 65535'],
  [
    'an MTU that leaves nothing',
    vxlan('"MTU":100'),
    'Backend.MTU: MTU 100 is too small: VXLAN over IPv4 needs at least 118',
  ],
  [
    'an MTU too small for IPv6',
    '{"Network":"10.42.0.0/16","EnableIPv6":true,"IPv6Network":"fd00::/48","Backend":{"Type":"vxlan","MTU":1300}}',
    'Backend.MTU: MTU 1300 is too small: VXLAN over IPv6 needs at least 1350',
  ],
  [
    'a switch that is a text',
    '{"Network":"10.42.0.0/16","EnableIPv6":"yes"}',
    'EnableIPv6: must be true or false, not "yes"',
  ],
  [
    'no family',
    '{"Network":"10.42.0.0/16","EnableIPv4":false}',
    'EnableIPv4: EnableIPv4 and EnableIPv6 are both false: enable at least one of them',
  ],
  ['no network', '{}', "Network: missing: EnableIPv4 is true, so give the CIDR that holds all nodes' pods"],
  [
    'a network that is none',
    '{"Network":"10.42.0.0"}',
    "Network: '10.42.0.0' is not a CIDR: write it like 10.244.0.0/16",
  ],
  [
    'a network of the other family',
    '{"Network":"fd00::/48"}',
    "Network: 'fd00::/48' is not an IPv4 network: write it like 10.244.0.0/16",
  ],
  ...(
    [
      ['wireguard', 'it encrypts, which vtepd does not'],
      ['WireGuard', 'it encrypts, which vtepd does not'],
      ['udp', 'flannel keeps it for debugging and for kernels without VXLAN'],
      ['ipip', 'it carries IPv4 alone; "vxlan" with "DirectRouting": true does the same where nodes share a link'],
      ['ipsec', 'it encrypts, which vtepd does not, and flannel has dropped it'],
      ['extension', 'it runs commands of your own'],
      ['alloc', 'it makes no data path at all'],
      ['tencent-vpc', "it writes a cloud provider's route tables"],
      ['ali-vpc', "it writes a cloud provider's route tables"],
      ['aws-vpc', "it writes a cloud provider's route tables"],
      ['gce', "it writes a cloud provider's route tables"],
      ['geneve', undefined],
      ['', undefined],
    ] as const
  ).map(
    ([type, why]) =>
      [
        `the backend "${type}"`,
        `{"Network":"10.42.0.0/16","Backend":{"Type":"${type}"}}`,
        `Backend.Type: vtepd keeps "vxlan" and "host-gw", not "${type}"${why === undefined ? '' : ` (${why})`}: set one of them on every node, or leave the whole cluster to flannel`,
      ] as const,
  ),
  [
    'a backend that is a text',
    '{"Network":"10.42.0.0/16","Backend":"vxlan"}',
    'Backend: must be an object, not "vxlan"',
  ],
]
for (const [name, text, message] of faults)
  test(`${name} is refused with the key and what to do`, () => {
    assert.equal(faultOf(text), `${FILE}: ${message}`)
  })

test('text that is not JSON is refused with line and column', () => {
  assert.match(faultOf('{\n  "Network": "10.42.0.0/16",\n}'), /net-conf\.json:3:1: not JSON/)
  assert.match(faultOf(''), /net-conf\.json:1:1: not JSON/)
  assert.match(faultOf('{"Network":'), /net-conf\.json:1:12: not JSON/)
  assert.equal(faultOf('[]'), `${FILE}: must be one JSON object { … }, not []`)
})

test('whatever the text, the outcome is a network with a family or a ConfigError', () => {
  const check = (text: string): void => {
    try {
      const { network } = parse(text)
      assert.ok(network.ipv4 !== undefined || network.ipv6 !== undefined)
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error))
    }
  }
  const key = fc.constantFrom(
    'Network',
    'IPv6Network',
    'EnableIPv4',
    'enableipv6',
    'Backend',
    'EnableNFTables',
    '__proto__',
  )
  const backend = fc.dictionary(fc.constantFrom('Type', 'VNI', 'port', 'MTU', 'GBP', 'toString'), fc.jsonValue())
  const value = fc.oneof(fc.jsonValue(), backend, fc.constantFrom('10.0.0.0/8', '::/0', 'fd00::/48', true, false))
  fc.assert(fc.property(fc.string(), check), { numRuns: 300 })
  fc.assert(fc.property(fc.json(), check), { numRuns: 300 })
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { maxLength: 6 }), (entries) =>
      check(`{${entries.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(',')}}`),
    ),
    { numRuns: 1000 },
  )
})
