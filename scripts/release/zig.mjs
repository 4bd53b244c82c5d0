// The zig that cross-compiles the addon for all four kinds of machine: PyPI's package ziglang, one version, checked by pip.
import path from 'node:path'
import { pypiPackage } from './pypi-package.mjs'

const ZIG = {
  name: 'ziglang',
  version: '0.16.0',
  // For Linux on x86-64 and arm64.
  hashes: [
    '9fcda73f62b851dd72a54b710ad40a209896db14cfb13649e62191243556342b',
    'e27d409812b11e0fb89ed0200cf2e55b6464d43f9461553104e4a4f9a94a1fd5',
  ],
}

/** The one version, by which what it links in is named. */
export const ZIG_VERSION = ZIG.version

/** The folder of zig, with the program `zig` and the licences of what it links into a result. Fetched once, 98 MB. */
export function ensureZig() {
  return path.join(pypiPackage(ZIG), 'ziglang')
}
