/** Text for a terminal or file that has no Unicode: what this program writes itself is spelled in ASCII. Pure. */

/** What stands in sentences, tables and pictures of ours. */
const SPELLED: Readonly<Record<string, string>> = {
  '→': '->',
  '←': '<-',
  '↔': '<->',
  '…': '...',
  '–': '-',
  '—': '-',
  '−': '-',
  '·': '.',
  '•': '*',
  '×': 'x',
  '≤': '<=',
  '≥': '>=',
  '±': '+-',
  '≈': '~',
  µ: 'u',
  μ: 'u',
  '✓': '+',
  '✗': 'x',
  '‘': "'",
  '’': "'",
  '“': '"',
  '”': '"',
  '\u00a0': ' ',
}

const BEYOND = /[^\0-\x7f]/gu

/** The locale that counts for characters, as setlocale(3) finds it: none is POSIX. */
export function hasUnicode({ LC_ALL, LC_CTYPE, LANG }: NodeJS.ProcessEnv): boolean {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '')
}

/** Lines of boxes become dashes, bars and crosses, other characters a question mark. */
export function asciiOf(text: string): string {
  return text.replace(BEYOND, (character) => SPELLED[character] ?? boxOf(character))
}

/** The same value: RFC 8259 knows each character as an escape. */
export function asciiJson(json: string): string {
  return json.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** U+2500 to U+257F, box drawings; U+2800 to U+28FF, the braille that turns while something lasts. */
function boxOf(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code >= 0x2800 && code <= 0x28ff) return '*'
  if (code < 0x2500 || code > 0x257f) return '?'
  if ('─━┄┅┈┉═╌╍'.includes(character)) return '-'
  return '│┃┆┇┊┋║╎╏'.includes(character) ? '|' : '+'
}
