/** What `--help` of a command says of its flags: a table of flags → text. Pure. */
import type { FlagSpec } from './flag-spec.ts'

export interface CommandAbout {
  /** As typed: `vtepd run`. */
  readonly name: string
  readonly summary: string
  /** Examples, variables: shown below the flags. */
  readonly footer: string
  /** What its words are called, where it takes any. */
  readonly words?: string
}

interface Row {
  readonly group: string
  readonly term: string
  /** What a line may end behind. */
  readonly words: readonly string[]
}

/** `width`: columns of a line; what is typed stands as it is, descriptions are broken. */
export function renderFlagHelp(table: readonly FlagSpec[], about: CommandAbout, width: number): string {
  const shown: readonly Row[] = table.filter((spec) => spec.hidden !== true).map(rowOf)
  const rows = [...shown, { group: 'Help', term: '-h, --help', words: ['show', 'this'] }]
  const column = Math.max(...rows.map(({ term }) => term.length)) + 4
  const groups = [...new Set(rows.map(({ group }) => group))].map((name) => {
    const lines = rows
      .filter(({ group }) => group === name)
      .flatMap(({ term, words }) =>
        linesOf(words, width - column).map((line, n) => `${(n === 0 ? `  ${term}` : '').padEnd(column)}${line}`),
      )
    return [`${name}:`, ...lines].join('\n')
  })
  const words = about.words === undefined ? '' : ` [${about.words}…]`
  return `${[`Usage: ${about.name}${words} [flags]`, about.summary, ...groups, about.footer].join('\n\n')}\n`
}

function rowOf(spec: FlagSpec): Row {
  const placeholder = spec.placeholder ?? (spec.kind === 'int' ? 'number' : 'text')
  const term = spec.kind === 'bool' ? `--${spec.name}` : `--${spec.name} <${placeholder}>`
  const words = spec.help.split(' ')
  const silent = spec.kind === 'strings' || spec.default === '' || spec.default === false
  return { group: spec.group, term, words: silent ? words : [...words, `(default: ${spec.default})`] }
}

/** Lines of at most `width` characters, a longer word alone on its line. */
function linesOf(words: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
