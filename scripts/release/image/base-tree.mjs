// The image's lowest part: what of Debian vtepd needs to run and to keep a packet filter, and the CNI plugins that its init
// container copies to a host. No shell, no package manager; licences, and what scanners look for, stay.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pinnedPackages, unpackPackages } from '../debian.mjs'

/** Of the packages' files. */
const KEPT = [
  /^(?:bin|sbin|lib|lib64)$/,
  /^usr\/lib(?:64)?\/ld-linux-[^/]+$/,
  // gconv converts from and to encodings that nobody here has.
  /^usr\/lib\/[^/]+-linux-gnu\/(?!gconv\/)/,
  /^usr\/sbin\/(?:nft|xtables-(?:nft|legacy)-multi|ip6?tables-(?:nft|legacy)(?:-save|-restore)?)$/,
  /^usr\/lib\/cni\/(?:bandwidth|bridge|host-local|loopback|portmap)$/,
  /^(?:usr\/lib|etc)\/os-release$/,
  /^etc\/(?:protocols|services)$/,
  /^usr\/share\/(?:common-licenses\/|doc\/[^/]+(?:\/copyright)?$)/,
]
const FILES = {
  'etc/passwd': 'root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n',
  'etc/group': 'root:x:0:\nnogroup:x:65534:\n',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\n',
}
/** Where a runtime or a manifest mounts something: a root that is read-only has to have them. */
const FOLDERS = ['dev', 'etc/cni/net.d', 'opt/cni/bin', 'proc', 'root', 'run/flannel', 'sys', 'tmp', 'var/lib/vtepd']
/** What Debian's alternatives make; vtepd chooses between the variants by their own names. */
const ALTERNATIVES = ['iptables', 'ip6tables'].flatMap((name) =>
  ['', '-save', '-restore'].map((end) => `${name}${end}`),
)

/** Makes the tree for `arch` in `folder`. Resolves with the packages that it is of. */
export async function makeBaseTree(arch, folder, log) {
  const packages = await pinnedPackages(`image-${arch}`, { log })
  unpackPackages(packages, folder)
  prune(folder, folder)
  for (const name of FOLDERS) mkdirSync(path.join(folder, name), { recursive: true })
  chmodSync(path.join(folder, 'tmp'), 0o1777)
  for (const [name, text] of Object.entries(FILES)) writeFileSync(path.join(folder, name), text)
  for (const name of ALTERNATIVES) symlinkSync('xtables-nft-multi', path.join(folder, 'usr/sbin', name))
  recordPackages(packages, path.join(folder, 'var/lib/dpkg/status.d'))
  return packages
}

/** Returns whether anything of `folder` is left. */
function prune(root, folder) {
  const left = readdirSync(folder, { withFileTypes: true }).filter((entry) => {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) return prune(root, file)
    const kept = KEPT.some((pattern) => pattern.test(path.relative(root, file)))
    if (!kept) unlinkSync(file)
    return kept
  })
  if (left.length === 0) rmdirSync(folder)
  return left.length > 0
}

/** One file a package, where scanners of images without dpkg look for them. */
function recordPackages(packages, folder) {
  mkdirSync(folder, { recursive: true })
  for (const { name, file } of packages) {
    const control = execFileSync('dpkg-deb', ['--field', file], { encoding: 'utf8' })
    writeFileSync(path.join(folder, name), `${control.trimEnd()}\nStatus: install ok installed\n`)
  }
}
