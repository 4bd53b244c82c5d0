/**
 * Whatever stands in a value: it is refused by its name, or what is sent says it. Finds what is taken and then dropped, cut or
 * coerced, also in a field that no test knows.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { toIp } from '../../lib/net/ip.ts'

export type Path = readonly (string | number)[]

/** What is read of what was written, or why nothing was. */
export type Outcome = { readonly said: unknown } | { readonly error: unknown }

export function outcome(say: () => unknown): Outcome {
  try {
    return { said: say() }
  } catch (error) {
    return { error }
  }
}

/** Of everything that is in it. */
export function pathsOf(value: unknown, before: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, one]) => {
    const path = [...before, Array.isArray(value) ? Number(key) : key]
    return [path, ...pathsOf(one, path)]
  })
}

export const anything = fc.oneof(
  fc.anything({ withBigInt: true, withTypedArray: true, withNullPrototype: true }),
  ...[fc.integer(), fc.maxSafeInteger(), fc.double(), fc.string(), fc.ipV4(), fc.ipV6()],
)

/** `field`: where the value stands, with which errors begin; `what`: for the test's own message. */
export function assertSaidOrRefused(given: unknown, found: Outcome, field: string, what: string): void {
  if ('said' in found) {
    assertSaid(given, found.said, what)
    return
  }
  const { error } = found
  assert.ok(error instanceof TypeError || error instanceof RangeError, `${what}: ${error}`)
  // It may be what is in the value that is refused, or that it does not go with another.
  assert.ok(error.message.startsWith(`${field}.`), `${what}: ${error.message}`)
}

/** Everything that is given is said; more may be told (defaults, the other bits of a word). */
function assertSaid(given: unknown, said: unknown, place: string): void {
  if (given === undefined || (given === false && said === undefined)) return
  // A number that has a name is told by it.
  if (typeof given === 'number' && typeof said === 'string') return
  if (typeof given !== 'object' || given === null) {
    if (typeof given === 'number' && Math.abs(given - Number(said)) <= 1e-9 * Math.abs(given)) return
    // Addresses are told in their canonical form.
    assert.equal(said, typeof given === 'string' ? (toIp(given) ?? given) : given, place)
    return
  }
  if (Array.isArray(given)) assert.equal((said as unknown[]).length, given.length, place)
  for (const [key, one] of Object.entries(given))
    assertSaid(one, (said as Record<string, unknown> | undefined)?.[key], `${place}.${key}`)
}
