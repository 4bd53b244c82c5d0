/**
 * Texts that are kept for long. V8 keeps whole what a slice was cut from, and both halves of a concatenation; with
 * 100,000 leases that is tens of megabytes. Must not: be used for what lives briefly.
 */

const page = Buffer.alloc(128)

/** The same text as a string that holds no other; what is long or beyond Latin-1 is left as it is. */
export function flatText(text: string): string {
  const copy = page.toString('latin1', 0, page.write(text, 0, 'latin1'))
  return copy === text ? copy : text
}
