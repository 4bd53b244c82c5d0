// The image's upper parts, of the tree that archive and packages have too: Node with its libraries, which change seldom, and vtepd.
// Must not: make any of it (scripts/release/tree.mjs).
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { makeTree } from '../tree.mjs'

const HOME = 'lib/vtepd'
const DOC = 'share/doc/vtepd'
const LICENCES = ['LICENSE', 'THIRD-PARTY-NOTICES.txt']

/** Makes `node` and `vtepd` in `folder`, each to be laid over a root. */
export async function makeProgramTrees({ root, arch, folder, log }) {
  const whole = path.join(folder, 'whole')
  await makeTree({ root, arch, folder: whole, installedAs: 'image', log })
  const move = (name, tree) => {
    const target = path.join(folder, tree, 'usr', name)
    mkdirSync(path.dirname(target), { recursive: true })
    renameSync(path.join(whole, name), target)
  }
  for (const { name } of readdirSync(path.join(whole, HOME), { withFileTypes: true }).filter((one) => one.isFile()))
    if (name !== 'package.json') move(path.join(HOME, name), 'node')
  for (const name of [HOME, 'bin']) move(name, 'vtepd')
  for (const name of LICENCES) move(path.join(DOC, name), 'vtepd')
}

/** A copy of the tree `vtepd` that says it is another version. */
export function copyAsVersion(tree, version, copy) {
  cpSync(tree, copy, { recursive: true })
  const file = path.join(copy, 'usr', HOME, 'package.json')
  const manifest = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, `${JSON.stringify({ ...manifest, version }, null, 2)}\n`)
}
