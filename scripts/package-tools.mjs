// The tools of scripts/package-tools, installed into out/ where they are not yet: 90 MB that only the checks of packages and docs/api need, with
// a TypeScript of their own. Must not: be imported by anything that a build or `npm test` runs.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const source = path.join(import.meta.dirname, 'package-tools')
/** Not beside the sources, which tests read. */
const folder = path.resolve(import.meta.dirname, '../out/package-tools')
const lock = path.join(source, 'package-lock.json')
const installed = path.join(folder, 'node_modules/.lock-of-this.json')

/** The folder of their node_modules. */
export function packageTools() {
  if (!existsSync(installed) || !readFileSync(installed).equals(readFileSync(lock))) {
    process.stderr.write('package tools: installing scripts/package-tools\n')
    mkdirSync(folder, { recursive: true })
    for (const name of ['package.json', 'package-lock.json'])
      copyFileSync(path.join(source, name), path.join(folder, name))
    const words = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']
    execFileSync('npm', words, { cwd: folder, stdio: ['ignore', 2, 2] })
    copyFileSync(lock, installed)
  }
  return path.join(folder, 'node_modules')
}
