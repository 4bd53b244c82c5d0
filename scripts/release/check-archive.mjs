// npm run check:archive: the tree of the archive (scripts/release/tree.mjs) is made once more in another folder, under another umask,
// of the same sources: both must be the same, byte for byte and bit for bit. The prebuilt addon is taken over, since it has a check of
// its own; what tar and xz make of a tree depends on the tree alone.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { makeTree } from './tree.mjs'

const HELP = `npm run check:archive

Makes the tree of the x64 archive twice, in two folders, and compares them. Needs what npm run build:archive needs.
`
const ARCH = 'x64'
const root = path.resolve(import.meta.dirname, '../..')

if (process.argv.includes('--help')) process.stdout.write(HELP)
else
  await check().catch((error) => {
    process.stderr.write(`archive: ${error.message}\n`)
    process.exitCode = 1
  })

async function check() {
  mkdirSync(path.join(root, 'out'), { recursive: true })
  const work = mkdtempSync(path.join(root, 'out/.twice-'))
  try {
    const elsewhere = path.join(work, 'another checkout')
    copyCheckout(elsewhere)
    const [here, there] = ['here', 'there'].map((name) => path.join(work, name, 'vtepd'))
    await makeTree({ root, arch: ARCH, folder: here, installedAs: 'archive', log: () => {} })
    process.umask(0o077)
    const copy = await import(pathToFileURL(path.join(elsewhere, 'scripts/release/tree.mjs')).href)
    await copy.makeTree({ root: elsewhere, arch: ARCH, folder: there, installedAs: 'archive', log: () => {} })
    const sums = [here, there].map(sumOf)
    if (sums[0] !== sums[1]) throw new Error(`the same sources made two trees: ${sums.join(', ')}`)
    process.stdout.write(`archive: made twice, in two folders: ${sums[0]}\n`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

// What is committed or about to be, and what is not made of it.
function copyCheckout(folder) {
  const words = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const files = execFileSync('git', words, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
    .split('\0')
    .filter(Boolean)
  for (const file of files) cpSync(path.join(root, file), path.join(folder, file))
  // Behind a symbolic link the bundler would see the packages of this folder.
  execFileSync('cp', ['-al', path.join(root, 'node_modules'), path.join(folder, 'node_modules')])
  cpSync(path.join(root, 'prebuilds'), path.join(folder, 'prebuilds'), { recursive: true })
}

function sumOf(folder) {
  const words = ['--sort=name', '--format=gnu', '--mtime=@0', '--owner=root:0', '--group=root:0', '--numeric-owner']
  const tar = execFileSync('tar', [...words, '-C', path.dirname(folder), '-cf', '-', path.basename(folder)], {
    maxBuffer: 1 << 29,
  })
  return execFileSync('sha256sum', { input: tar, encoding: 'utf8' }).slice(0, 64)
}
