// The packages as they are published, packed for a check: vtepd, @vtepd/rtnl, and the addon of this machine. Must not: install them.
import { execFileSync } from 'node:child_process'
import path from 'node:path'
import { packRtnl } from './release/rtnl-package.mjs'

const root = path.resolve(import.meta.dirname, '..')

/** Paths of the tarballs in `out`. dist/ and the prebuilt addon of this machine are built where they are older than their sources. */
export async function packAll(out) {
  const quiet = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] }
  const machine = `linux-${process.arch}-glibc`
  for (const words of [
    ['scripts/ensure-built.mjs', 'dist'],
    ['scripts/release/prebuilds.mjs', '--missing', '--target', machine],
  ])
    execFileSync(process.execPath, words, { ...quiet, stdio: ['ignore', 2, 2] })
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', out]
  const vtepd = execFileSync('npm', pack, quiet).trim()
  const [rtnl, addon] = await packRtnl({ root, out, machines: [machine] })
  const [main, library, native] = [vtepd, rtnl, addon].map((name) => path.join(out, name))
  return { vtepd: main, rtnl: library, addon: native }
}
