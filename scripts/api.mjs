// npm run build:api: docs/api, the reference of each entry point, made of the declarations that are shipped and their comments. It is
// checked in, so that a change of the API is seen where it is reviewed. Must not: be edited by hand, or import the library.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { packageTools } from './package-tools.mjs'

const root = path.resolve(import.meta.dirname, '..')
const target = path.join(root, 'docs/api')
/** Entry points by the file that each becomes. */
const ENTRIES = { rtnl: 'rtnl/index', netlink: 'netlink/index', vtepd: 'index' }
const TYPEDOC = {
  plugin: ['typedoc-plugin-markdown'],
  router: 'module',
  readme: 'none',
  disableSources: true,
  excludePrivate: true,
  // Else every error lists what Error has.
  excludeExternals: true,
  groupOrder: ['Functions', 'Interfaces', 'Classes', 'Type Aliases', 'Variables'],
  hidePageHeader: true,
  hideBreadcrumbs: true,
  useHTMLAnchors: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  entryFileName: 'index',
  logLevel: 'Warn',
}
const HELP = `npm run build:api [-- --check]

Writes ${Object.keys(ENTRIES)
  .map((name) => `docs/api/${name}.md`)
  .join(', ')} from the declarations in dist/.
--check: writes nothing; status 1 where they are not what it would write.
`

try {
  const { values } = parseArgs({ options: { check: { type: 'boolean' }, help: { type: 'boolean' } } })
  if (values.help) process.stdout.write(HELP)
  else main(values.check)
} catch (error) {
  process.stderr.write(`api: ${error.message}\n${error.stdout ?? ''}`)
  process.exitCode = 1
}

function main(onlyCheck) {
  const tools = packageTools()
  execFileSync(process.execPath, ['scripts/ensure-built.mjs', 'dist'], { cwd: root, stdio: ['ignore', 2, 2] })
  const made = Object.entries(ENTRIES).map(([name, entry]) => [`${name}.md`, reference(tools, name, entry)])
  if (onlyCheck) return check(made)
  mkdirSync(target, { recursive: true })
  for (const [file, text] of made) writeFileSync(path.join(target, file), text)
}

function check(made) {
  const stale = made.filter(([file, text]) => {
    const kept = path.join(target, file)
    return !existsSync(kept) || readFileSync(kept, 'utf8') !== text
  })
  if (stale.length > 0)
    throw new Error(`docs/api is not of this API (${stale.map(([file]) => file)}): npm run build:api`)
}

function reference(tools, name, entry) {
  const work = mkdtempSync(path.join(root, 'dist/.api-'))
  try {
    const compilerOptions = { module: 'nodenext', target: 'es2023', lib: ['es2023'], strict: true, noEmit: true }
    const tsconfig = path.join(work, 'tsconfig.json')
    const types = { types: ['node'], typeRoots: [path.join(tools, '@types')] }
    const file = path.join(root, 'dist', `${entry}.d.ts`)
    writeFileSync(tsconfig, JSON.stringify({ compilerOptions: { ...compilerOptions, ...types }, files: [file] }))
    const options = path.join(work, 'typedoc.json')
    writeFileSync(
      options,
      JSON.stringify({
        ...TYPEDOC,
        tsconfig,
        entryPoints: [file],
        out: path.join(work, 'out'),
        name: name === 'vtepd' ? name : `vtepd/${name}`,
      }),
    )
    execFileSync(process.execPath, [path.join(tools, 'typedoc/bin/typedoc'), '--options', options], {
      cwd: work,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [only, ...more] = readdirSync(path.join(work, 'out'))
    if (more.length > 0) throw new Error(`typedoc wrote ${[only, ...more]}`)
    return readFileSync(path.join(work, 'out', only), 'utf8')
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
