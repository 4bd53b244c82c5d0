/**
 * The config file of a command (docs/config-file.md): its keys are the flags' names, so that there is one schema. Text → values,
 * strictly. Must not: read the file, or check more than names and types; what a value means is checked where flags are.
 */
import { ConfigError } from '../errors.ts'
import { parseLocatedText } from '../leases/located-text.ts'
import { isRecord } from '../util/go-json.ts'
import type { JsonPath } from '../util/json-locate.ts'
import type { FlagLayer } from './flag-layers.ts'
import type { FlagSpec, FlagValue } from './flag-spec.ts'
import { suggestion } from './suggestion.ts'

/**
 * JSON or YAML 1.2. A key without a value, or with an empty text, is not given, as with variables. Rejects with ConfigError whose
 * `where` is `FILE:LINE:COLUMN: KEY`.
 */
export async function parseConfigFile<const Table extends readonly FlagSpec[]>(
  table: Table,
  text: string,
  where: string,
): Promise<FlagLayer<Table[number]['name']>> {
  const { value, place } = await parseLocatedText(text, where)
  return readConfig(table, value, (name, path) => `${place(path)}${name === '' ? '' : `: ${name}`}`)
}

/** The same of a value. `place`: what a fault's `where` is; `name` reads `iface[0]`, and '' for the whole. Throws ConfigError. */
export function readConfig<const Table extends readonly FlagSpec[]>(
  table: Table,
  value: unknown,
  place: Place,
): FlagLayer<Table[number]['name']> {
  if (value === null || value === undefined) return new Map()
  if (!isRecord(value)) throw new ConfigError(place('', []), 'must be a mapping of flags to values: iface: eth1')
  const layer = new Map<Table[number]['name'], { value: FlagValue; by: string }>()
  for (const [key, given] of Object.entries(value)) {
    const by = place(key, [key])
    const spec = table.find(({ name }) => name === key)
    if (spec === undefined) throw unknownKey(table, key, by)
    if (spec.notInFile === true) throw new ConfigError(by, 'counts on the command line only; remove it here')
    if (given === null || given === undefined || given === '') continue
    layer.set(spec.name, { value: readValue(spec, given, place), by })
  }
  return layer
}

type Place = (name: string, path: JsonPath) => string

function unknownKey(table: readonly FlagSpec[], key: string, by: string): ConfigError {
  const name = key.replace(/^-+/, '').replaceAll('_', '-')
  const known = table.filter((spec) => spec.notInFile !== true && spec.hidden !== true).map((spec) => spec.name)
  const near = known.includes(name) ? `; write ${name}` : suggestion(name, known)
  return new ConfigError(by, `is no key of the config${near} (the keys are the flags of vtepd run)`)
}

function readValue(spec: FlagSpec, given: unknown, place: Place): FlagValue {
  const by = place(spec.name, [spec.name])
  const wrong = (wanted: string, value: unknown = given, where = by): ConfigError =>
    new ConfigError(where, `must be ${wanted}, not ${brief(value)}`)
  switch (spec.kind) {
    case 'bool':
      if (typeof given !== 'boolean') throw wrong('true or false, without quotes')
      return given
    case 'int':
      if (typeof given !== 'number' || !Number.isSafeInteger(given)) throw wrong('a whole number')
      return given
    case 'string':
      if (typeof given !== 'string') throw wrong('a text (in quotes, where it looks like something else)')
      return given
    case 'strings': {
      const list: readonly unknown[] = Array.isArray(given) ? given : [given]
      return list.map((one, index) => {
        if (typeof one === 'string' && one !== '') return one
        const where = Array.isArray(given) ? place(`${spec.name}[${index}]`, [spec.name, index]) : by
        throw wrong('a text, or a list of texts', one, where)
      })
    }
  }
}

/** Programs can give what JSON has no form for. */
function asJson(value: object | string | null): string {
  try {
    return JSON.stringify(value)
  } catch {
    return 'an object'
  }
}

/** At most 40 characters of the value. */
function brief(value: unknown): string {
  const text = typeof value === 'object' || typeof value === 'string' ? asJson(value) : String(value)
  return text.length <= 40 ? text : `${text.slice(0, 37)}...`
}
