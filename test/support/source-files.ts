/**
 * Reads the project's own sources for the house tests: which files there are, what they import, which names they use.
 * Must not: judge; the rules stand in test/house.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { transformSync } from 'esbuild'

/** The checkout's top folder. */
export const root = path.resolve(import.meta.dirname, '../..')

export interface SourceFile {
  /** Relative to the root, with slashes: `lib/net/ip.ts`. */
  readonly path: string
  readonly text: string
}

export interface Import {
  /** As written: `../net/ip.ts`, `node:fs`, `pino`. */
  readonly specifier: string
  /** For a relative import the file meant, relative to the root; else undefined. */
  readonly file: string | undefined
  /** `import type …`: gone at run time. */
  readonly typeOnly: boolean
  readonly dynamic: boolean
  /** The text between `import` and `from`, '' where there is none. */
  readonly names: string
}

/** Files below a folder (relative to the root) whose name ends so, sorted; [] when the folder is absent. */
export function listFiles(folder: string, suffix: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))
    .sort()
}

export function readSource(file: string): SourceFile {
  return { path: file, text: readFileSync(path.join(root, file), 'utf8') }
}

/** Every import and re-export of a TypeScript file, static and dynamic with a literal; not those in doc comments. */
export function importsOf(source: SourceFile): Import[] {
  const statement = /^(?:import|export)\b([^'"]*?\bfrom)?\s*'([^']+)'/gm
  const dynamic = /^(?!\s*(?:\*|\/\/)).*?\bimport\(\s*'([^']+)'/gm
  return [
    ...[...source.text.matchAll(statement)].map(([, names = '', specifier = '']) => ({
      specifier,
      file: resolved(source.path, specifier),
      typeOnly: /^\s*type\s+(?!from\b)/.test(names),
      dynamic: false,
      names: names.replace(/\bfrom$/, '').trim(),
    })),
    ...[...source.text.matchAll(dynamic)].map(([, specifier = '']) => ({
      specifier,
      file: resolved(source.path, specifier),
      typeOnly: false,
      dynamic: true,
      names: '',
    })),
  ]
}

/** The program without types, comments and the contents of plain strings: what is left is what it does. */
export function codeOf(source: SourceFile): string {
  const { code } = transformSync(source.text, { loader: 'ts', target: 'node20' })
  return code.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g, '""')
}

function resolved(from: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? path.posix.join(path.posix.dirname(from), specifier) : undefined
}
