// The package's install script: builds the addon (build/Release/vtepd_native.node) with the node-gyp that npm brings.
// Runs in a checkout and in a consumer's node_modules alike, so it imports nothing but Node itself and reads nothing
// but this package. Skips when prebuilds/linux-ARCH-LIBC/ holds the addon of this machine.
import { spawnSync } from 'node:child_process'
import { accessSync, closeSync, constants, existsSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')

if (process.platform !== 'linux') fail('vtepd runs on Linux only: it programs the Linux kernel through netlink.')
const prebuilt = path.join(root, 'prebuilds', `linux-${process.arch}-${libc()}`, 'vtepd_native.node')
if (existsSync(prebuilt) && process.env.npm_config_build_from_source === undefined) {
  process.stderr.write(`vtepd: ${path.relative(root, prebuilt)} fits this machine, nothing to build\n`)
} else {
  build()
}

function build() {
  const compiler = process.env.CXX?.split(' ')[0] || 'g++'
  const missing = [compiler, 'make', 'python3'].filter((tool) => whereIs(tool) === undefined)
  if (missing.length > 0)
    fail(
      `building the addon needs ${compiler}, make and python3; not found: ${missing.join(', ')}.`,
      'On Debian: apt-get install g++ make python3',
    )
  const nodeGyp = findNodeGyp()
  if (nodeGyp === undefined) fail('node-gyp not found: run this through npm (npm rebuild vtepd), which brings it.')

  const nodedir = process.env.npm_config_nodedir ?? headersBesideNode()
  const how = [
    ...nodeGyp,
    'rebuild',
    '--release',
    '--jobs=max',
    '--loglevel=warn',
    ...(nodedir === undefined ? [] : [`--nodedir=${nodedir}`]),
  ]
  const { status, error } = spawnSync(how[0], how.slice(1), { cwd: root, stdio: ['ignore', 2, 2] })
  if (error !== undefined) fail(`node-gyp did not start: ${error.message}`)
  if (status !== 0) {
    const headers =
      nodedir === undefined
        ? [
            "Node's headers are not beside this Node, so node-gyp downloads them from nodejs.org; without a way there,",
            'install them and say where: npm_config_nodedir=PREFIX (PREFIX/include/node/node_api.h).',
          ]
        : []
    fail('the addon did not build; the reason stands above.', ...headers)
  }
}

// The node-gyp that runs now: npm's own, else whatever is on PATH (other package managers, a call by hand).
function findNodeGyp() {
  if (process.env.npm_config_node_gyp) return [process.execPath, process.env.npm_config_node_gyp]
  const onPath = whereIs('node-gyp')
  if (onPath !== undefined) return [onPath]
  const npm = whereIs('npm')
  if (npm === undefined) return undefined
  const ofNpm = path.resolve(path.dirname(realpathSync(npm)), '..', 'node_modules/node-gyp/bin/node-gyp.js')
  return existsSync(ofNpm) ? [process.execPath, ofNpm] : undefined
}

function headersBesideNode() {
  const prefix = path.resolve(path.dirname(realpathSync(process.execPath)), '..')
  return existsSync(path.join(prefix, 'include/node/node_api.h')) ? prefix : undefined
}

function whereIs(program) {
  const candidates = program.includes('/')
    ? [path.resolve(program)]
    : (process.env.PATH ?? '').split(':').map((folder) => path.join(folder || '.', program))
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK)
      return statSync(file).isFile()
    } catch {
      return false
    }
  })
}

// musl or glibc, by the dynamic loader that the running Node names in its ELF head; lib/rtnl/native.ts decides the same way.
function libc() {
  const head = Buffer.alloc(4096)
  const file = openSync(process.execPath, 'r')
  try {
    readSync(file, head, 0, head.length, 0)
  } finally {
    closeSync(file)
  }
  return head.includes('ld-musl') ? 'musl' : 'glibc'
}

function fail(...lines) {
  process.stderr.write(`${lines.map((line) => `vtepd: ${line}`).join('\n')}\n`)
  process.exit(1)
}
