/** What `--help` of a command says of its flags: a table of flags → text. */
import { output } from '../host/output.ts'
import type { FlagSpec } from './flag-spec.ts'

export interface CommandAbout {
  /** As typed: `vtepd run`. */
  readonly name: string
  readonly summary: string
  /** Examples, variables: shown below the flags. */
  readonly footer: string
  /** Its words as a usage line has them, where it takes any: `[NAME]`. */
  readonly words?: string
}

/** Columns of a line of help, as many as there are. */
const WIDTH = { least: 40, usual: 80, most: 120 }

/** Where it is shown. */
export function helpWidth(): number {
  return Math.min(WIDTH.most, Math.max(WIDTH.least, output.columns ?? WIDTH.usual))
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
  const column = Math.min(width / 2.5, Math.max(...rows.map(({ term }) => term.length)) + 4) | 0
  const groups = [...new Set(rows.map(({ group }) => group))].map((name) => {
    const lines = rows
      .filter(({ group }) => group === name)
      .flatMap(({ term, words }) => {
        const lines = linesOf(words, width - column).map((line) => `${' '.repeat(column)}${line}`)
        const head = `  ${term}`
        // A long one stands on a line of its own.
        return head.length + 2 > column
          ? [head, ...lines]
          : [`${head}${lines[0]?.slice(head.length)}`, ...lines.slice(1)]
      })
    return [...linesOf(`${name}:`.split(' '), width), ...lines].join('\n')
  })
  const words = about.words === undefined ? '' : ` ${about.words}`
  return `${[
    linesOf(`Usage: ${about.name}${words} [flags]`.split(' '), width).join('\n'),
    reflowed(about.summary, width),
    ...groups,
    fittedText(about.footer, width),
  ].join('\n\n')}\n`
}

function rowOf(spec: FlagSpec): Row {
  const placeholder = spec.placeholder ?? (spec.kind === 'int' ? 'number' : 'text')
  const term = spec.kind === 'bool' ? `--${spec.name}` : `--${spec.name} <${placeholder}>`
  const words = spec.help.split(' ')
  const silent = spec.kind === 'strings' || spec.default === '' || spec.default === false
  return { group: spec.group, term, words: silent ? words : [...words, `(default: ${spec.default})`] }
}

export function fittedText(text: string, width: number): string {
  return text
    .split('\n')
    .flatMap((line) => fitted(line, width))
    .join('\n')
}

/** Prose, and a term with its description; what is typed, behind blanks, stays as it is. */
function fitted(line: string, width: number): readonly string[] {
  if (line.length <= width) return [line]
  const [, term = '', text = ''] = /^( +\S+ {2,})(\S.*)$/.exec(line) ?? []
  if (term === '') return line.startsWith(' ') ? [line] : linesOf(line.split(' '), width)
  const lines = linesOf(text.split(' '), width - term.length)
  return lines.map((part, i) => `${i === 0 ? term : ' '.repeat(term.length)}${part}`)
}

function reflowed(text: string, width: number): string {
  return linesOf(text.split(/\s+/), width).join('\n')
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
