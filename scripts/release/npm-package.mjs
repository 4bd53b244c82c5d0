// One package of npm, fetched by its exact version and checked, into the cache: for programs that are used as files.
// Must not: install anything, run a package's scripts, or fetch what a package depends on.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder } from './cache.mjs'

/** The folder of `name`@`version`; `integrity` is the SHA-512 of its tarball as lock files write it. */
export function npmPackage({ name, version, integrity }) {
  const folder = path.join(cacheFolder(), `${name.replace(/^@/, '').replace('/', '-')}-${version}`)
  if (existsSync(folder)) return folder
  process.stderr.write(`npm: fetching ${name}@${version}\n`)
  const work = mkdtempSync(path.join(cacheFolder(), '.npm-'))
  try {
    const tarball = path.join(work, fetchTarball(`${name}@${version}`, work))
    const found = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`
    if (found !== integrity) throw new Error(`${name}@${version} is not what is pinned: ${found}, not ${integrity}`)
    const unpacked = path.join(work, 'package')
    mkdirSync(unpacked)
    execFileSync('tar', ['-xzf', tarball, '--strip-components=1', '--no-same-owner', '-C', unpacked])
    putInPlace(unpacked, folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}

/** Another process may have put the same folder there meanwhile. */
function putInPlace(unpacked, folder) {
  try {
    renameSync(unpacked, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error
  }
}

function fetchTarball(spec, folder) {
  const words = ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder, spec]
  // Elsewhere than in the checkout, whose package.json could change what npm does.
  return execFileSync('npm', words, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
}
