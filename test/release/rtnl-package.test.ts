/** @vtepd/rtnl as it is packed; `npm run check:package` installs it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { readSource, root } from '../support/source-files.ts'

interface Manifest {
  readonly version: string
  readonly exports: Record<string, string | Record<string, string>>
  readonly optionalDependencies: Record<string, string>
  readonly dependencies?: object
  readonly scripts?: object
}

test('@vtepd/rtnl is what vtepd/rtnl and vtepd/netlink are: no dependency, no install script', async (t) => {
  const release = pathToFileURL(path.join(root, 'scripts/release/rtnl-package.mjs')).href
  const { packRtnl } = (await import(release)) as { packRtnl(options: object): Promise<string[]> }
  const out = mkdtempSync(path.join(tmpdir(), 'vtepd-rtnl-'))
  t.after(() => rmSync(out, { recursive: true, force: true }))
  const [tarball = ''] = await packRtnl({ root, out, machines: [] })
  execFileSync('tar', ['-xzf', path.join(out, tarball), '-C', out])

  const folder = path.join(out, 'package')
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest
  assert.equal(manifest.dependencies ?? manifest.scripts, undefined)
  const ours = JSON.parse(readSource('package.json').text) as Manifest
  assert.deepEqual(Object.values(manifest.optionalDependencies), Array(4).fill(ours.version))
  const targets = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  )
  assert.deepEqual(
    targets.filter((target) => !existsSync(path.join(folder, target))),
    [],
  )

  for (const [subpath, module] of Object.entries({ '.': './rtnl', './netlink': './netlink' })) {
    const [lean, full] = await Promise.all(
      [path.join(folder, String(moduleOf(manifest, subpath))), path.join(root, String(moduleOf(ours, module)))].map(
        async (file) => Object.keys((await import(pathToFileURL(file).href)) as object).sort(),
      ),
    )
    assert.deepEqual(lean, full, subpath)
  }
})

function moduleOf({ exports }: Manifest, subpath: string): string | undefined {
  const target = exports[subpath]
  return typeof target === 'object' ? target.default : target
}
