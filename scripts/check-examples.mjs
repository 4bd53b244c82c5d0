// npm run check:examples: an empty TypeScript project, without a compiler in PATH, into which both packages are installed. Every example
// of docs/examples/rtnl is compiled there by two TypeScripts, strictly, as node16, nodenext and for a bundler, and runs in network
// namespaces of its own. Must not: compile against the checkout.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { inNamespaces } from './namespaces.mjs'
import { packageTools } from './package-tools.mjs'
import { packAll } from './packed.mjs'

const root = path.resolve(import.meta.dirname, '..')
const examples = path.join(root, 'docs/examples/rtnl')
const HELP = `npm run check:examples [-- --only TEXT]

Compiles each of docs/examples/rtnl/*.ts in an empty project that has vtepd and @vtepd/rtnl, and runs it. An example takes no argument
and ends by itself. TEXT is a part of a file's name.
`
const KINDS = { node16: 'node16', nodenext: 'nodenext', esnext: 'bundler' }
const ENTRIES = ['vtepd', 'vtepd/rtnl', 'vtepd/netlink', '@vtepd/rtnl', '@vtepd/rtnl/netlink']
const STRICT = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  skipLibCheck: false,
  target: 'es2022',
  lib: ['es2022'],
  types: ['node'],
}
const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, help: { type: 'boolean' } } })
const work = mkdtempSync(path.join(tmpdir(), 'vtepd-examples-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
if (values.help) process.stdout.write(HELP)
else await main()

async function main() {
  const files = readdirSync(examples).filter((file) => file.endsWith('.ts') && file.includes(values.only))
  if (files.length === 0) throw new Error(`no example is called *${values.only}*`)
  const tools = packageTools()
  const project = path.join(work, 'project')
  install(project, Object.values(await packAll(work)), tools)
  for (const file of files) copyFileSync(path.join(examples, file), path.join(project, file))
  writeFileSync(path.join(project, 'every-entry.ts'), ENTRIES.map((name) => `export type {} from '${name}'\n`).join(''))
  const compilers = { 5: tools, 7: path.join(root, 'node_modules') }
  let failures = 0
  const report = (what, { status, stdout, stderr, signal }) => {
    const good = status === 0
    if (!good) failures += 1
    process.stdout.write(`examples: ${what}${good ? '' : `: FAILED\n${stdout}${stderr}${signal ?? ''}`}\n`)
  }
  for (const [version, folder] of Object.entries(compilers))
    for (const [module, moduleResolution] of Object.entries(KINDS)) {
      const compilerOptions = { ...STRICT, module, moduleResolution, outDir: `out-${module}` }
      writeFileSync(
        path.join(project, 'tsconfig.json'),
        JSON.stringify({ compilerOptions, files: ['every-entry.ts', ...files] }),
      )
      const tsc = path.join(folder, 'typescript/bin/tsc')
      report(
        `${files.length} compiled by TypeScript ${version}, ${moduleResolution}`,
        run(project, [process.execPath, tsc]),
      )
    }
  for (const file of files) {
    const words = inNamespaces([process.execPath, `out-nodenext/${file.replace(/ts$/, 'js')}`])
    if (words === undefined)
      throw new Error('private namespaces are refused here: unshare or ip is missing or forbidden')
    report(`${file} ran`, run(project, words))
  }
  process.exitCode = failures === 0 ? 0 : 1
}

function install(project, tarballs, tools) {
  mkdirSync(project)
  const manifest = { name: 'stranger', version: '1.0.0', private: true, type: 'module' }
  writeFileSync(path.join(project, 'package.json'), JSON.stringify(manifest))
  const bin = path.join(work, 'bin')
  mkdirSync(bin)
  for (const name of ['npm', 'sh']) symlinkSync(run(project, ['which', name]).stdout.trim(), path.join(bin, name))
  symlinkSync(process.execPath, path.join(bin, 'node'))
  const words = ['npm', 'install', '--no-audit', '--no-fund', '--no-strict-allow-scripts', ...tarballs]
  const { status, stderr } = run(project, words, { ...process.env, PATH: bin })
  if (status !== 0) throw new Error(`npm install failed: ${stderr}`)
  // What every TypeScript project for Node has.
  mkdirSync(path.join(project, 'node_modules/@types'), { recursive: true })
  symlinkSync(path.join(tools, '@types/node'), path.join(project, 'node_modules/@types/node'))
}

function run(cwd, [program, ...words], env = process.env) {
  return spawnSync(program, words, { cwd, env, encoding: 'utf8', timeout: 120_000 })
}
