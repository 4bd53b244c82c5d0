import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { ConfigError } from '../../lib/errors.ts'
import { parseLeasesFile } from '../../lib/leases/leases-file.ts'

const YAML = `# two nodes
- name: node-a
  ipv4:
    underlay: 192.168.0.1
    subnet: 10.42.1.0/24
    lladdr: 12:34:56:12:34:56
- name: node-b
  ipv4: { underlay: 192.168.0.2, subnet: 10.42.2.0/24, lladdr: "02:00:00:00:00:02" }
  ipv6: { underlay: "fd00::2", subnet: "fd00:42:0:2::/64", lladdr: 02-00-00-00-06-02 }
`
const parsed = [
  {
    name: 'node-a',
    ipv4: { underlay: '192.168.0.1', subnet: '10.42.1.0/24', lladdr: '12:34:56:12:34:56' },
    ipv6: undefined,
  },
  {
    name: 'node-b',
    ipv4: { underlay: '192.168.0.2', subnet: '10.42.2.0/24', lladdr: '02:00:00:00:00:02' },
    ipv6: { underlay: 'fd00::2', subnet: 'fd00:42:0:2::/64', lladdr: '02:00:00:00:06:02' },
  },
]

async function faultOf(text: string, where = 'l.yaml'): Promise<string> {
  try {
    await parseLeasesFile(text, where, 'me')
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message
  }
  assert.fail(`accepted: ${text}`)
}

test('YAML and JSON say the same', async () => {
  assert.deepEqual(await parseLeasesFile(YAML, 'l.yaml', 'me'), parsed)
  assert.deepEqual(await parseLeasesFile(JSON.stringify(parsed), 'l.json', 'me'), parsed)
  assert.deepEqual(await parseLeasesFile(JSON.stringify(parsed), 'l.yaml', 'me'), parsed)
  assert.deepEqual(await parseLeasesFile('[]', 'l.yaml', 'me'), [])
})

test('only our own entry may leave out underlay and lladdr', async () => {
  const text = '- name: me\n  ipv4: { subnet: 10.42.9.0/24 }\n'
  assert.deepEqual(await parseLeasesFile(text, 'l.yaml', 'me'), [
    { name: 'me', ipv4: { subnet: '10.42.9.0/24', underlay: undefined, lladdr: undefined }, ipv6: undefined },
  ])
  await assert.rejects(parseLeasesFile(text, 'l.yaml', 'other'), /l\.yaml:2:9: \[0\]\.ipv4: has no underlay/)
})

test('the example of the documentation is a valid file', async () => {
  const file = path.resolve(import.meta.dirname, '../../docs/examples/leases.yaml')
  const entries = await parseLeasesFile(readFileSync(file, 'utf8'), file, 'node-1')
  assert.equal(entries.length, 3)
})

