/**
 * Text that others wrote (names, annotations, answers of servers), fit for a terminal and a line of the log. Pure. Every way out
 * of the program goes through it: the log (lib/host/log.ts), errors in one line and `--json` (lib/cli).
 */

/** UTF-16 units of one string; with the sentences around it, a line of the log stays readable. */
const MOST = 4096

/**
 * What a terminal could act upon or that hides what stands beside it: control characters, line and paragraph separators,
 * marks of writing direction, what has no width, and halves of characters.
 */
const UNPRINTABLE =
  /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu

/** At most about `most` characters, the rest counted; what cannot be printed as `\u{1b}`. Printable text stays as it is. */
export function printable(text: string, most = MOST): string {
  const rest = text.length - most
  const kept = rest > 0 ? text.slice(0, most) : text
  const escaped = kept.replace(UNPRINTABLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
  return rest > 0 ? `${escaped}… (${rest} more characters)` : escaped
}

/** The same for text of several lines, as of a stack. */
export function printableLines(text: string): string {
  return text
    .split('\n')
    .map((line) => printable(line))
    .join('\n')
}

/** Every string of a value that is to become JSON, keys of objects too; lists and objects are copied. */
export function printableAll(value: unknown): unknown {
  if (typeof value === 'string') return printable(value)
  if (Array.isArray(value)) return value.map(printableAll)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [printable(key), printableAll(part)]))
}
