/**
 * How every benchmark reads its arguments: a table of flags, read as the command's own are (lib/cli/parse-flags.ts). Ends the
 * process for --help and for what it does not understand. Must not: run anything.
 */
import type { CommandAbout } from '../../lib/cli/flag-help.ts'
import { type FlagSpec, type FlagValues, readFlagValue } from '../../lib/cli/flag-spec.ts'
import { parseFlags } from '../../lib/cli/parse-flags.ts'
import { ConfigError } from '../../lib/errors.ts'

/** For programs whose flags need no further reading than `check` does, which may throw ConfigError. */
export function readArguments<const Table extends readonly FlagSpec[], Request>(
  table: Table,
  about: Pick<CommandAbout, 'name' | 'summary'>,
  check: (values: FlagValues<Table>) => Request,
): Request {
  try {
    const parsed = parseFlags(table, process.argv.slice(2), {}, { ...about, footer: '' })
    if (parsed.help === undefined) return check(parsed.values)
    process.stdout.write(parsed.help)
    process.exit(0)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${about.name}: ${error.message}\n`)
    process.exit(2)
  }
}

/** A count from 1 to `most`; throws ConfigError. */
export function countOf(flag: string, count: number, most: number): number {
  if (count >= 1 && count <= most) return count
  throw new ConfigError(`--${flag}`, `'${count}' is not a number from 1 to ${most}`)
}

const NUMBER = { name: '', kind: 'int', default: 0, group: '', help: '' } as const satisfies FlagSpec

/** Counts between commas; throws ConfigError. */
export function countsOf(flag: string, text: string, most: number): readonly number[] {
  return text.split(',').map((word) => countOf(flag, Number(readFlagValue(NUMBER, word, `--${flag}`)), most))
}

/** Words between commas, each one of `known`; throws ConfigError. */
export function choicesOf<const Choice extends string>(
  flag: string,
  text: string,
  known: readonly Choice[],
): readonly Choice[] {
  return text.split(',').map((word) => {
    const choice = known.find((candidate) => candidate === word)
    if (choice === undefined) throw new ConfigError(`--${flag}`, `'${word}' is none of ${known.join(', ')}`)
    return choice
  })
}
