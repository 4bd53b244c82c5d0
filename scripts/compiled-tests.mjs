// Sources and tests compiled once for a whole run, so that the two hundred processes of `npm test` need not each start a
// compiler: half a second of processor each. `prepare` writes them to a folder and returns what to give to node; what is
// started otherwise (`node --import tsx`) compiles for itself. Nothing is kept from run to run, so nothing can be stale.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { transform } from 'esbuild'

const FOLDERS = ['lib', 'test', 'bench']
const OPTIONS = { loader: 'ts', format: 'esm', target: 'node20', sourcemap: 'inline', sourcesContent: false }

/** `seenAs`: the path of `outdir` for those who run them, where that is another one. */
export async function prepare(
  root,
  { outdir = mkdtempSync(path.join(tmpdir(), 'vtepd-compiled-')), seenAs = outdir } = {},
) {
  const compile = async (file) => {
    const { code } = await transform(await readFile(file, 'utf8'), { ...OPTIONS, sourcefile: file })
    const out = path.join(outdir, path.relative(root, file)).replace(/ts$/, 'js')
    await mkdir(path.dirname(out), { recursive: true })
    await writeFile(out, code)
  }
  await Promise.all(FOLDERS.flatMap((folder) => sources(path.join(root, folder))).map(compile))
  const hooks = `data:text/javascript,${encodeURIComponent(hooksFor(root, seenAs))}`
  return {
    flags: ['--enable-source-maps', '--import', hooks],
    remove: () => rmSync(outdir, { recursive: true, force: true }),
  }
}

function sources(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
    .map((entry) => path.join(entry.parentPath, entry.name))
}

/** A module that registers the loader; both as texts, so that no process reads more files than those of its test. */
function hooksFor(root, outdir) {
  const from = pathToFileURL(`${root}/`).href
  const loader = `
    import { readFile } from 'node:fs/promises'
    export async function load(url, context, nextLoad) {
      if (!url.startsWith(${JSON.stringify(from)}) || !url.endsWith('.ts')) return nextLoad(url, context)
      const file = ${JSON.stringify(`${outdir}/`)} + decodeURIComponent(url.slice(${from.length})).replace(/ts$/, 'js')
      return { format: 'module', shortCircuit: true, source: await readFile(file) }
    }`
  return `
    import { register } from 'node:module'
    register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(loader)}`)})`
}
