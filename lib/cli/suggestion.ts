/** The nearest name for a mistyped one. Pure. */
import { closestMatch } from 'leven'

/** As many letters may be wrong, and no more than two in five. */
const MOST_WRONG = 3

/** `; did you mean run?` with what `shown` makes of the name, or '' when nothing is near. */
export function suggestion(
  typed: string,
  names: readonly string[],
  shown: (name: string) => string = (name) => name,
): string {
  const maxDistance = Math.min(MOST_WRONG, Math.floor(typed.length * 0.4))
  const near = closestMatch(typed, names, { maxDistance })
  return near === undefined ? '' : `; did you mean ${shown(near)}?`
}
