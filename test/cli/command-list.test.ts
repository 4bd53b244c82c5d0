/** What is made of the one list of commands: help, completion, manual pages. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { ANSWERED_AT_ONCE, COMMANDS } from '../../lib/cli/command-list.ts'
import { manPage } from '../../lib/cli/completion/man-page.ts'
import { bashCompletion, fishCompletion, zshCompletion } from '../../lib/cli/completion/scripts.ts'
import { sharedFiles } from '../../lib/cli/completion/shared-files.ts'
import { renderFlagHelp } from '../../lib/cli/flag-help.ts'
import { renderHelp } from '../../lib/cli/help.ts'

const described = await Promise.all(COMMANDS.map(async (entry) => ({ ...entry, ...(await entry.describe()) })))

test('every help fits eighty columns', () => {
  const texts = [
    ['vtepd', renderHelp()] as const,
    ...described.map(({ name, flags, about }) => [name, renderFlagHelp(flags, about, 80)] as const),
  ]
  const wide = texts.flatMap(([name, text]) =>
    text.split('\n').flatMap((line) => (line.length > 80 ? [`${name}: ${line}`] : [])),
  )
  assert.deepEqual(wide, [])
})

test('a command is described under the name by which it is called', () => {
  for (const { name, about } of described) assert.equal(about.name, `vtepd ${name}`)
  const names = [...COMMANDS, ...ANSWERED_AT_ONCE].map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
})

/** What bash would offer behind these words. */
function offered(...words: readonly string[]): readonly string[] {
  const script = `${bashCompletion(described)}
compopt() { :; }
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
_vtepd; printf '%s\\n' "\${COMPREPLY[@]}"`
  return execFileSync('bash', ['--norc', '-c', script], { encoding: 'utf8' }).trim().split('\n')
}

test('bash completes commands, and flags with an equals sign where they take a value', () => {
  assert.deepEqual(offered('vtepd', 'ex'), ['explain'])
  assert.deepEqual(offered('vtepd', 'r'), ['run', 'release'])
  assert.deepEqual(offered('vtepd', 'run', '--iface-r'), ['--iface-regex='])
  assert.deepEqual(offered('vtepd', 'status', '--w'), ['--watch'])
  assert.deepEqual(offered('vtepd', 'help', 'cle'), ['cleanup'])
})

test('zsh and fish are told each command and flag once, quoted', () => {
  const [zsh, fish] = [zshCompletion(described), fishCompletion(described)]
  for (const { name, flags } of described) {
    assert.equal(fish.split('\n').filter((line) => line.includes(`-a ${name} `)).length, 1, name)
    assert.match(zsh, new RegExp(`^    '${name}:`, 'm'))
    for (const flag of flags.filter(({ hidden }) => hidden !== true)) {
      assert.ok(fish.includes(`__fish_seen_subcommand_from ${name}' -l ${flag.name} `), `${name} --${flag.name}`)
      assert.ok(zsh.includes(`'--${flag.name}`), `${name} --${flag.name}`)
    }
  }
  // An odd number of quotes would end the script in the midst of a word.
  for (const line of fish.split('\n')) assert.equal(line.replaceAll("\\'", '').split("'").length % 2, 1, line)
})

test('a package has a page for each command and one that names them all, and a completion for each shell', () => {
  const files = sharedFiles(described, { version: '0.1.0', date: '2026-11-29' })
  for (const { name } of described) {
    assert.ok(files.has(`man/man8/vtepd-${name}.8`), name)
    assert.match(
      files.get('man/man8/vtepd.8') ?? '',
      new RegExp(`\\\\fBvtepd\\\\-${name.replaceAll('-', '\\\\-')}\\\\fR\\(8\\)`),
    )
  }
  assert.equal(files.size, described.length + 4)
})

test('a manual page has its sections and each flag, and no line that roff would take for a request', () => {
  for (const { name, flags, about } of described) {
    const page = manPage({ flags, about }, { version: '0.1.0', date: '2026-11-29' })
    assert.ok(page.startsWith(`.TH VTEPD\\-${name.toUpperCase().replaceAll('-', '\\-')} 8 "2026-11-29"`), page)
    for (const flag of flags.filter(({ hidden }) => hidden !== true))
      assert.ok(page.includes(`\\fB\\-\\-${flag.name.replaceAll('-', '\\-')}\\fR`), `${name} --${flag.name}`)
    const requests = new Set(page.split('\n').flatMap((line) => /^\.(\w*)/.exec(line)?.[1] ?? []))
    assert.deepEqual(
      [...requests].filter((request) => !['TH', 'SH', 'SS', 'TP', 'B', 'nf', 'fi'].includes(request)),
      [],
    )
  }
})
