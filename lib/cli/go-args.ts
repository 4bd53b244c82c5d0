/**
 * From Go's flag syntax (flanneld's) to one canonical form that every option parser understands: `--name=value` for
 * each flag, everything else after `--`. Pure. Must not: know what a flag means; whether it is boolean is all it asks.
 */
import { ConfigError } from '../errors.ts'

/** Whether a flag exists and takes a value: `undefined` for an unknown one. */
export type FlagLookup = (name: string) => 'bool' | 'value' | undefined

export interface GoArguments {
  /** `--name=value` in order; `--help` for -h, -help and --help; an unknown flag without its value. */
  readonly flags: readonly string[]
  /** Names of known flags that occur. */
  readonly given: ReadonlySet<string>
  /** What Go leaves unparsed: from the first argument that is no flag, or after `--`. */
  readonly rest: readonly string[]
}

/** The rules of Go's flag.FlagSet.Parse; throws ConfigError for bad syntax and a missing value. */
export function normaliseGoArguments(argv: readonly string[], lookup: FlagLookup): GoArguments {
  const flags: string[] = []
  const given = new Set<string>()
  let index = 0
  for (; index < argv.length; index += 1) {
    const argument = argv[index] ?? ''
    if (argument === '--') {
      index += 1
      break
    }
    if (argument.length < 2 || !argument.startsWith('-')) break
    const { name, value } = splitFlag(argument)
    const kind = lookup(name)
    if (kind === undefined) {
      const help = name === 'help' || name === 'h'
      flags.push(help ? '--help' : `--${name}`)
      // Whether a value follows an unknown flag cannot be known: the parser reports this one, nothing after it counts.
      if (!help) return { flags, given, rest: [] }
      continue
    }
    given.add(name)
    if (value !== undefined) flags.push(`--${name}=${value}`)
    else if (kind === 'bool') flags.push(`--${name}=true`)
    else {
      index += 1
      const next = argv[index]
      if (next === undefined) throw new ConfigError(`--${name}`, `needs a value: --${name}=VALUE`)
      flags.push(`--${name}=${next}`)
    }
  }
  return { flags, given, rest: argv.slice(index) }
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
