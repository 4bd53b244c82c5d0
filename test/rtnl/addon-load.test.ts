/** Each way in which the addon cannot be loaded, and what is then said; a file that is broken never ends the process. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { loadFirstOf } from '../../lib/addon/addon.ts'
import { ADDON_FILE, addonPlaces, machineName, remedy } from '../../lib/addon/addon-place.ts'
import { kernelTests } from '../support/netns.ts'
import { root } from '../support/source-files.ts'

const run = promisify(execFile)
const whole = readFileSync(addonPlaces().find(existsSync) ?? '')

test('a truncated addon is named as such, wherever it ends, and the process goes on', (t) => {
  for (const bytes of [0, 3, 20, 4096, Math.floor(whole.length / 2), whole.length - 1])
    assert.match(fault(t, whole.subarray(0, bytes)), bytes === 0 ? /is empty/ : /is truncated|is no program/)
})

test('an addon for another processor is named with both', (t) => {
  const other = Buffer.from(whole)
  other.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18)
  assert.match(fault(t, other), /is built for (?:arm64|x64), this is (?:arm64|x64);/)
})

test('an addon for another libc is named with both', { skip: isMusl() }, (t) => {
  const other = replaced(whole, '\0libc.so.6\0', '\0libc.so\0\0\0')
  assert.match(fault(t, other), /is built for musl, and this Node runs on glibc;/)
})

test('an addon that wants a newer glibc says that the system is too old for it', { skip: isMusl() }, (t) => {
  const version = /\0(GLIBC_2\.\d\d)\0/.exec(whole.toString('latin1'))?.[1] ?? ''
  const newer = replaced(whole, `\0${version}\0`, '\0GLIBC_9.99\0')
  assert.match(fault(t, newer), /compiled on a newer system: this one's glibc is too old .*GLIBC_9\.99/)
})

test('what is no program, as a page or the pointer of a large file, is no addon', (t) => {
  assert.match(fault(t, Buffer.from('version https://example.org/spec/v1\noid 12\n')), /is no program/)
})

test('a folder in the place of the addon is an error in words', (t) => {
  const file = path.join(scratch(t), ADDON_FILE)
  mkdirSync(file)
  assert.match(refused([file]), /cannot be loaded: .*is a folder/)
})

test('an addon that may not be read is told from one that is missing', kernelTests, async (t) => {
  const folder = withAddon(t, whole)
  chmodSync(path.join(folder, ADDON_FILE), 0)
  const powerless = [
    'setpriv',
    '--bounding-set=-dac_override,-dac_read_search',
    '--inh-caps=-dac_override,-dac_read_search',
  ]
  assert.match(await load(folder, powerless), /may not be read by this user/)
})

test('a file system that is mounted noexec is named as the reason', kernelTests, async (t) => {
  const folder = withAddon(t, whole)
  const place = path.join(folder, 'noexec')
  mkdirSync(place)
  const mounted = 'mount -t tmpfs -o noexec tmpfs "$0" && cp "$0/../$1" "$0" && shift && exec "$@"'
  const inMount = ['unshare', '-m', 'sh', '-c', mounted, place, ADDON_FILE]
  assert.match(await load(place, inMount), /must not be executed where it lies.*noexec/)
})

test('a Node that was told to load no addons says so', async (t) => {
  const folder = withAddon(t, whole)
  assert.match(await load(folder, [], { NODE_OPTIONS: '--no-addons' }), /started with --no-addons/)
})

test('where the compiled addon does not load, the prebuilt one does, and what is missing is not complained of', (t) => {
  const broken = withAddon(t, whole.subarray(0, 1000))
  const files = [broken, withAddon(t, whole)].map((folder) => path.join(folder, ADDON_FILE))
  assert.equal(typeof loadFirstOf(files).openSocket, 'function')

  const said = refused([files[0] ?? '', '/nonexistent/addon.node'])
  assert.match(said, /is truncated: it has 1000 of/)
  assert.doesNotMatch(said, /nonexistent/)
  assert.match(refused(['/nonexistent/addon.node']), /there is none for linux-/)
})

test('the remedy is in the words of what installed the package', (t) => {
  const cases: readonly (readonly [files: string[], place: string, words: RegExp])[] = [
    [['package-lock.json'], 'node_modules/vtepd', / npm rebuild vtepd`/],
    [[], 'node_modules/vtepd', /npm rebuild vtepd/],
    [
      ['pnpm-lock.yaml'],
      'node_modules/.pnpm/vtepd@0.1.0/node_modules/vtepd',
      /`pnpm approve-builds`, then .*pnpm rebuild/,
    ],
    [['yarn.lock', '.yarnrc.yml'], 'node_modules/vtepd', /yarn rebuild vtepd/],
    [['yarn.lock'], '.yarn/unplugged/vtepd-file-0/node_modules/vtepd', /yarn rebuild vtepd/],
    [['yarn.lock'], 'node_modules/vtepd', /yarn install --force/],
    [['bun.lock'], 'node_modules/vtepd', /bun pm trust vtepd/],
  ]
  for (const [files, place, words] of cases) {
    const project = scratch(t)
    const folder = path.join(project, place)
    mkdirSync(folder, { recursive: true })
    for (const file of [...files, path.join(place, 'binding.gyp')]) writeFileSync(path.join(project, file), '')
    assert.match(remedy(folder), words, place)
  }
  assert.match(remedy(scratch(t)), /install vtepd again/, 'an archive or a package has no sources to compile')
  assert.match(remedy(root), /npm ci/)
})

/** What is said when the addon is `bytes`. */
function fault(t: TestContext, bytes: Buffer): string {
  return refused([path.join(withAddon(t, bytes), ADDON_FILE)])
}

function refused(files: readonly string[]): string {
  let said = ''
  assert.throws(
    () => loadFirstOf(files),
    (error: Error) => {
      said = error.message
      return error.name === 'ConfigError'
    },
  )
  return said
}

/** What a process of its own says, which is started by `before`. It loads no addon, so a sanitizer has nothing to see in
 *  it; and a shell under the thread sanitizer's library ends with SIGSEGV. */
async function load(folder: string, before: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const program = `
    import { loadAddon } from './lib/addon/addon.ts'
    try { loadAddon(); console.log('loaded') } catch (error) { console.log(error.message) }`
  const [first = '', ...words] = [...before, process.execPath, '--import', 'tsx', '--input-type=module', '-e', program]
  const { stdout } = await run(first, words, {
    cwd: root,
    env: { ...process.env, LD_PRELOAD: '', VTEPD_NATIVE_DIR: folder, ...env },
  })
  return stdout
}

function withAddon(t: TestContext, bytes: Buffer): string {
  const folder = scratch(t)
  writeFileSync(path.join(folder, ADDON_FILE), bytes)
  return folder
}

function replaced(bytes: Buffer, before: string, after: string): Buffer {
  const at = bytes.indexOf(before, 0, 'latin1')
  assert.ok(at > 0 && before.length === after.length)
  const changed = Buffer.from(bytes)
  changed.write(after, at, 'latin1')
  return changed
}

function scratch(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-addon-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function isMusl(): boolean {
  return machineName().endsWith('musl')
}
