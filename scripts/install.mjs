// The package's install script: nothing where prebuilds/ holds an addon that loads on this machine, else it compiles one
// (build/Release/vtepd_native.node) with the node-gyp of the package manager. In a checkout, whose sources may be newer than any
// prebuilt addon, and with npm_config_build_from_source it always compiles.
// Runs in a consumer's node_modules, so it imports nothing but Node itself and the file beside it.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { againWith, compilerAdvice, distributionOf, headersAdvice, missingAdvice } from './install-advice.mjs'

const root = path.resolve(import.meta.dirname, '..')

if (process.platform !== 'linux') fail('vtepd runs on Linux only: it programs the Linux kernel through netlink.')
const isCheckout = existsSync(path.join(root, 'lib'))
const mustCompile = isCheckout || !['', 'false', undefined].includes(process.env.npm_config_build_from_source)
if (mustCompile || !prebuiltLoads()) compile()

function prebuiltLoads() {
  const file = path.join('prebuilds', `linux-${process.arch}-${libc()}`, 'vtepd_native.node')
  if (!existsSync(path.join(root, file))) {
    say(`there is no prebuilt addon for linux-${process.arch}-${libc()}: it is compiled`)
    return false
  }
  // A child, since a file that was cut short could end the process.
  const { status, stderr } = spawnSync(process.execPath, ['-e', `require(${JSON.stringify(`./${file}`)})`], {
    cwd: root,
    encoding: 'utf8',
  })
  if (status === 0) return true
  say(`${file} does not load here, so the addon is compiled: ${/^Error: .*/m.exec(stderr)?.[0] ?? `status ${status}`}`)
  return false
}

function compile() {
  const host = { distribution: distributionOf(osRelease()), compiler: process.env.CXX || 'g++' }
  checkTools(host)
  const nodeGyp = findNodeGyp()
  if (nodeGyp === undefined)
    fail(`node-gyp was not found: npm brings it, for others install it (npm install -g node-gyp); ${again()}.`)
  const nodedir = process.env.npm_config_nodedir ?? headersBesideNode()
  const words = [
    ...nodeGyp,
    'rebuild',
    '--release',
    '--jobs=max',
    '--loglevel=warn',
    ...(nodedir === undefined ? [] : [`--nodedir=${nodedir}`]),
  ]
  const { status, error } = spawnSync(words[0], words.slice(1), { cwd: root, stdio: ['ignore', 2, 2] })
  if (error !== undefined) fail(`node-gyp did not start: ${error.message}`)
  if (status === 0) return
  const headers = [
    "Node's headers are not beside this Node, so node-gyp downloads them; without a way there, install them and say",
    'where: npm_config_nodedir=PREFIX (PREFIX/include/node/node_api.h).',
  ]
  fail('the addon did not compile; the reason stands above.', ...(nodedir === undefined ? headers : []))
}

function checkTools(host) {
  const [compiler, ...flags] = host.compiler.split(' ')
  const programs = { compiler, make: process.env.MAKE || 'make', python3: process.env.PYTHON || 'python3' }
  const missing = Object.keys(programs).filter((name) => whereIs(programs[name]) === undefined)
  if (missing.length > 0) fail(...missingAdvice(missing, host), `Then: ${again()}.`)

  const { stdout } = spawnSync(compiler, [...flags, '--version'], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  })
  const old = compilerAdvice(stdout ?? '', host)
  if (old !== undefined) fail(...old, `Then: ${again()}.`)

  const accepts = (source) =>
    spawnSync(compiler, [...flags, '-std=c++20', '-fsyntax-only', '-x', 'c++', '-'], { input: source }).status === 0
  if (!accepts('#include <span>\n#include <sys/socket.h>\n'))
    fail(...missingAdvice(['libc'], host), `Then: ${again()}.`)
  const linux = '#include <sys/socket.h>\n#include <linux/if_link.h>\n'
  if (!accepts(linux)) fail(...missingAdvice(['headers'], host), `Then: ${again()}.`)
  if (!accepts(`${linux}int newest = IFLA_PROP_LIST;\n`)) fail(...headersAdvice(host), `Then: ${again()}.`)
}

function osRelease() {
  const file = ['/etc/os-release', '/usr/lib/os-release'].find((one) => existsSync(one))
  return file === undefined ? '' : readFileSync(file, 'utf8')
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

// By what this process has mapped; lib/addon/addon-place.ts decides alike.
function libc() {
  let mapped = '/libc.so.6'
  try {
    mapped = readFileSync('/proc/self/maps', 'utf8')
  } catch {
    // Without /proc it is taken for the usual one.
  }
  return /\/libc(?:\.so\.6|-\d[\d.]*\.so)$/m.test(mapped) ? 'glibc' : 'musl'
}

function again() {
  return isCheckout ? 'npm run build:addon' : againWith(process.env.npm_config_user_agent)
}

function say(line) {
  process.stderr.write(`vtepd: ${line}\n`)
}

function fail(...lines) {
  for (const line of lines) say(line)
  process.exit(1)
}
