/** What nft prints, read without a kernel: what counts as our rules, and what its answers mean. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asEchoed, canKeepChains, differenceOf, isAsWritten, parseNftListing } from '../../lib/firewall/nft-table.ts'
import { createNftTool } from '../../lib/firewall/nft-tool.ts'
import { renderNftChains, renderNftTable } from '../../lib/firewall/render-nftables.ts'
import type { ProgramResult } from '../../lib/host/exec.ts'
import { WANTED } from './support.ts'

const CHAINS = renderNftChains(WANTED.ipv4)
const TEXT = renderNftTable('ipv4', CHAINS)

const isRight = (text: string): boolean => isAsWritten(parseNftListing(text), CHAINS)

test('what was written is right, with numbers for priorities and without comments too', () => {
  assert.ok(isRight(TEXT))
  assert.ok(isRight(TEXT.replaceAll(/\t*comment ".*"\n/g, '')))
  assert.ok(isRight(TEXT.replace('priority srcnat', 'priority 100').replace('priority filter', 'priority 0')))
})

for (const [name, text, keeps, words] of [
  [
    'a rule is missing',
    TEXT.replace('\t\tip saddr 10.42.0.0/16 accept\n', ''),
    true,
    /chain forward was not as wanted/,
  ],
  ['a rule is another', TEXT.replace('fully-random', 'random'), true, /chain postrtg was not as wanted/],
  [
    'two rules have changed places',
    TEXT.replace(/(\t\tip saddr \S+ accept\n)(\t\tip daddr \S+ accept\n)/, '$2$1'),
    true,
    /chain forward/,
  ],
  [
    'a policy is another',
    TEXT.replace('filter; policy accept', 'filter; policy drop'),
    false,
    /chain forward was not as wanted/,
  ],
  ['a chain is missing', TEXT.replace(/\n\tchain forward \{[^}]*\}\n/, ''), false, /chain forward was missing/],
  ['a chain is too much', TEXT.replace(/\}\n$/, '\tchain c {\n\t}\n}\n'), false, /there was a chain c/],
  ['the table sleeps', TEXT.replace('{\n', '{\n\tflags dormant\n'), false, /there was 'flags dormant'/],
  [
    'a set is too much',
    TEXT.replace(/\}\n$/, '\tset s {\n\t\ttype ipv4_addr\n\t}\n}\n'),
    false,
    /there was 'set s \{'/,
  ],
  [
    'a map of verdicts, over several lines',
    TEXT.replace(
      '\t\tip saddr 10.42.0.0/16 accept\n',
      '\t\tip saddr vmap { 10.0.0.0/8 : drop,\n\t\t\t\t 11.0.0.0/8 : accept }\n',
    ),
    true,
    /chain forward/,
  ],
] as const)
  test(`not right: ${name}`, () => {
    const listing = parseNftListing(text)
    assert.equal(isAsWritten(listing, CHAINS), false)
    assert.equal(canKeepChains(listing, CHAINS), keeps)
    assert.match(differenceOf(listing, CHAINS), words)
  })

test('the echo tells how this nft prints each rule, whatever stands around it', () => {
  const lines = CHAINS.flatMap(({ name, rules }) =>
    rules.map(
      (rule, i) =>
        `add rule ip flannel-ipv4 ${name} ${i % 2 === 0 ? '' : `handle ${i} `}${rule.replace('0x00004000 ==', '0x4000 ==')}`,
    ),
  )
  const printed = asEchoed(
    `add table ip flannel-ipv4\n${lines.join('\n')}\n# new generation 7 by process 1 (nft)\n`,
    CHAINS,
  )
  assert.equal(printed?.[0]?.rules[0], 'meta mark & 0x4000 == 0x00004000 return')
  assert.deepEqual(printed?.[1]?.rules, CHAINS[1]?.rules)
  assert.equal(asEchoed(lines.slice(1).join('\n'), CHAINS), undefined)
})

const exited = (status: number, stdout = '', stderr = ''): ProgramResult => ({
  outcome: 'exited',
  status,
  stdout,
  stderr,
})
const listOf = async (table: ProgramResult, tables: ProgramResult) =>
  createNftTool(async (_, args) => (args[1] === 'table' ? table : tables)).list(['list', 'table', 'ip', 'flannel-ipv4'])

test('a table that cannot be listed is absent only where the list of tables says so', async () => {
  const refused = exited(1, '', '\nError: No such file or directory\nlist table ip x\n     ^')
  assert.deepEqual(await listOf(refused, exited(0, 'table ip flannel-ipv4-old {\n}\n')), {
    outcome: 'absent',
    because: 'nft: Error: No such file or directory',
  })
  assert.equal((await listOf(refused, exited(0, 'table ip nat {\n}\ntable ip flannel-ipv4 {\n}\n'))).outcome, 'failed')
  assert.equal((await listOf(refused, exited(1))).outcome, 'failed')
  assert.deepEqual(await listOf({ outcome: 'missing' }, exited(0)), { outcome: 'missing' })
  assert.deepEqual(await listOf({ outcome: 'timed-out' }, { outcome: 'timed-out' }), {
    outcome: 'failed',
    because: 'nft did not end in time',
  })
  assert.deepEqual(await listOf(exited(3), exited(3)), { outcome: 'failed', because: 'nft ended with status 3' })
})
