// The licence texts of everything that a tree of scripts/release/tree.mjs holds besides vtepd's own code, in one file.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { pinnedPackages } from './debian.mjs'
import { unpackedSet } from './debian-tools.mjs'
import { nodeFolder, nodeVersion } from './node-binaries.mjs'
import { SHIPPED_NODE } from './shipped.mjs'
import { ensureZig } from './zig.mjs'

const RULE = `${'='.repeat(80)}\n`

/** The text of THIRD-PARTY-NOTICES.txt for `arch`. */
export async function releaseNotices(root, arch) {
  const gcc = await unpackedSet('licence-texts')
  const zig = ensureZig(() => {})
  const libraries = (await pinnedPackages(`libraries-${arch}`)).map(({ name, version }) => `${name} ${version}`)
  const parts = [
    ['The command, a bundle of the following npm packages', [path.join(root, 'dist/THIRD-PARTY-NOTICES.txt')]],
    ['The addon', [path.join(root, 'prebuilds/NOTICES.txt')]],
    ['The launcher holds musl', [path.join(zig, 'lib/libc/musl/COPYRIGHT')]],
    [`Node.js ${nodeVersion(SHIPPED_NODE)}`, [path.join(nodeFolder(SHIPPED_NODE, arch), 'LICENSE')]],
    [
      `The libraries libstdc++.so.6, libgcc_s.so.1 and libatomic.so.1 are GCC's, from the Debian packages ${libraries.join(', ')}.\n` +
        'They may be combined with any program (GPL version 3 with the GCC Runtime Library Exception). Their source code is\n' +
        "Debian's source package gcc-10 of the same version; each release of vtepd says in its SBOM which one that is",
      ['usr/share/doc/gcc-10-base/copyright', 'usr/share/common-licenses/GPL-3'].map((file) => path.join(gcc, file)),
    ],
  ]
  const head =
    'vtepd is under the Apache License 2.0 (LICENSE). What follows is about everything else that lies beside it.\n'
  return [head, ...parts.map(([title, files]) => part(title, files))].join('\n')
}

function part(title, files) {
  return [`${RULE}${title}\n${RULE}`, ...files.map((file) => `${readFileSync(file, 'utf8').trim()}\n`)].join('\n')
}
