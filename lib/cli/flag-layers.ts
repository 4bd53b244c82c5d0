/**
 * Sources of flags below the command line and the environment (a config file, what a host tells): each fills what the ones
 * above left at its default. Pure. Must not: know what any source is.
 */
import type { FlagSpec, FlagValue, FlagValues } from './flag-spec.ts'
import type { GivenFlags } from './parse-flags.ts'

/** `by` is what is named when the value is wrong, and where it is said to be from. */
export type FlagLayer<Name extends string> = ReadonlyMap<Name, { readonly value: FlagValue; readonly by: string }>

export interface LayeredFlags<Table extends readonly FlagSpec[]> {
  readonly values: FlagValues<Table>
  readonly given: GivenFlags<Table[number]['name']>
}

/** A flag that was given before keeps its value whole: lists are not joined. */
export function withLayer<const Table extends readonly FlagSpec[]>(
  flags: LayeredFlags<Table>,
  layer: FlagLayer<Table[number]['name']>,
): LayeredFlags<Table> {
  const added = [...layer].filter(([name]) => !flags.given.has(name))
  return {
    // A layer's values have the types that its reader checked.
    values: { ...flags.values, ...Object.fromEntries(added.map(([name, { value }]) => [name, value])) },
    given: new Map([...flags.given, ...added.map(([name, { by }]) => [name, by] as const)]),
  }
}
