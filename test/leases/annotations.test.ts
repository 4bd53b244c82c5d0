import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ConfigError, LeaseError } from '../../lib/errors.ts'
import { allKeys, annotationKeys, parseBackendData, renderBackendData } from '../../lib/leases/annotations.ts'
import { lladdrFromBytes, parseLladdr } from '../../lib/net/lladdr.ts'
import { parseVni } from '../../lib/net/vni.ts'

test('the default prefix gives the keys of flannel', () => {
  const keys = annotationKeys('flannel.alpha.coreos.com')
  assert.deepEqual([...allKeys(keys)].sort(), [
    'flannel.alpha.coreos.com/backend-data',
    'flannel.alpha.coreos.com/backend-type',
    'flannel.alpha.coreos.com/backend-v6-data',
    'flannel.alpha.coreos.com/kube-subnet-manager',
    'flannel.alpha.coreos.com/node-public-ip',
    'flannel.alpha.coreos.com/node-public-ipv6',
    'flannel.alpha.coreos.com/public-ip',
    'flannel.alpha.coreos.com/public-ip-overwrite',
    'flannel.alpha.coreos.com/public-ipv6',
    'flannel.alpha.coreos.com/public-ipv6-overwrite',
  ])
  assert.equal(keys.ipv4.backendData, 'flannel.alpha.coreos.com/backend-data')
  assert.equal(keys.ipv6.backendData, 'flannel.alpha.coreos.com/backend-v6-data')
  assert.equal(keys.ipv6.publicIpOverwrite, 'flannel.alpha.coreos.com/public-ipv6-overwrite')
})

test('a prefix gets the slash or the dash that it lacks', () => {
  const key = (prefix: string) => annotationKeys(prefix).ipv4.publicIp
  assert.equal(key('example.org'), 'example.org/public-ip')
  assert.equal(key('example.org/'), 'example.org/public-ip')
  assert.equal(key('example.org/net'), 'example.org/net-public-ip')
  assert.equal(key('example.org/net-'), 'example.org/net-public-ip')
})

test('a prefix that makes no valid keys is refused', () => {
  for (const prefix of [
    '',
    '/',
    'a/b/c',
    'Example.org',
    '-a.org',
    'a.org/_',
    'a b',
    `a.org/${'x'.repeat(60)}`,
    'a'.repeat(254),
  ])
    assert.throws(() => annotationKeys(prefix), ConfigError, prefix)
})

test('backend-data is written byte for byte as flannel writes it', () => {
  assert.equal(
    renderBackendData(parseVni(1), parseLladdr('12:C6:65:89:B4:E3')),
    '{"VNI":1,"VtepMAC":"12:c6:65:89:b4:e3"}',
  )
})

test('every backend-data that is written is read back', () => {
  const lladdrs = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(lladdrFromBytes)
  const vnis = fc.integer({ min: 0, max: 0xffffff }).map(parseVni)
  fc.assert(
    fc.property(vnis, lladdrs, (vni, lladdr) => {
      assert.deepEqual(parseBackendData('a', 'k', renderBackendData(vni, lladdr)), { vni, lladdr })
    }),
  )
})

test('backend-data is read as JSON: blanks, other order, other case, more fields, no VNI', () => {
  const lladdr = '12:c6:65:89:b4:e3'
  const read = (text: string) => parseBackendData('a', 'k', text)
  assert.deepEqual(read('{ "VtepMAC" : "12:C6:65:89:B4:E3" , "VNI" : 1 }'), { vni: 1, lladdr })
  assert.deepEqual(read('{"vtepmac":"12-c6-65-89-b4-e3","vni":2,"Port":8472}'), { vni: 2, lladdr })
  assert.deepEqual(read('{"VtepMAC":"12:c6:65:89:b4:e3"}'), { vni: undefined, lladdr })
})

test('backend-data that says nothing usable is refused with node, key and the text', () => {
  const refused = (text: string) => {
    try {
      parseBackendData('node-7', 'f/backend-data', text)
    } catch (error) {
      assert.ok(error instanceof LeaseError)
      return error.message
    }
    return 'accepted'
  }
  assert.equal(refused('null'), 'node node-7: f/backend-data: not a JSON object: "null"')
  assert.equal(refused('{"VNI":1}'), 'node node-7: f/backend-data: has no VtepMAC: "{"VNI":1}"')
  assert.equal(refused('{"VtepMAC":"x"}'), "node node-7: f/backend-data: 'x' is not a MAC address")
  assert.equal(
    refused('{"VNI":16777216,"VtepMAC":"12:c6:65:89:b4:e3"}'),
    'node node-7: f/backend-data: VNI 16777216 is outside 0 to 16777215',
  )
  assert.match(refused('{"VNI":"1","VtepMAC":"12:c6:65:89:b4:e3"}'), /VNI is no number/)
  assert.match(refused('{'), /not JSON/)
})

test('whatever the text, the reader throws nothing but LeaseError', () => {
  const field = fc.constantFrom('VNI', 'VtepMAC', 'vtepmac', '__proto__', 'x')
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.dictionary(field, fc.jsonValue()).map((value) => JSON.stringify(value)),
    fc.string().map((lladdr) => JSON.stringify({ VNI: 1, VtepMAC: lladdr })),
  )
  fc.assert(
    fc.property(text, (input) => {
      try {
        parseBackendData('a', 'k', input)
      } catch (error) {
        assert.ok(error instanceof LeaseError, String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
