// The command's bundle by esbuild, and what the library takes from it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import path from 'node:path'
import { build } from 'esbuild'
import { leanKubeClient } from './lean-kube-client.mjs'

// Packages that call require() find it through this; each chunk has its own copy.
const requireBanner =
  "import { createRequire as createRequireOfBundle } from 'node:module'; const require = createRequireOfBundle(import.meta.url);"

// What a bundle takes by require() where it says import, which reads each export and so loads what stands behind it. With
// node:http that is all of Node's fetch on Node 22 and later, 11 to 15 MB of memory; with node:util 0.5 MB.
const required = {
  http: "module.exports = require('node:http')",
  util: "export const { getSystemErrorName, isDeepStrictEqual, types } = require('node:util')",
}
const requiredBuiltins = {
  name: 'required-builtins',
  setup(on) {
    on.onResolve({ filter: /^(node:)?(http|util)$/ }, ({ path: name, kind }) =>
      kind === 'require-call' ? undefined : { path: name.replace('node:', ''), namespace: 'required-builtin' },
    )
    on.onLoad({ filter: /./, namespace: 'required-builtin' }, ({ path: name }) => ({ contents: required[name] }))
  },
}

const common = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  // Stack traces and `--cpu-prof` stay readable: names are kept.
  minifyIdentifiers: false,
  legalComments: 'none',
  // Its main file is UMD, which hides its requires from a bundler.
  alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
  banner: { js: requireBanner },
  plugins: [requiredBuiltins, leanKubeClient],
  metafile: true,
  logLevel: 'warning',
}

/**
 * The command: `entry` becomes bin/vtepd.js, what it imports dynamically becomes chunks in the same folder (a module
 * that looks for the package's root must stand exactly two levels below it), and so do the packages that the library shares with
 * it (`shared`, of shareForeignImports). Throws when the Kubernetes client would be loaded at start: it costs 60 ms and 15 MB
 * that `--help` and the file source do not need.
 */
export async function bundleCommand(root, entry, outdir, shared) {
  const { metafile } = await build({
    ...common,
    absWorkingDir: root,
    entryPoints: [
      { in: entry, out: 'vtepd' },
      ...[...shared.keys()].map((name) => ({ in: name, out: outNameOf(name) })),
    ],
    outdir,
    splitting: true,
    entryNames: '[name]',
    chunkNames: '[name]-[hash]',
    plugins: [{ name: 'packages that are shared', setup: (on) => resolveShared(on, root, shared) }, ...common.plugins],
  })
  const output = path.join(outdir, 'vtepd.js')
  const atStart = loadedAtStart(metafile, path.relative(root, output))
  const heavy = atStart.find((file) => file.includes('node_modules/@kubernetes/'))
  if (heavy !== undefined)
    throw new Error(
      `${heavy} is loaded when the command starts: reach it through a dynamic import only (see docs/ARCHITECTURE.md)`,
    )

  const text = readFileSync(output, 'utf8').replace(/^#!.*\n/, '')
  writeFileSync(output, `#!/usr/bin/env -S node --max-semi-space-size=1\n${text}`)
  return Object.keys(metafile.inputs)
}

/**
 * The library without what only the command wants: `entries` of dist/ (without suffix) as files of the same names in `outdir`, with
 * what they share beside the first. Comments stay in the declarations. Returns what went in, relative to `root`.
 */
export async function bundleLibrary(root, entries, outdir) {
  const { metafile } = await build({
    ...common,
    absWorkingDir: root,
    entryPoints: entries.map((entry) => ({ in: path.join(root, 'dist', `${entry}.js`), out: entry })),
    outdir,
    splitting: true,
    // Two levels below the package's root, as in dist/: addon-place.ts looks from there.
    chunkNames: `${path.dirname(entries[0])}/[name]-[hash]`,
    plugins: [requiredBuiltins],
  })
  return Object.keys(metafile.inputs)
}

function loadedAtStart(metafile, entry) {
  const seen = new Set([entry])
  for (const output of seen)
    for (const { path: next, kind } of metafile.outputs[output]?.imports ?? [])
      if (kind === 'import-statement') seen.add(next)
  return [...seen].flatMap((output) => Object.keys(metafile.outputs[output]?.inputs ?? {}))
}

/** Each shared package is an entry of its own that exports what the library takes from it. */
function resolveShared(on, root, shared) {
  on.onResolve({ filter: /./ }, ({ path: name, kind }) =>
    kind === 'entry-point' && shared.has(name) ? { path: name, namespace: 'shared' } : undefined,
  )
  on.onLoad({ filter: /./, namespace: 'shared' }, ({ path: name }) => ({
    contents: `export { ${[...shared.get(name)].sort().join(', ')} } from '${name}'`,
    resolveDir: root,
  }))
}

function outNameOf(name) {
  return name.replace(/^@/, '').replaceAll('/', '-')
}

/**
 * A consumer of the library installs only `dependencies`. What an emitted module imports from any other package is taken from the
 * command's bundle, so that it is shipped once. Returns the names that are taken, by package; bundleCommand puts them there.
 */
export function shareForeignImports(folder, dependencies) {
  const shared = new Map()
  for (const file of filesOf(folder, '.js')) {
    const text = readFileSync(file, 'utf8')
    const foreign = bareImports(text).filter((name) => !isOurs(name, dependencies))
    if (foreign.length === 0) continue
    const rewritten = foreign.reduce((before, name) => {
      const pattern = new RegExp(`^import \\{([^}]*)\\} from (['"])${name}\\2;$`, 'm')
      const names = pattern
        .exec(before)?.[1]
        ?.split(',')
        .map((one) => one.trim().split(' as ')[0])
      if (names === undefined)
        throw new Error(
          `${path.relative(folder, file)} imports ${name}: only \`import { a, b }\` can be shared with the command`,
        )
      shared.set(name, new Set([...(shared.get(name) ?? []), ...names]))
      const bundled = path.relative(path.dirname(file), path.join(folder, 'bin', `${outNameOf(name)}.js`))
      return before.replace(pattern, `import {$1} from $2${bundled}$2;`)
    }, text)
    writeFileSync(file, rewritten)
  }
  for (const file of filesOf(folder, '.d.ts')) {
    const foreign = bareImports(readFileSync(file, 'utf8')).filter((name) => !isOurs(name, dependencies))
    if (foreign.length > 0)
      throw new Error(
        `${path.relative(folder, file)} names types of ${foreign.join(', ')}, which a consumer does not have: declare types of our own`,
      )
  }
  return shared
}

// Statements at the start of a line and dynamic imports outside doc comments: what tsc emits has no other form.
function bareImports(text) {
  const statements = text.matchAll(/^(?:import|export)\b(?:[^'"]*?\bfrom)?\s*(['"])([^'".][^'"]*)\1/gm)
  const dynamic = text.matchAll(/^(?!\s*\*).*?\bimport\(\s*(['"])([^'".][^'"]*)\1/gm)
  return [...new Set([...statements, ...dynamic].map((match) => match[2]))]
}

function isOurs(specifier, dependencies) {
  const [first, second] = specifier.split('/')
  const name = first.startsWith('@') ? `${first}/${second}` : first
  return specifier.startsWith('node:') || builtinModules.includes(specifier) || dependencies.includes(name)
}

function filesOf(folder, suffix) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
}
