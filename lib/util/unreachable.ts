/** Ends a switch over a discriminated union: the compiler proves that no case is missing, and a wrong cast fails loudly. */
import { InvariantError } from '../errors.ts'

/** Throws InvariantError; call it where the type of `value` must be `never`. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`)
}
