// What can load vtepd/rtnl besides Node for glibc, on a project into which npm has installed it. Programs for musl run in a root of
// their own that has musl and nothing else, entered in namespaces.
import { chmodSync, copyFileSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { pinnedPackages, unpackPackages } from '../release/debian.mjs'
import { muslNode, programOf, versionOf } from './programs.mjs'

/** `{ name, command(work) }`: the command line, without the file to run; `root`: of a musl root, in which the project is /work. */
export const RUNTIMES = [
  { name: `Bun ${versionOf('bun')}`, command: () => ({ words: [programOf('bun')] }) },
  { name: `Deno ${versionOf('deno')}`, command: () => ({ words: [programOf('deno'), 'run', '--allow-all'] }) },
  {
    name: `Node ${versionOf('node for musl')}, musl`,
    command: async (work) => ({
      root: await muslRoot(path.join(work, 'musl-node'), muslNode().file),
      words: ['/usr/bin/program'],
    }),
  },
  {
    name: `Bun ${versionOf('bun for musl')}, musl`,
    command: async (work) => ({
      root: await muslRoot(path.join(work, 'musl-bun'), programOf('bun for musl')),
      words: ['/usr/bin/program'],
    }),
  },
]

/** A root with musl, the C++ library for it, and one program. */
async function muslRoot(root, program) {
  for (const name of ['lib', 'usr/bin', 'usr/lib', 'proc', 'dev', 'tmp', 'work', 'musl'])
    mkdirSync(path.join(root, name), { recursive: true })
  unpackPackages(await pinnedPackages('musl-x64', { newest: true }), path.join(root, 'musl'))
  copyFileSync(path.join(root, 'musl/usr/lib/x86_64-linux-musl/libc.so'), path.join(root, 'lib/ld-musl-x86_64.so.1'))
  copyFileSync(program, path.join(root, 'usr/bin/program'))
  chmodSync(path.join(root, 'usr/bin/program'), 0o755)
  const { libraries } = muslNode()
  for (const name of readdirSync(libraries)) {
    copyFileSync(path.join(libraries, name), path.join(root, 'usr/lib', name))
    // What the wheel calls libstdc++-5d72f927.so.6.0.33 is libstdc++.so.6 to everything else.
    symlinkSync(name, path.join(root, 'usr/lib', name.replace(/-[0-9a-f]{8}(\.so\.\d+).*$/, '$1')))
  }
  return root
}
