import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOptions } from '../../bench/frame/options.ts'
import { ConfigError } from '../../lib/errors.ts'

const SUITES = [
  { name: 'apply', about: 'all of it' },
  { name: 'plan', about: 'none of it' },
]
const parse = (...words: string[]) => parseOptions(words, SUITES, 131_000)

test('nothing asked is everything, as each suite has it', () => {
  const { suites, sizes, families, rounds, nodes, archive, ...flags } = parse()
  assert.deepEqual(
    { suites, sizes, families, rounds, nodes, archive },
    { suites: [], sizes: undefined, families: undefined, rounds: undefined, nodes: [], archive: undefined },
  )
  assert.deepEqual(flags, { json: false, save: false, render: false, help: undefined })
})

test('suites, sizes and families are lists; sizes come out ascending and once', () => {
  const options = parse(
    'plan',
    'apply',
    '--sizes',
    '10_000,100,100',
    '--family',
    'ipv4,dual',
    '--rounds',
    '7',
    '--json',
  )
  assert.deepEqual(options.suites, ['plan', 'apply'])
  assert.deepEqual(options.sizes, [100, 10_000])
  assert.deepEqual(options.families, ['ipv4', 'dual'])
  assert.equal(options.rounds, 7)
  assert.equal(options.json, true)
})

test('Nodes are a list too, of versions and paths', () => {
  const { nodes, archive } = parse('plan', '--node', '22,/opt/node/bin/node', '--node=24', '--archive', 'out/a.tar.xz')
  assert.deepEqual(nodes, ['22', '/opt/node/bin/node', '24'])
  assert.equal(archive, 'out/a.tar.xz')
})

test('a suite may stand between flags, and the help names the suites', () => {
  assert.deepEqual(parse('--rounds', '3', 'plan', '-json').suites, ['plan'])
  assert.match(parse('--help').help ?? '', /plan +none of it[\s\S]*--sizes/)
})

for (const [what, words, message] of [
  ['an unknown suite', ['aply'], /'aply': is no suite; did you mean apply\?; there are apply, plan/],
  ['an unknown flag', ['--size', '3'], /^--size: .*did you mean --sizes\?/],
  ['an unknown family', ['--family', 'ipv5'], /'ipv5' is none of ipv4, ipv6, dual/],
  ['no peers', ['--sizes', '0'], /'0' is not a number from 1 to 131000/],
  ['more peers than there are addresses', ['--sizes', '131001'], /131001/],
  ['an empty size', ['--sizes', '100,'], /'' is not a whole number/],
  ['half a round', ['--rounds', '1.5'], /--rounds: '1.5'/],
] as const) {
  test(`${what} is refused with the word that is wrong`, () => {
    assert.throws(
      () => parse(...words),
      (error) => error instanceof ConfigError && message.test(error.message),
    )
  })
}