const good = 'underlay: 192.168.0.1, subnet: 10.42.1.0/24, lladdr: 02:00:00:00:00:01'
const faults: readonly (readonly [string, string, string])[] = [
  ['an empty file', '', 'l.yaml:1:1: the file is empty: write [] if there are no nodes'],
  ['a mapping', 'name: a', 'l.yaml:1:1: must be a list of nodes: - name: …'],
  ['an entry that is a text', '- a', 'l.yaml:1:3: [0]: must be a mapping with name, ipv4, ipv6'],
  ['no name', `- ipv4: { ${good} }`, 'l.yaml:1:3: [0]: has no name'],
  [
    'a name that is a number',
    `- name: 7\n  ipv4: { ${good} }`,
    'l.yaml:1:9: [0].name: must be a text: put it in quotes',
  ],
  ['no family', '- name: a', 'l.yaml:1:3: [0]: "a" has neither ipv4 nor ipv6'],
  [
    'the same name twice',
    `- name: a\n  ipv4: { ${good} }\n- name: a\n  ipv4: { ${good} }`,
    'l.yaml:3:9: [1].name: "a" is the name of [0] too',
  ],
  [
    'an unknown key',
    `- name: a\n  ipv4: { ${good}, mac: x }`,
    'l.yaml:2:88: [0].ipv4.mac: unknown key: underlay, subnet, lladdr are known',
  ],
  ['no subnet', '- name: a\n  ipv4: { underlay: 192.168.0.1 }', 'l.yaml:2:9: [0].ipv4: has no subnet'],
  [
    'no lladdr',
    '- name: a\n  ipv4: { underlay: 192.168.0.1, subnet: 10.42.1.0/24 }',
    'l.yaml:2:9: [0].ipv4: has no lladdr: only our own entry may leave it out',
  ],
  [
    'a subnet with host bits',
    '- name: a\n  ipv4:\n    subnet: 10.42.1.7/24',
    "l.yaml:3:13: [0].ipv4.subnet: '10.42.1.7/24' is not a network: write 10.42.1.0/24",
  ],
  [
    'an address of the other family',
    '- name: a\n  ipv4:\n    underlay: fd00::1',
    "l.yaml:3:15: [0].ipv4.underlay: 'fd00::1' is not an IPv4 address",
  ],
  [
    'a subnet of the other family',
    '- name: a\n  ipv6:\n    subnet: 10.42.1.0/24',
    "l.yaml:3:13: [0].ipv6.subnet: '10.42.1.0' is not an IPv6 address",
  ],
  [
    'a MAC that is none',
    '- name: a\n  ipv4:\n    subnet: 10.42.1.0/24\n    lladdr: zz',
    "l.yaml:4:13: [0].ipv4.lladdr: 'zz' is not a MAC address",
  ],
  ['broken YAML', '- name: a\n  ipv4: { subnet: 10.42.1.0/24', 'l.yaml:2:31: not YAML: '],
  ['a key that stands twice', '- name: a\n  name: b', 'l.yaml:2:3: not YAML: Map keys must be unique'],
]
for (const [name, text, message] of faults)
  test(`${name} is refused with its place`, async () => {
    const fault = await faultOf(text)
    assert.ok(fault.startsWith(message), fault)
  })

test('in JSON the place is exact too', async () => {
  const json = JSON.stringify(parsed, undefined, 2)
  assert.match(
    await faultOf(json.replace('fd00::2', 'fd00::x'), 'l.json'),
    /^l\.json:18:19: \[1\]\.ipv6\.underlay: 'fd00::x'/,
  )
  assert.match(await faultOf('[\n  {"name" "a"}\n]', 'l.json'), /^l\.json:2:11: not JSON/)
})

test('whatever the text, the outcome is a list or a ConfigError', async () => {
  const word = fc.constantFrom(
    '- ',
    'name: a',
    '\n',
    '  ',
    'ipv4:',
    '{',
    '}',
    '[',
    ']',
    '&a',
    '*a',
    ': ',
    '"',
    '10.42.1.0/24',
    ',',
  )
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(word, { maxLength: 12 }).map((words) => words.join('')),
  )
  await fc.assert(
    fc.asyncProperty(text, async (input) => {
      try {
        assert.ok(Array.isArray(await parseLeasesFile(input, 'l.yaml', 'me')))
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error))
      }
    }),
    { numRuns: 500 },
  )
})

test('with host-gw nobody needs an lladdr', async () => {
  const text = '[{"name":"a","ipv4":{"subnet":"10.42.1.0/24","underlay":"192.168.0.1"}}]'
  await assert.rejects(parseLeasesFile(text, 'l.json', 'me'), /has no lladdr/)
  assert.equal((await parseLeasesFile(text, 'l.json', 'me', 'host-gw'))[0]?.ipv4?.lladdr, undefined)
  const without = '[{"name":"a","ipv4":{"subnet":"10.42.1.0/24"}}]'
  await assert.rejects(parseLeasesFile(without, 'l.json', 'me', 'host-gw'), /has no underlay/)
})
