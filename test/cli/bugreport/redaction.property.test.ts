/** What opens a door never comes out of a report, and on demand neither does an address or a name, wherever it stood. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createReplacer } from '../../../lib/cli/bugreport/addresses.ts'
import { secretsIn, withoutSecrets } from '../../../lib/cli/bugreport/secrets.ts'
import { parseCidr } from '../../../lib/net/cidr.ts'
import { ipToBytes, parseIp, samePrefix } from '../../../lib/net/ip.ts'

const RUNS = { numRuns: Number(process.env.VTEPD_PROPERTY_RUNS ?? 300) }
const KEY = new Uint8Array(32).fill(7)

const charsOf = (alphabet: string, min: number, max: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...alphabet), { minLength: min, maxLength: max }).map((all) => all.join(''))
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const opaque = charsOf(`${LETTERS}_-`, 12, 60)
const base64 = charsOf(`${LETTERS}+/`, 40, 200)

/** How a secret is written down. `body`: what must not be found afterwards. */
const written: fc.Arbitrary<{ readonly text: string; readonly body: string }> = fc.oneof(
  fc
    .tuple(
      opaque,
      fc.constantFrom(
        (s: string) => `Authorization: Bearer ${s}`,
        (s: string) => `{"token":"${s}"}`,
        (s: string) => JSON.stringify({ text: JSON.stringify({ 'bearer-token': s }) }),
        (s: string) => `    client-key-data: ${s}`,
        (s: string) => `token: "${s}"`,
        (s: string) => `FLANNELD_API_TOKEN=${s}`,
        (s: string) => `https://admin:${s}@api.example.com:6443/x`,
        (s: string) => `https://${s}@api.example.com/`,
        (s: string) => `GET /x?access_token=${s}&y=1`,
        (s: string) => `--kube-password ${s}`,
        (s: string) => `password='${s}'`,
        (s: string) => `"clientSecret" : "${s}"`,
        (s: string) => `eyJhbGciOiJSUzI1NiJ9.${s}.${s}`,
        (s: string) => `K10${'0123456789abcdef'.repeat(4)}::server:${s}`,
      ),
    )
    .map(([body, write]) => ({ text: write(body), body })),
  fc
    .tuple(base64, fc.constantFrom('RSA ', 'EC ', ''), fc.constantFrom('\n', '\\n', '\\u{a}'), fc.boolean())
    .map(([body, kind, line, cut]) => ({
      text: `"-----BEGIN ${kind}PRIVATE KEY-----${line}${body}${line}${cut ? '' : `-----END ${kind}PRIVATE KEY-----${line}`}"`,
      body,
    })),
  base64.map((body) => ({ text: `certificate: LS0tLS1CRUdJTi${body}==`, body })),
)
const around = fc.constantFrom('', 'a line\n', '{"x": 1}\n', 'error: ', '  - ')

test('a secret is not found afterwards, however it is written down and whatever stands around', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(around, written), { minLength: 1, maxLength: 5 }), (parts) => {
      const text = parts.map(([before, { text }]) => `${before}${text}\n`).join('')
      const clean = withoutSecrets(text)
      for (const [, { body }] of parts) assert.ok(!clean.includes(body), `${body} stays in\n${clean}`)
      assert.equal(withoutSecrets(clean), clean, 'once is enough')
    }),
    RUNS,
  )
})

test('JSON stays JSON, and what is no secret stays as it is', () => {
  const value = {
    token: 'a"b\\c',
    deep: [{ 'client-key-data': 'x', password: 'p w', other: 'kept', port: 8472 }],
    since: '12:30:45',
  }
  const clean = JSON.parse(withoutSecrets(JSON.stringify(value))) as typeof value
  assert.deepEqual(clean, {
    token: '<removed>',
    deep: [{ 'client-key-data': '<removed>', password: '<removed>', other: 'kept', port: 8472 }],
    since: '12:30:45',
  })
  for (const text of [
    'healed flannel.1 in 6 ms: the device was deleted; 100 entries written',
    'ip route replace 10.42.2.0/24 via 10.42.2.0 dev flannel.1 proto 118 metric 2 onlink',
    '{"families":[{"family":"ipv4","lladdr":"0e:00:00:00:00:02"}]}',
  ])
    assert.equal(withoutSecrets(text), text)
})

test('the secrets of a file are removed wherever else they stand', () => {
  const known = secretsIn('users:\n- user:\n    token: abcdefghijklmnop\n    client-key: /etc/key.pem\n')
  assert.deepEqual(known, ['abcdefghijklmnop'])
  assert.equal(withoutSecrets('curl said abcdefghijklmnop', known), 'curl said <removed>')
  assert.deepEqual(secretsIn('just-one-opaque-token\n'), ['just-one-opaque-token'])
})

