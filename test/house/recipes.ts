/**
 * The recipes of CONTRIBUTING.md: which files each names, and whether its example really goes through them. Judges texts, so that
 * the tests can show each rule catching an offender. Must not: read files.
 */
import type { SourceFile } from '../support/source-files.ts'

export interface Recipe {
  readonly title: string
  /** What is followed: `gbp`. */
  readonly example: string
  /** In the order of the steps. */
  readonly files: readonly string[]
  /** Where no other file may have the example: `lib/`; undefined: that is not claimed. */
  readonly onlyIn: string | undefined
  /** Files there that have it without being part of the recipe. */
  readonly beside: readonly string[]
}

const TITLE = /^### (.*): follow `([^`]+)`$/

/** Sections `### Add …: follow `example``, each with numbered steps. */
export function recipesOf(document: string): readonly Recipe[] {
  return document.split(/^(?=#{2,3} )/m).flatMap((section) => {
    const [first = '', ...lines] = section.split('\n')
    const [, title = '', example] = TITLE.exec(first) ?? []
    if (example === undefined) return []
    const files = lines.filter((line) => /^\d+\. /.test(line)).flatMap(pathsOf)
    const closing = lines.find((line) => line.startsWith('Nowhere else in '))
    const [onlyIn, ...beside] = closing === undefined ? [] : quoted(closing)
    return [{ title, example, files, onlyIn, beside }]
  })
}

/** One sentence a breach. `sources`: every file that a recipe names or rules out. */
export function breachesOf(recipe: Recipe, sources: readonly SourceFile[]): readonly string[] {
  const { title, example, files, onlyIn, beside } = recipe
  const known = new Map(sources.map((source) => [source.path, source]))
  const lacking = [...files, ...beside].flatMap((file) => {
    const source = known.get(file)
    if (source === undefined) return [`${title}: ${file} does not exist`]
    return source.text.toLowerCase().includes(example) ? [] : [`${title}: ${file} has no ${example}`]
  })
  const named = new Set([...files, ...beside])
  const strays = sources.filter(
    ({ path, text }) =>
      onlyIn !== undefined &&
      path.startsWith(onlyIn) &&
      !named.has(path) &&
      wordOf(example).test(withoutComments(text)),
  )
  return [
    ...(files.length < 2 ? [`${title}: names ${files.length} files`] : []),
    ...lacking,
    ...strays.map(({ path }) => `${title}: ${path} has ${example} too, and is not named`),
  ]
}

function pathsOf(line: string): readonly string[] {
  return quoted(line).filter((text) => /^[\w./-]+\/[\w./-]+\.\w+$/.test(text))
}

function quoted(line: string): readonly string[] {
  return [...line.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text)
}

function wordOf(example: string): RegExp {
  return new RegExp(`(?<![a-z0-9])${example.replaceAll('.', '\\.')}(?![a-z0-9])`, 'i')
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}
