// The root file system that a machine is lent, with its Node, and busybox for its start. For x64 it is this machine's own; for
// another architecture one of Debian packages, unpacked into the cache without their scripts.
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { cacheFolder } from '../release/cache.mjs'
import { newestPackages, unpackPackages } from '../release/debian.mjs'
import { nodeFolder } from '../release/node-binaries.mjs'

const SUITE = 'bookworm'
const PACKAGES = (
  'base-files bash dash coreutils util-linux mount grep sed findutils procps iproute2 nftables iptables conntrack ethtool ' +
  'iputils-ping python3-minimal libstdc++6 libatomic1'
).split(' ')
// What update-alternatives would link.
const ALTERNATIVES = ['', '-save', '-restore'].flatMap((end) =>
  ['iptables', 'ip6tables'].map((name) => [`usr/sbin/${name}${end}`, `${name}-nft${end}`]),
)

/**
 * `{ path, repository, node, addons, busybox, hostBusybox }`; `node` is the program's path in the machine. `major`: of Node; undefined:
 * the one that runs this, where the architecture is ours.
 */
export async function rootFor(arch, major, repository) {
  const [busybox, hostBusybox] = [await busyboxOf(arch), await busyboxOf('x64')]
  if (arch === 'x64') {
    const node = major === undefined ? process.execPath : path.join(nodeFolder(major, arch), 'bin/node')
    return { path: '/', repository, node, addons: undefined, busybox, hostBusybox }
  }
  const addons = path.join(repository, `prebuilds/linux-${arch}-glibc`)
  if (!existsSync(addons))
    throw new Error(`${addons} is missing: npm run build:prebuilds -- --target linux-${arch}-glibc`)
  const folder = await debianRoot(arch)
  const node = `/opt/node-${major ?? 24}/node`
  if (!existsSync(path.join(folder, node))) {
    mkdirSync(path.dirname(path.join(folder, node)), { recursive: true })
    copyFileSync(path.join(nodeFolder(major ?? 24, arch), 'bin/node'), path.join(folder, node))
    chmodSync(path.join(folder, node), 0o755)
  }
  return { path: folder, repository, node, addons, busybox, hostBusybox }
}

async function debianRoot(arch) {
  const packages = await newestPackages({ suite: SUITE, arch, names: PACKAGES })
  const folder = path.join(cacheFolder('kernels', arch), `root-${SUITE}`)
  const key = `${packages.map(({ sha256 }) => sha256).join('\n')}\n${ALTERNATIVES}`
  const keyFile = path.join(folder, 'packages')
  if (existsSync(keyFile) && readFileSync(keyFile, 'utf8') === key) return folder
  const staging = `${folder}.${process.pid}`
  rmSync(staging, { recursive: true, force: true })
  unpackPackages(packages, staging)
  for (const [link, target] of ALTERNATIVES) symlinkSync(target, path.join(staging, link))
  for (const name of ['etc', 'root', 'tmp', 'run', 'proc', 'sys', 'dev', 'sbin'])
    mkdirSync(path.join(staging, name), { recursive: true })
  writeFileSync(path.join(staging, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  writeFileSync(path.join(staging, 'etc/group'), 'root:x:0:\n')
  writeFileSync(path.join(staging, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n')
  writeFileSync(path.join(staging, 'packages'), key)
  rmSync(folder, { recursive: true, force: true })
  renameSync(staging, folder)
  return folder
}

async function busyboxOf(arch) {
  const packages = await newestPackages({ suite: SUITE, arch, names: ['busybox-static'], only: /^busybox-static$/ })
  const folder = path.join(cacheFolder('kernels', arch), `busybox-${packages[0].version.replaceAll(/[^\w.-]/g, '_')}`)
  if (!existsSync(folder)) unpackPackages(packages, folder)
  return [path.join(folder, 'bin/busybox'), path.join(folder, 'usr/bin/busybox')].find((file) => existsSync(file))
}
