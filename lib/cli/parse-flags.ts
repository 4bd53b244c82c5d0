/**
 * A table of flags, argv and the environment → typed values, through commander (help, unknown flags, suggestions).
 * Must not: print, exit, or give any flag a meaning.
 */
import { Command, CommanderError, Option } from 'commander'
import { ConfigError } from '../errors.ts'
import { type FlagSpec, type FlagValues, readFlagValue } from './flag-spec.ts'
import { flagVariable, normaliseGoArguments } from './go-args.ts'

export interface CommandAbout {
  /** As typed: `vtepd run`. */
  readonly name: string
  readonly summary: string
  /** Examples, variables: shown below the flags. */
  readonly footer: string
}

/** What set a flag: `--iface` for argv, `FLANNELD_IFACE` for the environment; flags at their default are absent. */
export type GivenFlags<Name extends string> = ReadonlyMap<Name, string>

export type ParsedFlags<Table extends readonly FlagSpec[]> =
  | { readonly help: string }
  | { readonly help: undefined; readonly values: FlagValues<Table>; readonly given: GivenFlags<Table[number]['name']> }

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
  const specs = new Map(table.map((spec) => [spec.name, spec]))
  const fromArgv = normaliseGoArguments(argv, (name) => {
    const kind = specs.get(name)?.kind
    return kind === undefined ? undefined : kind === 'bool' ? 'bool' : 'value'
  })
  const fromEnv = table.filter((spec) => !fromArgv.given.has(spec.name) && Boolean(env[flagVariable(spec.name)]))
  const where = new Map(fromEnv.map((spec) => [spec.name, flagVariable(spec.name)]))
  const variables = fromEnv.map((spec) => `--${spec.name}=${env[flagVariable(spec.name)]}`)

  let help = ''
  const command = commandOf(table, about, (spec) => where.get(spec.name) ?? `--${spec.name}`).configureOutput({
    writeOut: (text) => {
      help += text
    },
    writeErr: () => {},
  })
  try {
    command.parse([...fromArgv.flags, ...variables], { from: 'user' })
  } catch (error) {
    if (help !== '') return { help }
    throw error instanceof CommanderError ? configErrorOf(error, about) : error
  }
  const [stray] = fromArgv.rest
  if (stray !== undefined) throw strayArgument(stray, about)

  const options = command.opts<Record<string, unknown>>()
  const values = Object.fromEntries(table.map((spec) => [spec.name, options[optionOf(spec).attributeName()] ?? []]))
  const given = new Map<Table[number]['name'], string>([
    ...where,
    ...[...fromArgv.given].map((name) => [name, `--${name}`] as const),
  ])
  // The table's own types are what the option parsers below return.
  return { help: undefined, values: values as FlagValues<Table>, given }
}

function commandOf(table: readonly FlagSpec[], about: CommandAbout, where: (spec: FlagSpec) => string): Command {
  const command = new Command(about.name)
    .usage('[flags]')
    .description(about.summary)
    .helpOption('-h, --help', 'show this')
    .addHelpText('after', `\n${about.footer}`)
    // The optional value of a boolean is how `--flag=false` is read, not something to type after a blank.
    .configureHelp({
      optionTerm: (option) => option.flags.replace(' [bool]', ''),
      optionDescription: (option) => option.description,
    })
    .exitOverride()
  for (const spec of table) {
    const option = optionOf(spec).helpGroup(`${spec.group}:`)
    if (spec.kind === 'strings') option.argParser<string[]>((text, before) => [...(before ?? []), text])
    else option.argParser((text) => readFlagValue(spec, text, where(spec))).default(spec.default)
    command.addOption(option.hideHelp(spec.hidden ?? false))
  }
  return command
}

function optionOf(spec: FlagSpec): Option {
  const value = spec.kind === 'bool' ? '[bool]' : `<${spec.placeholder ?? (spec.kind === 'int' ? 'number' : 'text')}>`
  const defaultText = spec.kind === 'strings' || spec.default === '' ? '' : ` (default: ${spec.default})`
  return new Option(`--${spec.name} ${value}`, `${spec.help}${defaultText}`)
}

function configErrorOf(error: CommanderError, about: CommandAbout): ConfigError {
  const [, flag, hint] = /unknown option '--([^'=]*)[^']*'(?:[^(]*\(Did you mean (.*?)\?\))?/s.exec(error.message) ?? []
  if (flag === undefined) return new ConfigError(about.name, error.message.replace(/^error: /, ''))
  const suggestion = hint === undefined ? '' : `; did you mean ${hint.replace(/^one of /, '')}?`
  return new ConfigError(`--${flag}`, `is not a flag of ${about.name}${suggestion} (${about.name} --help lists them)`)
}

function strayArgument(stray: string, about: CommandAbout): ConfigError {
  const boolean = /^(true|false|0|1|t|f)$/i.test(stray)
  const hint = boolean
    ? `a boolean flag takes its value with an equals sign: --flag=${stray}`
    : `${about.name} takes flags only`
  return new ConfigError(`argument '${stray}'`, `is unexpected; ${hint}`)
}
