// What the archive, the packages and the image hold alike: vtepd with everything it needs of user space but glibc, as a folder with
// bin/, lib/ and share/. It may be put anywhere: nothing in it names a place.
//   bin/vtepd                  the launcher (packaging/launcher)
//   lib/vtepd/node             Node.js from npm, stripped, and beside it the libraries that it needs, from Debian packages
//   lib/vtepd/dist, prebuilds  the command's bundle, the addon
//   share/man, completions      of every command, as `vtepd completion files` writes them
//   share/vtepd, share/doc     what is to be applied or put in place (deploy/), documents, licences
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { unpackedSet } from './debian-tools.mjs'
import { glibcNeeded, stripAndPoint } from './elf.mjs'
import { buildLauncher } from './launcher.mjs'
import { nodeFolder } from './node-binaries.mjs'
import { releaseNotices } from './release-notices.mjs'
import { ARCHITECTURES, OLDEST_GLIBC, SHIPPED_NODE } from './shipped.mjs'
import { sourceDate } from './source-date.mjs'

const LIBRARIES = ['libstdc++.so.6', 'libgcc_s.so.1', 'libatomic.so.1']
const TRIPLES = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }

/**
 * Makes the tree in `folder`, which must not exist. `installedAs` is what `vtepd --version` says of it: archive, deb, rpm, image.
 * Needs dist/ and the prebuilt addon of `arch`, and builds them where they are missing or older than their sources.
 */
export async function makeTree({ root, arch, folder, installedAs, log }) {
  if (!ARCHITECTURES.includes(arch)) throw new Error(`--arch is '${arch}': ${ARCHITECTURES.join(' or ')}`)
  ensureBuilt(root, arch)
  const lib = path.join(folder, 'lib/vtepd')
  mkdirSync(lib, { recursive: true })

  cpSync(path.join(root, 'dist/bin'), path.join(lib, 'dist/bin'), { recursive: true })
  writeFileSync(path.join(lib, 'package.json'), packageJson(root, installedAs))
  const addon = prebuilt(arch)
  mkdirSync(path.dirname(path.join(lib, addon)), { recursive: true })
  copyFileSync(path.join(root, addon), path.join(lib, addon))

  log(`Node ${SHIPPED_NODE} and its libraries`)
  const programs = ['node', ...LIBRARIES].map((name) => path.join(lib, name))
  copyFileSync(path.join(nodeFolder(SHIPPED_NODE, arch), 'bin/node'), programs[0])
  const libraries = await unpackedSet(`libraries-${arch}`)
  for (const name of LIBRARIES) copyFileSync(libraryFile(libraries, arch, name), path.join(lib, name))
  await stripAndPoint(programs, arch)
  buildLauncher({ root, arch, entry: path.join(lib, 'dist/bin/vtepd.js'), file: path.join(folder, 'bin/vtepd'), log })

  copyShared(root, folder)
  writeManuals(root, folder)
  writeFileSync(path.join(folder, 'share/doc/vtepd/THIRD-PARTY-NOTICES.txt'), await releaseNotices(root, arch))
  setModes(folder, [path.join(folder, 'bin/vtepd'), programs[0]])
  for (const file of [...programs, path.join(lib, addon)]) requireGlibc(file)
}

/** Where the command's version and its origin stand (lib/cli/version.ts); `version` by default the checkout's. */
export function packageJson(root, installedAs, version) {
  const { version: own, ...rest } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  const { name, license, type } = rest
  const manifest = { name, version: version ?? own, license, type, private: true, installedAs }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

/** deploy/vtepd.service, which starts an npm package's command, for the command at `program`. */
export function unitFor(root, program) {
  const text = readFileSync(path.join(root, 'deploy/vtepd.service'), 'utf8')
  const line = /^ExecStart=.* run /m
  if (!line.test(text)) throw new Error('deploy/vtepd.service has no ExecStart that runs the agent')
  return text.replace(line, `ExecStart=${program} run `)
}

function ensureBuilt(root, arch) {
  const run = (...words) => execFileSync(process.execPath, words, { cwd: root, stdio: ['ignore', 2, 2] })
  run('scripts/ensure-built.mjs', 'dist')
  run('scripts/release/prebuilds.mjs', '--missing', '--target', `linux-${arch}-glibc`)
}

function prebuilt(arch) {
  return `prebuilds/linux-${arch}-glibc/vtepd_native.node`
}

function libraryFile(libraries, arch, name) {
  const places = ['usr/lib', 'lib'].map((place) => path.join(libraries, place, TRIPLES[arch], name))
  const file = places.find((place) => existsSync(place))
  if (file === undefined) throw new Error(`${name} is not in the Debian packages of libraries-${arch}`)
  return file
}

function copyShared(root, folder) {
  const doc = path.join(folder, 'share/doc/vtepd')
  mkdirSync(doc, { recursive: true })
  for (const name of ['README.md', 'CHANGELOG.md', 'LICENSE']) copyFileSync(path.join(root, name), path.join(doc, name))
  cpSync(path.join(root, 'docs'), path.join(doc, 'docs'), { recursive: true })
  for (const name of ['deploy', 'packaging/selinux'])
    cpSync(path.join(root, name), path.join(folder, 'share/vtepd', path.basename(name)), { recursive: true })
  // Where docs/install.md puts the link.
  writeFileSync(path.join(folder, 'share/vtepd/deploy/vtepd.service'), unitFor(root, '/usr/local/bin/vtepd'))
}

function writeManuals(root, folder) {
  const words = [path.join(root, 'dist/bin/vtepd.js'), 'completion', 'files', path.join(folder, 'share')]
  const env = { ...process.env, LC_ALL: 'C.UTF-8', SOURCE_DATE_EPOCH: String(sourceDate(root)) }
  execFileSync(process.execPath, words, { env, stdio: ['ignore', 2, 'pipe'] })
}

// Whatever the umask of who builds, and the modes in the packages.
function setModes(folder, programs) {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = path.join(entry.parentPath, entry.name)
    chmodSync(file, entry.isDirectory() || programs.includes(file) ? 0o755 : 0o644)
  }
}

function requireGlibc(file) {
  const needed = glibcNeeded(file)
  if (needed !== undefined && Number(needed.split('.')[1]) > Number(OLDEST_GLIBC.split('.')[1]))
    throw new Error(`${path.basename(file)} asks for glibc ${needed}; ${OLDEST_GLIBC} is what vtepd promises`)
}
