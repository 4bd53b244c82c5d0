/**
 * What a caller is told of a value that cannot be taken: TypeError for a wrong type, RangeError for an impossible value, each
 * beginning with the field's name. Must not: run anything of the value's own (toString, getters, traps).
 */

/** More of a text says little more about it. */
const SHOWN = 60

/** `field: a number is no string`. */
export function wrongType(field: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${field}: ${shown(value)} is not ${wanted}`)
}

export function wrongValue(field: string, value: unknown, problem: string): RangeError {
  return new RangeError(`${field}: ${shown(value)} ${problem}`)
}

/** Texts quoted, without control characters; numbers and the like as they are; of everything else the type alone. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const text = value.length > SHOWN ? `${value.slice(0, SHOWN)}…` : value
      return `'${text.replace(/[\p{Cc}\p{Cs}]/gu, '\u{fffd}')}'`
    }
    case 'number':
      return Object.is(value, -0) ? '-0' : `${value}`
    case 'bigint':
      return 'a bigint'
    case 'boolean':
    case 'undefined':
      return `${value}`
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'an array' : 'an object'
    default:
      return `a ${typeof value}`
  }
}

/** `; did you mean gateway?` where one of the names differs from `typed` in a letter or two, else ''. */
export function nearest(typed: string, names: readonly string[]): string {
  const most = typed.length > SHOWN ? 0 : Math.min(2, typed.length >> 1)
  const near = names
    .map((name) => ({ name, wrong: wrongLetters(typed.toLowerCase(), name.toLowerCase()) }))
    .filter(({ wrong }) => wrong <= most)
    .sort((a, b) => a.wrong - b.wrong)[0]
  return near === undefined ? '' : `; did you mean ${near.name}?`
}

/** Levenshtein's distance. */
function wrongLetters(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
