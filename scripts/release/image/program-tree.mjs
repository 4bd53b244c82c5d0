// The image's upper parts: Node, stripped, and vtepd. Must not: build what is packed.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { nodeFolder, nodeVersion } from '../node-binaries.mjs'

const root = path.resolve(import.meta.dirname, '../../..')
const NODE_MAJOR = 24
/** Of both trees. */
const HOME = 'usr/lib/vtepd'

/** Returns its version. */
export function makeNodeTree(arch, folder) {
  const node = nodeFolder(NODE_MAJOR, arch)
  mkdirSync(path.join(folder, HOME), { recursive: true })
  const program = path.join(folder, HOME, 'node')
  const strip = arch === process.arch ? 'strip' : 'llvm-strip'
  execFileSync(strip, ['-o', program, path.join(node, 'bin/node')], { stdio: ['ignore', 2, 2] })
  chmodSync(program, 0o755)
  copyLicence(path.join(node, 'LICENSE'), path.join(folder, 'usr/share/doc/node'))
  return nodeVersion(NODE_MAJOR)
}

/** `version`: what `vtepd version` says. */
export function makeVtepdTree(arch, folder, version) {
  const home = path.join(folder, HOME)
  mkdirSync(path.join(folder, 'usr/bin'), { recursive: true })
  cpSync(path.join(root, 'dist/bin'), path.join(home, 'dist/bin'), { recursive: true })
  const entry = path.join(home, 'dist/bin/vtepd.js')
  // The kernel takes one argument, and needs no env.
  const text = readFileSync(entry, 'utf8').replace(/^#!.*\n/, `#!/${HOME}/node --max-semi-space-size=1\n`)
  writeFileSync(entry, text)
  chmodSync(entry, 0o755)
  symlinkSync(`../lib/vtepd/dist/bin/vtepd.js`, path.join(folder, 'usr/bin/vtepd'))
  const prebuilt = `prebuilds/linux-${arch}-glibc`
  mkdirSync(path.join(home, prebuilt), { recursive: true })
  copyFileSync(addonFor(arch, prebuilt), path.join(home, prebuilt, 'vtepd_native.node'))
  const { name, license, type } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  writeFileSync(path.join(home, 'package.json'), `${JSON.stringify({ name, version, license, type }, null, 2)}\n`)
  copyLicence(path.join(root, 'LICENSE'), path.join(folder, 'usr/share/doc/vtepd'))
  copyFileSync(
    path.join(root, 'dist/THIRD-PARTY-NOTICES.txt'),
    path.join(folder, 'usr/share/doc/vtepd/THIRD-PARTY-NOTICES.txt'),
  )
}

function addonFor(arch, prebuilt) {
  const built = arch === process.arch ? ['build/Release/vtepd_native.node'] : []
  const found = [`${prebuilt}/vtepd_native.node`, ...built].find((file) => existsSync(path.join(root, file)))
  if (found === undefined) throw new Error(`there is no ${prebuilt}: npm run build:prebuilds`)
  if (found === built[0])
    process.stderr.write(`there is no ${prebuilt}: taking ${found}, which is of this machine alone\n`)
  return path.join(root, found)
}

function copyLicence(file, folder) {
  mkdirSync(folder, { recursive: true })
  copyFileSync(file, path.join(folder, 'copyright'))
}
