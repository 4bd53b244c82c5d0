// Debian's own kernels, ready to boot in QEMU: newest of a suite, unpacked into the cache, modules as busybox loads them.
// Must not: touch the host's kernel packages or modules.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { cacheFolder } from '../release/cache.mjs'
import { newestPackages, unpackPackages } from '../release/debian.mjs'

/** The kernels of the matrix, by the version that its table names. */
export const SUITES = { '5.10': 'bullseye', 6.1: 'bookworm', 6.12: 'trixie', 7: 'sid' }

const IMAGES = { x64: 'linux-image-amd64', arm64: 'linux-image-arm64' }
// From 7.x on the image comes in parts; all other dependencies are there to build an initramfs of Debian's own.
const PARTS = /^linux-(image|modules|binary|base)-\d/
// What the tests and the boot need; the other four fifths are drivers.
const FOLDERS = [
  'arch',
  'crypto',
  'lib',
  'net',
  'fs/9p',
  'fs/netfs',
  'fs/fscache',
  'fs/overlayfs',
  'drivers/net',
  'drivers/virtio',
  'drivers/char',
]
const PLAIN = 'arcnet can dsa ethernet fddi hamradio ieee802154 phy ppp slip usb wan wireless wwan'.split(' ')

/** `{ version, image, modules }` of the newest kernel of `suite`: modules is the folder of that version, with its indices. */
export async function debianKernel(suite, arch, busybox) {
  const packages = await newestPackages({ suite, arch, names: [IMAGES[arch]], only: PARTS })
  const key = packages.map(({ sha256 }) => sha256.slice(0, 12)).join('-')
  const folder = path.join(cacheFolder('kernels', arch), key)
  if (!existsSync(folder)) {
    const staging = `${folder}.${process.pid}`
    rmSync(staging, { recursive: true, force: true })
    try {
      prepare(packages, staging, busybox)
      renameSync(staging, folder)
    } finally {
      rmSync(staging, { recursive: true, force: true })
    }
  }
  const [version] = readdirSync(path.join(folder, 'lib/modules'))
  return { version, image: path.join(folder, 'vmlinuz'), modules: path.join(folder, 'lib/modules', version) }
}

/** The modules `names` with all that they need, in the order of loading; files relative to the folder. */
export function loadOrder(modules, names) {
  const lines = readFileSync(path.join(modules, 'modules.dep'), 'utf8').trim().split('\n')
  const needs = new Map(lines.map((line) => [line.split(':')[0], line.split(':')[1].trim().split(' ').filter(Boolean)]))
  const nameOf = (file) => path.basename(file, '.ko').replaceAll('-', '_')
  const files = new Map([...needs.keys()].map((file) => [nameOf(file), file]))
  const order = new Set()
  const add = (file) => {
    for (const needed of needs.get(file) ?? []) if (!order.has(needed)) add(needed)
    order.add(file)
  }
  // What is missing is built in.
  for (const name of names) if (files.has(name)) add(files.get(name))
  return [...order]
}

function prepare(packages, folder, busybox) {
  const unpacked = path.join(folder, 'unpacked')
  unpackPackages(packages, unpacked)
  const inLib = path.join(unpacked, 'lib/modules')
  const from = existsSync(inLib) ? inLib : path.join(unpacked, 'usr/lib/modules')
  const [version] = readdirSync(from)
  const to = path.join(folder, 'lib/modules', version)
  mkdirSync(path.join(to, 'kernel'), { recursive: true })
  for (const name of ['modules.order', 'modules.builtin', 'modules.builtin.modinfo'])
    if (existsSync(path.join(from, version, name))) renameSync(path.join(from, version, name), path.join(to, name))
  for (const name of FOLDERS) {
    const source = path.join(from, version, 'kernel', name)
    if (!existsSync(source)) continue
    mkdirSync(path.dirname(path.join(to, 'kernel', name)), { recursive: true })
    renameSync(source, path.join(to, 'kernel', name))
  }
  for (const name of PLAIN) rmSync(path.join(to, 'kernel/drivers/net', name), { recursive: true, force: true })
  const packed = readdirSync(to, { recursive: true }).filter((name) => name.endsWith('.ko.xz'))
  if (packed.length > 0) execFileSync(busybox, ['xz', '-d', ...packed], { cwd: to })
  renameSync(imageOf(unpacked, from, version), path.join(folder, 'vmlinuz'))
  rmSync(unpacked, { recursive: true })
  execFileSync(busybox, ['depmod', '-b', folder, version])
}

function imageOf(unpacked, modules, version) {
  const places = [path.join(unpacked, 'boot', `vmlinuz-${version}`), path.join(modules, version, 'vmlinuz')]
  const found = places.find((file) => existsSync(file))
  if (found === undefined) throw new Error(`the packages of ${version} have no kernel in ${places.join(' or ')}`)
  return found
}
