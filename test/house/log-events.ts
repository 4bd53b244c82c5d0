/**
 * The events of the log as lib/ tells them, and what docs/errors.md says of them. Judges texts, so that the tests can show each
 * rule catching an offender. Must not: read files.
 */
import type { SourceFile } from '../support/source-files.ts'

/** Operations of netlink errors, which look like events. */
const OPERATIONS = /^(?:address|bridge|fdb|genl|link|mdb|neighbour|nexthop|route|rule|wireguard)\./
const LEVELS = ['info', 'warn', 'error', 'stands']
const FILE = /\.(?:crt|env|gyp|json|lockb?|md|service|ts|yaml)$/
/** How often something is said: true only while a test holds it. */
const RATE =
  /\b(?:once|twice|(?:a|each|every|per) (?:second|minute|hour|start)|at most|\w+ (?:times|seconds|minutes|hours))\b/i

/** Each with its levels joined by `or`; `debug` where it has no other. */
export function eventsIn(sources: readonly SourceFile[]): ReadonlyMap<string, string> {
  const found = new Map<string, Set<string>>()
  for (const { text } of sources)
    for (const { 1: name = '', index } of text.matchAll(/'([a-z]+\.[a-z][a-z0-9]*(?:-[a-z0-9]+)*)'/g)) {
      const level = levelOf(text.slice(0, index))
      if (level === undefined || OPERATIONS.test(name) || FILE.test(name)) continue
      found.set(name, (found.get(name) ?? new Set()).add(level))
    }
  const rendered = (levels: ReadonlySet<string>) => LEVELS.filter((level) => levels.has(level)).join(' or ') || 'debug'
  return new Map([...found].map(([name, levels]) => [name, rendered(levels)]))
}

/** Of the event whose name follows `before`; undefined: it is not told there. One that is handed on is told by the standing log. */
function levelOf(before: string): string | undefined {
  if (/\bcase $/.test(before)) return undefined
  const call = /(?:\.(\w+)|\[([^\]]*)\])\(\s*$/.exec(before)
  if (call === null) return 'stands'
  const [, name, chosen] = call
  if (chosen !== undefined) return chosen.includes("'warn'") ? 'warn' : 'info'
  return name === 'over' ? undefined : name
}

/** One line of the list of warnings, errors and faults. */
export interface EventRow {
  readonly names: readonly string[]
  /** As `eventsIn` has it. */
  readonly level: string
  /** What it means, an arrow, what to do. */
  readonly text: string
}

export function rowsOf(document: string): readonly EventRow[] {
  return [...document.matchAll(/^\* (`[a-z0-9.`, -]+`) \(((?:(?:info|warn|error|stands)(?: or )?)+)\): (.*)$/gm)].map(
    ([, names = '', level = '', text = '']) => ({ names: quoted(names), level, text }),
  )
}

/** Each event that the document explains, with its level: those of the list, and those under `Lines of level info`. */
export function describedIn(document: string): ReadonlyMap<string, string> {
  const [, info = ''] = /^## Lines of level info\n([\s\S]*?)(?=^#|$(?![\s\S]))/m.exec(document) ?? []
  return new Map([
    ...rowsOf(document).flatMap(({ names, level }) => names.map((name): [string, string] => [name, level])),
    ...quoted(info).map((name): [string, string] => [name, 'info']),
  ])
}

/** One sentence a line that lacks a remedy, or says how often it comes where no test is named. */
export function rowBreaches(document: string): readonly string[] {
  return rowsOf(document).flatMap(({ names: [name = ''], text }) => {
    const rate = RATE.exec(text)?.[0]
    return [
      ...(/\S → \S/.test(text) ? [] : [`${name}: no remedy behind an arrow`]),
      ...(rate === undefined ? [] : [`${name}: '${rate}' belongs under 'How often a line comes', with its test`]),
    ]
  })
}

export interface Claim {
  /** A line without one has neither. */
  readonly name: string | undefined
  readonly file: string | undefined
  readonly line: string
}

/** The lines under `How often a line comes`, each with the test that holds it. */
export function claimsOf(document: string): readonly Claim[] {
  const [, section = ''] = /^## How often a line comes\n([\s\S]*?)(?=^## )/m.exec(document) ?? []
  return [...section.matchAll(/^\* (.*)$/gm)].map(([, line = '']) => {
    const [, name, file] = /\*([^*]+)\* \(`(test\/[\w./-]+)`\)\.$/.exec(line) ?? []
    return { name, file, line }
  })
}

/** Whether a document's text in backquotes looks like an event of one of `areas`. */
export function looksLikeEvent(text: string, areas: ReadonlySet<string>): boolean {
  return areas.has(text.split('.')[0] ?? '') && !FILE.test(text)
}

function quoted(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)
}
