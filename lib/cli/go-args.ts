/**
 * Go's flag syntax (flanneld's): one dash or two, `--name=value` or `--name value`, a boolean's value only with the equals
 * sign. Words that are no flags may stand between them. Pure. Must not: know what a flag means.
 */
import { ConfigError } from '../errors.ts'

/** Whether a flag takes a value: `undefined` for an unknown one. */
export type FlagLookup = (name: string) => 'bool' | 'value' | undefined

export interface GoArguments {
  /** Known flags in order, a boolean without value as `true`. */
  readonly flags: readonly { readonly name: string; readonly text: string }[]
  /** -h, -help or --help occurs. */
  readonly help: boolean
  /** What is no flag, and everything after `--`. */
  readonly words: readonly string[]
  /** The first unknown flag. Whether a value follows it cannot be known, so nothing behind it is read. */
  readonly unknown: string | undefined
}

/** Throws ConfigError for bad syntax and a missing value. */
export function readGoArguments(argv: readonly string[], lookup: FlagLookup): GoArguments {
  const flags: { name: string; text: string }[] = []
  const words: string[] = []
  let help = false
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index] ?? ''
    if (argument === '--') {
      words.push(...argv.slice(index + 1))
      break
    }
    if (argument.length < 2 || !argument.startsWith('-')) {
      words.push(argument)
      continue
    }
    const { name, value } = splitFlag(argument)
    const kind = lookup(name)
    if (kind !== undefined) {
      if (value === undefined && kind === 'value') index += 1
      const text = value ?? (kind === 'bool' ? 'true' : argv[index])
      if (text === undefined) throw new ConfigError(`--${name}`, `needs a value: --${name}=VALUE`)
      flags.push({ name, text })
    } else if (name === 'help' || name === 'h') help = true
    else return { flags, help, words, unknown: name }
  }
  return { flags, help, words, unknown: undefined }
}

function splitFlag(argument: string): { name: string; value: string | undefined } {
  const body = argument.slice(argument.startsWith('--') ? 2 : 1)
  if (body === '' || body.startsWith('-') || body.startsWith('='))
    throw new ConfigError(argument, 'is not a flag; write --name=value')
  const equals = body.indexOf('=')
  return equals < 0 ? { name: body, value: undefined } : { name: body.slice(0, equals), value: body.slice(equals + 1) }
}

/** The variable that sets a flag, as flanneld names it: `ip-masq` → `FLANNELD_IP_MASQ`. */
export function flagVariable(name: string): string {
  return `FLANNELD_${name.toUpperCase().replaceAll('-', '_')}`
}
