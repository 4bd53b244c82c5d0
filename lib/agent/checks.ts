/**
 * What readiness is made of: a short list of named things, each right or with its fault in words. Pure.
 * Must not: know how any of them is found out (whoever keeps the thing says so).
 */

/** One thing that has to be so before pods have a network; `name` is one word, as `/readyz?verbose` lists it. */
export interface Check {
  readonly name: string
  /** Why it is not so, in words without the name; undefined: it is. */
  readonly fault: string | undefined
}

/** What takes part in readiness. It is asked at every judgement; whoever makes it is given a way to say that it changed. */
export interface Checked {
  readonly checks: readonly Check[]
}

/** One check a name, in the order of the first: two families' faults stand side by side. */
export function mergeChecks(checks: readonly Check[]): readonly Check[] {
  const faults = new Map<string, string[]>(checks.map(({ name }) => [name, []]))
  for (const { name, fault } of checks) if (fault !== undefined) faults.get(name)?.push(fault)
  return [...faults].map(([name, list]) => ({ name, fault: list.length === 0 ? undefined : list.join('; ') }))
}
