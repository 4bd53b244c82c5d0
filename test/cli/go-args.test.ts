/** Go's flag syntax, row by row, as flag.FlagSet.Parse treats it; but words between flags do not end them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flagVariable, readGoArguments } from '../../lib/cli/go-args.ts'
import { ConfigError } from '../../lib/errors.ts'

const lookup = (name: string): 'bool' | 'value' | undefined =>
  name === 'ip-masq' || name === 'b' ? 'bool' : ['iface', 'v', 'log_backtrace_at'].includes(name) ? 'value' : undefined

interface Row {
  readonly argv: readonly string[]
  /** As `name=text`. */
  readonly flags: readonly string[]
  readonly words?: readonly string[]
  readonly help?: true
  readonly unknown?: string
}

const rows: Record<string, Row> = {
  'two dashes with equals sign': { argv: ['--iface=eth0'], flags: ['iface=eth0'] },
  'one dash with equals sign': { argv: ['-iface=eth0'], flags: ['iface=eth0'] },
  'value as the next argument': { argv: ['-iface', 'eth0'], flags: ['iface=eth0'] },
  'a value that begins with a dash': { argv: ['--iface', '-x'], flags: ['iface=-x'] },
  'a value that looks like a flag': { argv: ['--iface', '--ip-masq'], flags: ['iface=--ip-masq'] },
  'two dashes as a value': { argv: ['--iface', '--', '--ip-masq'], flags: ['iface=--', 'ip-masq=true'] },
  'an empty value': { argv: ['--iface='], flags: ['iface='] },
  'an empty value as the next argument': { argv: ['--iface', '', '-b'], flags: ['iface=', 'b=true'] },
  'a value with an equals sign': { argv: ['-iface=a=b'], flags: ['iface=a=b'] },
  'a boolean alone': { argv: ['-ip-masq'], flags: ['ip-masq=true'] },
  'a boolean with a value': { argv: ['--ip-masq=false'], flags: ['ip-masq=false'] },
  'a boolean takes no separate value': {
    argv: ['-ip-masq', 'false', '-iface=x'],
    flags: ['ip-masq=true', 'iface=x'],
    words: ['false'],
  },
  'a one-letter value flag': { argv: ['-v', '2'], flags: ['v=2'] },
  'one-letter flags are never clustered': { argv: ['-bv'], flags: [], unknown: 'bv' },
  'a name with underscores': { argv: ['-log_backtrace_at', 'x:1'], flags: ['log_backtrace_at=x:1'] },
  'a repeated flag keeps its order': { argv: ['-iface=a', '--iface', 'b'], flags: ['iface=a', 'iface=b'] },
  'words before, between and behind flags': {
    argv: ['a', '-b', 'c', '-v=1', 'd'],
    flags: ['b=true', 'v=1'],
    words: ['a', 'c', 'd'],
  },
  'two dashes end the flags': { argv: ['-b', '--', '-iface=x', '--'], flags: ['b=true'], words: ['-iface=x', '--'] },
  'one dash is a word': { argv: ['-', '-b'], flags: ['b=true'], words: ['-'] },
  'an empty argument is a word': { argv: ['', '-b'], flags: ['b=true'], words: [''] },
  'nothing after an unknown flag counts': { argv: ['-b', '-nope', 'x', '-v=1'], flags: ['b=true'], unknown: 'nope' },
  'an unknown flag with a value': { argv: ['-nope=1'], flags: [], unknown: 'nope' },
  'help in all its forms': { argv: ['-h', '-help', '--help=x', '-b'], flags: ['b=true'], help: true },
}

for (const [name, { argv, flags, words = [], help = false, unknown }] of Object.entries(rows)) {
  test(`${name}: ${argv.join(' ')}`, () => {
    const found = readGoArguments(argv, lookup)
    assert.deepEqual(
      { ...found, flags: found.flags.map((flag) => `${flag.name}=${flag.text}`) },
      { flags, words, help, unknown },
    )
  })
}

for (const argument of ['---x', '--=x', '-=x', '---'])
  test(`bad syntax is refused: ${argument}`, () => {
    assert.throws(
      () => readGoArguments([argument], lookup),
      (error) => error instanceof ConfigError && error.where === argument,
    )
  })

test('a flag at the end without its value is refused by name', () => {
  assert.throws(() => readGoArguments(['-b', '-iface'], lookup), /^ConfigError: --iface: needs a value/)
})

test('a variable is named as flanneld names it', () => {
  assert.equal(flagVariable('ip-masq'), 'FLANNELD_IP_MASQ')
  assert.equal(flagVariable('log_backtrace_at'), 'FLANNELD_LOG_BACKTRACE_AT')
})
