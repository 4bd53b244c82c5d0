/** What one flag of the command line is, and the value it yields. Pure types and the reading of one value. */
import { ConfigError } from '../errors.ts'

/** `strings` may be repeated; `bool` takes no separate value (Go's rule: `--ip-masq=false`, never `--ip-masq false`). */
export type FlagKind = 'bool' | 'string' | 'int' | 'strings'

interface SpecBase {
  /** As typed, without dashes. */
  readonly name: string
  /** Heading under which the help shows it. */
  readonly group: string
  /** One sentence; defaults are added by the help. */
  readonly help: string
  /** What stands for the value in the help. */
  readonly placeholder?: string
  /** Left out of the help (docs/flags.md still has it). */
  readonly hidden?: boolean
  /** A config file cannot set it: it says which file, or what is done instead of running. */
  readonly notInFile?: boolean
}

export type FlagSpec = SpecBase &
  (
    | { readonly kind: 'bool'; readonly default: boolean }
    | { readonly kind: 'string'; readonly default: string }
    | { readonly kind: 'int'; readonly default: number }
    | { readonly kind: 'strings' }
  )

/** A value of some flag; `strings` yields the list. */
export type FlagValue = boolean | number | string | readonly string[]

type ValueOf<Kind extends FlagKind> = Kind extends 'bool'
  ? boolean
  : Kind extends 'int'
    ? number
    : Kind extends 'strings'
      ? readonly string[]
      : string

/** The values of a table of flags, by name. */
export type FlagValues<Table extends readonly FlagSpec[]> = {
  readonly [Spec in Table[number] as Spec['name']]: ValueOf<Spec['kind']>
}

/** strconv.ParseBool. */
const GO_BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((text) => [text, false] as const),
])

/** strconv.ParseInt with base 0: decimal, 0x, 0o or a leading 0, 0b, underscores between digits. */
const GO_INTEGER = /^([+-]?)(0x(?:_?[0-9a-f])+|0b(?:_?[01])+|0o?(?:_?[0-7])+|0|[1-9](?:_?[0-9])*)$/i

/** Reads one value as Go's flag package would; throws ConfigError naming `where` (a flag or a variable). */
export function readFlagValue(spec: FlagSpec, text: string, where: string): boolean | number | string {
  if (spec.kind === 'bool') {
    const value = GO_BOOLEANS.get(text)
    if (value === undefined) throw new ConfigError(where, `'${text}' is neither true nor false`)
    return value
  }
  if (spec.kind === 'int') {
    const value = goInteger(text)
    if (value === undefined || !Number.isSafeInteger(value))
      throw new ConfigError(where, `'${text}' is not a whole number`)
    return value
  }
  return text
}

function goInteger(text: string): number | undefined {
  const [, sign = '', body] = GO_INTEGER.exec(text) ?? []
  if (body === undefined) return undefined
  const digits = body.replaceAll('_', '')
  const magnitude = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits)
  return sign === '-' ? -magnitude : magnitude
}
