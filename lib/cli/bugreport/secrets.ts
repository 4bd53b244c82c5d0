/**
 * Text of anybody → the same without what opens a door: tokens, passwords, private keys, credentials in URLs and headers. Pure. Must
 * not: leave one because it is not sure; a path that goes with it is no loss.
 */

export const REMOVED = '<removed>'

const NAMED = String.raw`[\w.-]*(?:token|password|passwd|passphrase|secret|credential|authorization|api[_-]?key|private[_-]?key|key-data|certificate-data|cookie)[\w.-]*`

/** Each with what stands in its place. What is quoted ends at the quote, so that JSON stays JSON. */
const PATTERNS: readonly (readonly [pattern: RegExp, by: string])[] = [
  // To its end, to a quote, or to the end of the text, where it was cut off.
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?:(?!-----END)[^"'])*(?:-----END [A-Z0-9 ]*PRIVATE KEY-----)?/g, REMOVED],
  // The same in Base64, and certificates, as kubeconfigs have them.
  [/LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]*/g, REMOVED],
  [/\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/g, REMOVED],
  [/\bK10[0-9a-f]{16,}(?:::[^\s"'\\]*)?/g, REMOVED],
  [/\b[a-z0-9]{6}\.[a-z0-9]{16}\b/g, REMOVED],
  [/\b(Bearer|Basic|Negotiate|Digest)(\s+)[^\s"'\\,;]+/gi, `$1$2${REMOVED}`],
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'\\]*@/gi, `$1${REMOVED}@`],
  // A name that says it, and its value: "…": "…", …: …, …=…, --… …
  [new RegExp(String.raw`("${NAMED}"\s*:\s*)"(?:[^"\\]|\\.)*"?`, 'gi'), `$1"${REMOVED}"`],
  [new RegExp(String.raw`(\\"${NAMED}\\"\s*:\s*)\\"(?:(?!\\").)*(?:\\")?`, 'gi'), `$1\\"${REMOVED}\\"`],
  [new RegExp(String.raw`('${NAMED}'\s*[:=]\s*)'[^'\n]*'?`, 'gi'), `$1'${REMOVED}'`],
  [
    new RegExp(
      String.raw`(\b${NAMED}["']?\s*(?:=|:(?!\d))\s*)(?!["'\s]*${REMOVED})(?:"[^"\n]*"?|'[^'\n]*'?|[^\s"',;}\]&\\]+)`,
      'gi',
    ),
    `$1${REMOVED}`,
  ],
  [new RegExp(String.raw`(--${NAMED}\s+)(?!--)[^\s"',]+`, 'gi'), `$1${REMOVED}`],
]

/** `known`: secrets that were read somewhere, removed wherever else they stand. */
export function withoutSecrets(text: string, known: readonly string[] = []): string {
  let rest = text
  for (const secret of known) rest = rest.replaceAll(secret, REMOVED)
  for (const [pattern, by] of PATTERNS) rest = rest.replace(pattern, by)
  return rest
}

/** Shorter ones are words that stand elsewhere too. */
const LEAST = 8

/** The secrets of a text that is one, as a kubeconfig or the file of a token: each long value behind a name that says it, or all. */
export function secretsIn(text: string): readonly string[] {
  const named = [...text.matchAll(new RegExp(String.raw`${NAMED}["']?\s*[:=]\s*["']?([^\s"']+)`, 'gi'))].map(
    ([, value = '']) => value,
  )
  const whole = /\s/.test(text.trim()) ? [] : [text.trim()]
  return [...named, ...whole].filter((value) => value.length >= LEAST && !value.startsWith('/'))
}
