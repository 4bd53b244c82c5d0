/**
 * The rules about what comments and documents cite: sections by number, tests and documents by path. Judges texts, so that the
 * tests can show each rule catching an offender. Must not: read files.
 */
import type { SourceFile } from '../support/source-files.ts'

export interface Shelf {
  /** The numbers of the sections that exist, by how they are cited: `kernel-facts`. */
  readonly sections: ReadonlyMap<string, ReadonlySet<number>>
  /** Whether the checkout has this file or folder, relative to its root. */
  readonly exists: (path: string) => boolean
}

/** What is cited by number, and where it stands. */
export const NUMBERED: ReadonlyMap<string, string> = new Map([
  ['design decision', 'docs/decisions.md'],
  ['kernel-facts', 'docs/kernel-facts.md'],
  ['flannel-contract', 'docs/flannel-contract.md'],
])

/** `kernel-facts 1 and 4`, `flannel-contract 4, 5 and 6`, `design decisions 9 and 10`, `kernel-facts 2 to 4`. */
const CITATION = /\b(design decision|kernel-facts|flannel-contract)(s?)(?![\w-]|\.md)( \d+(?:(?:, | and | to )\d+)*)?/gi

/** Other ways to write the same, which that would not find. */
const SPELLINGS: readonly RegExp[] = [
  /\bKF \d+/g,
  /(?<!design )\bdecisions? \d+/gi,
  /\bdesign \d+/gi,
  /\b(?:kernel facts?|flannel contract) \d+/gi,
  /\b(?:kernel-facts|flannel-contract),? sections? \d+/gi,
]

/** Headings `## 5. …` of a document, in the order in which they stand. */
export function numbersOf(document: string): number[] {
  return [...document.matchAll(/^## (\d+)\. /gm)].map(([, number]) => Number(number))
}

/** One sentence per breach. Links between documents are judged elsewhere (docs.test.ts). */
export function breaches(file: SourceFile, shelf: Shelf): string[] {
  const text = unwrapped(file.text)
  const isDocument = file.path.endsWith('.md')
  return [
    ...citationBreaches(text, shelf, isDocument),
    ...spellingBreaches(text),
    ...(isDocument ? missingTests(file, text, shelf) : missingDocuments(file, text, shelf)),
  ].map((breach) => `${file.path}: ${breach}`)
}

function citationBreaches(text: string, { sections }: Shelf, isDocument: boolean): string[] {
  return [...text.matchAll(CITATION)].flatMap(([all, name = '', , numbers]) => {
    const known = sections.get(name.toLowerCase())
    if (numbers === undefined) return isDocument ? [] : [`'${all}' names no section: say which`]
    return expand(numbers)
      .filter((number) => known?.has(number) !== true)
      .map((number) => `'${all}': ${NUMBERED.get(name.toLowerCase())} has no section ${number}`)
  })
}

function expand(numbers: string): number[] {
  const list = [...numbers.matchAll(/(to )?(\d+)/g)]
  return list.flatMap(([, to, text], index) => {
    const last = Number(text)
    const first = to === undefined ? last : Number(list[index - 1]?.[2]) + 1
    return Array.from({ length: Math.max(1, last - first + 1) }, (_, i) => first + i)
  })
}

function spellingBreaches(text: string): string[] {
  return SPELLINGS.flatMap((spelling) => [...text.matchAll(spelling)]).map(
    ([found]) => `'${found}': write 'design decision 5', 'kernel-facts 4' or 'flannel-contract 3', so that it is found`,
  )
}

function missingDocuments(file: SourceFile, text: string, { exists }: Shelf): string[] {
  const paths = [...text.matchAll(/\b(?:[\w-]+\/)*[\w-]+\.md\b/g)].map(([path]) => path)
  const names = [...text.matchAll(/(?<![\w/.-])[a-z]+-notes\b/g)].map(([name]) => `${name}.md`)
  return [...paths, ...names]
    .filter((path) => ![path, `docs/${path}`, beside(file, path)].some(exists))
    .map((path) => `cites ${path}, which does not exist`)
}

function missingTests(file: SourceFile, text: string, { exists }: Shelf): string[] {
  return [...text.matchAll(/(?<![\w/.-])test\/[\w/*-]+(?:\.[\w*]+)*/g)]
    .map(([path]) => path)
    .filter((path) => !path.includes('*') && ![path, beside(file, path)].some(exists))
    .map((path) => `names ${path}, which does not exist`)
}

function beside(file: SourceFile, path: string): string {
  return file.path.slice(0, file.path.lastIndexOf('/') + 1) + path
}

/** Comments and paragraphs as one line, so that a citation may be broken anywhere. */
function unwrapped(text: string): string {
  return text.replace(/\s*\n[ \t]*(?:\*(?!\/)|\/\/|#(?![#!]))?[ \t]*/g, ' ')
}
