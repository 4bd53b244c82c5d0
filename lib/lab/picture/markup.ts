/**
 * HTML and SVG as text, with one rule: what is put into a template is escaped, unless a template made it. Pure.
 * Must not: offer a way to put text in raw; names of nodes and answers of servers are written by others.
 */
import { printable } from '../../util/printable.ts'

/** Made by `markup` alone. */
export interface Markup {
  readonly markup: string
}

/** Nothing is what undefined and false leave, lists are joined. */
export type Part = string | number | Markup | undefined | false | readonly Part[]

/** A template whose parts are escaped for element content and for attributes in double quotes; a number has one decimal at most. */
export function markup(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return { markup: strings.map((text, index) => `${text}${renderPart(parts[index])}`).join('') }
}

function renderPart(part: Part): string {
  if (part === undefined || part === false) return ''
  if (typeof part === 'number') return String(Math.round(part * 10) / 10)
  if (typeof part === 'string') return escapeText(part)
  return 'markup' in part ? part.markup : part.map(renderPart).join('')
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Characters that XML forbids, or that turn or hide text, are shown as `\u{1b}`. */
function escapeText(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
