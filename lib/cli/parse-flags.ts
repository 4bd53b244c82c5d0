/**
 * A table of flags, argv and the environment → typed values, or the help text. Every command of this package reads its
 * arguments here. Must not: print, exit, or give any flag a meaning.
 */

import { ConfigError } from '../errors.ts'
import { type CommandAbout, helpWidth, renderFlagHelp } from './flag-help.ts'
import { type FlagSpec, type FlagValues, readFlagValue } from './flag-spec.ts'
import { flagVariable, readGoArguments } from './go-args.ts'
import { suggestion } from './suggestion.ts'

/** What set a flag: `--iface` for argv, `FLANNELD_IFACE` for the environment; flags at their default are absent. */
export type GivenFlags<Name extends string> = ReadonlyMap<Name, string>

export type ParsedFlags<Table extends readonly FlagSpec[]> =
  | { readonly help: string }
  | {
      readonly help: undefined
      readonly values: FlagValues<Table>
      readonly given: GivenFlags<Table[number]['name']>
      /** Empty unless the command takes words. */
      readonly words: readonly string[]
    }

/**
 * A variable counts only when its flag is not in `argv`, and when it is not empty, as flanneld does it. Throws
 * ConfigError for whatever is wrong with either.
 */
export function parseFlags<const Table extends readonly FlagSpec[]>(
  table: Table,
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  about: CommandAbout,
): ParsedFlags<Table> {
  const specs = new Map<string, FlagSpec>(table.map((spec) => [spec.name, spec]))
  const { flags, help, words, unknown } = readGoArguments(argv, (name) => {
    const kind = specs.get(name)?.kind
    return kind === undefined ? undefined : kind === 'bool' ? 'bool' : 'value'
  })
  if (help) return { help: renderFlagHelp(table, about, helpWidth()) }
  const [stray] = words
  if (stray !== undefined && about.words === undefined) throw strayArgument(stray, about)
  if (unknown !== undefined) throw unknownFlag(unknown, table, about)

  const given = new Map<Table[number]['name'], string>()
  const values: Record<string, unknown> = {}
  for (const spec of table) values[spec.name] = spec.kind === 'strings' ? [] : spec.default
  const set = (spec: FlagSpec, text: string, where: string): void => {
    const value = readFlagValue(spec, text, where)
    values[spec.name] = spec.kind === 'strings' ? [...(values[spec.name] as string[]), value] : value
    given.set(spec.name, where)
  }
  for (const { name, text } of flags) {
    const spec = specs.get(name)
    if (spec !== undefined) set(spec, text, `--${name}`)
  }
  for (const spec of table) {
    const variable = flagVariable(spec.name)
    const text = env[variable] ?? ''
    if (text !== '' && !given.has(spec.name)) set(spec, text, variable)
  }
  // Each value has the type that its own spec says.
  return { help: undefined, values: values as FlagValues<Table>, given, words }
}

function unknownFlag(name: string, table: readonly FlagSpec[], about: CommandAbout): ConfigError {
  const known = table.filter((spec) => spec.hidden !== true).map((spec) => spec.name)
  const near = suggestion(name, known, (other) => `--${other}`)
  return new ConfigError(`--${name}`, `is not a flag of ${about.name}${near} (${about.name} --help lists them)`)
}

function strayArgument(stray: string, about: CommandAbout): ConfigError {
  const boolean = /^(true|false|0|1|t|f)$/i.test(stray)
  const hint = boolean
    ? `a boolean flag takes its value with an equals sign: --flag=${stray}`
    : `${about.name} takes flags only`
  return new ConfigError(`argument '${stray}'`, `is unexpected; ${hint}`)
}