const octet = fc.integer({ min: 0, max: 255 })
/** Any that stands for a machine or a network, not for something of its own. */
const ipv4 = fc
  .tuple(fc.integer({ min: 1, max: 223 }), octet, octet, octet)
  .filter(([first, second]) => first !== 127 && !(first === 169 && second === 254))
  .map((all) => all.join('.'))
const hextet = fc.integer({ min: 0, max: 0xffff }).map((n) => n.toString(16))
const ipv6 = fc
  .tuple(
    fc.integer({ min: 0x2000, max: 0xfd00 }).map((n) => n.toString(16)),
    fc.array(hextet, { minLength: 3, maxLength: 3 }),
    fc.array(hextet, { minLength: 4, maxLength: 4 }),
  )
  .filter(([first]) => !first.startsWith('fe') && !first.startsWith('ff'))
  .map(([first, net, host]) => parseIp([first, ...net, ...host].join(':')) as string)
const mac = fc
  .array(octet, { minLength: 6, maxLength: 6 })
  .filter((bytes) => bytes.some((byte) => byte !== 0) && ![0x01, 0x33, 0xff].includes(bytes[0] ?? 0))
  .map((bytes) => bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':'))
const name = charsOf('abcdefghijklmnopqrstuvwxyz0123456789', 5, 12).map((text) => `w${text}`)
const placed = fc.constantFrom(
  (s: string) => s,
  (s: string) => `via ${s} dev flannel.1`,
  (s: string) => `"${s}"`,
  (s: string) => `${s}: does not answer`,
  (s: string) => `src:${s},`,
  (s: string) => `addr=${s}/24`,
  (s: string) => `[${s}]:8472`,
  (s: string) => `(${s})`,
  (s: string) => `${s}.`,
  (s: string) => `at ${s}; 12:30:45`,
)

test('no address and no name is found afterwards, in any place and case, and each is replaced by the same everywhere', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(placed, fc.oneof(ipv4, ipv6, mac)), { minLength: 1, maxLength: 8 }),
      fc.array(name, { maxLength: 3 }),
      fc.boolean(),
      (parts, names, upper) => {
        const text = [
          ...parts.map(([write, what]) => write(what)),
          ...names.flatMap((one) => [`${one}: x`, `"${one}.example.com"`, `/var/log/${one}.log`]),
        ].join('\n')
        const replace = createReplacer(names, KEY)
        const clean = replace(upper ? text.toUpperCase() : text).toLowerCase()
        for (const what of [...parts.map(([, what]) => what), ...names])
          assert.ok(!clean.includes(what), `${what} stays in\n${clean}`)
        for (const [, what] of parts) assert.equal(replace(what), replace(what))
      },
    ),
    RUNS,
  )
})

test('two addresses share as many leading bits as before, families stay apart, and what means something stays', () => {
  const replace = createReplacer([], KEY)
  fc.assert(
    fc.property(
      fc.oneof(fc.tuple(ipv4, ipv4), fc.tuple(ipv6, ipv6)),
      fc.integer({ min: 0, max: 64 }),
      (pair, wanted) => {
        const [a, b] = pair.map((text) => parseIp(text)) as [ReturnType<typeof parseIp>, ReturnType<typeof parseIp>]
        const bits = ipToBytes(a).length === 4 ? Math.min(24, wanted) : wanted
        const [x, y] = [parseIp(replace(a)), parseIp(replace(b))]
        assert.equal(ipToBytes(x).length, ipToBytes(a).length)
        assert.equal(samePrefix(x, y, bits), samePrefix(a, b, bits))
      },
    ),
    RUNS,
  )
  const subnet = parseCidr('10.42.7.0/24')
  assert.equal(
    replace(`${subnet} 10.42.7.23`).replace(/\d+$/, '0'),
    `${replace(subnet)} ${replace(subnet).replace('/24', '')}`,
  )
  const kept =
    '127.0.0.1 0.0.0.0/0 255.255.255.0 ::1 :: 224.0.0.251 ff02::1 00:00:00:00:00:00 ff:ff:ff:ff:ff:ff fe80::1 12:30:45 2026-11-29T12:00:00.000Z 6.18.44 flannel.1'
  assert.equal(replace(kept), kept)
  assert.match(replace('ip-10-0-0-7'), /^ip-(?!10-0-0-)\d+-\d+-\d+-7$/)
})
