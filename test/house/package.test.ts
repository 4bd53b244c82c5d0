/** What `npm pack` would ship, read from its own list; scripts/check-package.mjs installs the real tarball. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { listFiles, readSource, root } from '../support/source-files.ts'

const manifest = JSON.parse(readSource('package.json').text) as {
  bin: Record<string, string>
  exports: Record<string, string | Record<string, string>>
}

test('the tarball holds what a consumer runs and builds, and nothing of the workshop', async () => {
  const pack = ['pack', '--dry-run', '--json', '--ignore-scripts', '--silent']
  const { stdout } = await promisify(execFile)('npm', pack, { cwd: root, maxBuffer: 1 << 26 })
  const packed = (JSON.parse(stdout) as [{ files: { path: string }[] }])[0].files.map((file) => file.path)

  const promised = Object.values(manifest.exports).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  )
  const wanted = [
    ...promised.map((target) => target.replace(/^\.\//, '')),
    ...Object.values(manifest.bin),
    ...listFiles('native/src', '.cc'),
    ...listFiles('native/src', '.h'),
    'binding.gyp',
    'scripts/install.mjs',
    'scripts/install-advice.mjs',
    'dist/THIRD-PARTY-NOTICES.txt',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
  ]
  assert.deepEqual(
    wanted.filter((file) => !packed.includes(file)),
    [],
    'promised, but not packed',
  )
  const stray = packed.filter((file) => /^(?:test|bench|lib|\.ci|build|native\/test)\/|\.map$|\.test\./.test(file))
  assert.deepEqual(stray, [], 'packed, but of no use to a consumer')
})

test('vtepd/rtnl and vtepd/netlink import what loads the addon and nothing of the command: they are @vtepd/rtnl too', async () => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['dist/rtnl/index.js', 'dist/netlink/index.js'],
    outdir: 'unwritten',
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  const files = Object.keys(metafile.inputs)
  assert.deepEqual(
    files.filter(
      (file) =>
        !/^(?:dist\/(?:errors\.js|addon\/|net\/|netlink\/|rtnl\/|util\/)|node_modules\/(?:bindings|file-uri-to-path)\/)/.test(
          file,
        ),
    ),
    [],
  )
  const bytes = Object.values(metafile.inputs).reduce((sum, input) => sum + input.bytes, 0)
  assert.ok(bytes < 460_000, `${bytes} bytes in ${files.length} files`)
})

test('package-lock.json names every optional platform package, without which `npm ci` fails elsewhere', () => {
  const { packages } = JSON.parse(readSource('package-lock.json').text) as {
    packages: Record<string, { optionalDependencies?: Record<string, string> }>
  }
  const missing = Object.entries(packages).flatMap(([where, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        !Object.hasOwn(packages, `node_modules/${name}`) && !Object.hasOwn(packages, `${where}/node_modules/${name}`),
    ),
  )
  assert.deepEqual(missing, [])
})
