// Runs the addon's tests under sanitizers: `npm run test:asan` (AddressSanitizer and UndefinedBehaviorSanitizer) and
// `npm run test:tsan` (ThreadSanitizer), `node scripts/sanitize.mjs address|thread [TEST FILE...]`; without files those
// of `usual` below.
// Builds a variant of the addon of its own (build-address, build-thread), and the native tests with the same sanitizer.
// Node itself is not instrumented: the sanitizer's library is loaded into it, and only what the addon does is seen.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { inNamespaces } from './namespaces.mjs'
import { testFiles } from './test-files.mjs'

const root = path.resolve(import.meta.dirname, '..')

const VARIANTS = {
  address: {
    sanitize: 'address,undefined',
    library: 'libasan.so',
    // Node keeps what it allocates once until its end, so leaks are not looked for inside it; the native tests do.
    options: { ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=0:exitcode=99', UBSAN_OPTIONS: 'print_stacktrace=1' },
  },
  thread: {
    sanitize: 'thread',
    library: 'libtsan.so',
    // Without the first every lock inside Node, which TSan cannot see, would be a race. Without the second it would count
    // as a leak that process.exit() joins nobody.
    options: { TSAN_OPTIONS: 'ignore_noninstrumented_modules=1:report_thread_leaks=0:exitcode=99:halt_on_error=1' },
    // Its shadow memory collides with some random placements of programs and libraries.
    prefix: ['setarch', '-R'],
  },
}

const [name, ...words] = process.argv.slice(2)
const variant = VARIANTS[name]
if (variant === undefined) fail(`usage: node scripts/sanitize.mjs ${Object.keys(VARIANTS).join('|')} [TEST FILE...]`)

const library = spawnSync('gcc', [`-print-file-name=${variant.library}`], { encoding: 'utf8' }).stdout?.trim() ?? ''
if (!existsSync(library)) fail(`needs gcc with ${variant.library} (on Debian: apt-get install g++)`)
const folder = path.join(root, `build-${name}`)

const cmakeJs = path.join(root, 'node_modules/cmake-js/bin/cmake-js')
step('the addon', process.execPath, [cmakeJs, 'compile', '-D', '-O', folder, `--CDSANITIZE=${variant.sanitize}`])
const native = path.join(folder, 'native')
step('the native tests', 'cmake', ['-S', root, '-B', native, `-DSANITIZE=${variant.sanitize}`])
step('the native tests', 'cmake', ['--build', native, '--parallel', '2'])
const [program = '', ...args] = [...(variant.prefix ?? []), path.join(native, 'native_tests')]
step('the native tests', program, args)

const given = words.filter((word) => !word.startsWith('-'))
const files = given.length > 0 ? given : usual()
const env = { ...variant.options, LD_PRELOAD: library, VTEPD_NATIVE_DIR: path.join(folder, 'Debug') }
const node = [process.execPath, '--import', 'tsx', '--test', '--test-reporter=spec', '--test-concurrency=1']
// Those of the command line count, as they come later.
const bounds = ['--test-timeout=900000', ...words.filter((word) => word.startsWith('-'))]
const settings = Object.entries(env).map(([key, value]) => `${key}=${value}`)
const command = inNamespaces([
  ...(variant.prefix ?? []),
  'env',
  'VTEPD_TEST_NAMESPACE=1',
  ...settings,
  ...node,
  ...bounds,
  ...files,
])
if (command === undefined) fail('needs private namespaces: unshare or ip is missing or refused here')
step(`the addon's tests with the ${name} sanitizer`, command[0], command.slice(1))

function step(what, program, args) {
  process.stderr.write(`sanitize: ${what}\n`)
  const { status, signal, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit' })
  if (error !== undefined) fail(`${program} did not start: ${error.message}`)
  if (status !== 0) fail(`${what}: ${signal ?? `exit status ${status}`}`)
}

/** What the addon does in every way; what stands in a folder of test/rtnl does the same with other values. */
function usual() {
  const own = testFiles(root, 'test/rtnl').filter((file) => path.dirname(file) === 'test/rtnl')
  return [
    ...own,
    ...testFiles(root, 'test/netlink'),
    'test/rtnl/live/watch-table.test.ts',
    'test/soak/soak.soak.test.ts',
  ]
}

function fail(why) {
  process.stderr.write(`sanitize: ${why}\n`)
  process.exit(1)
}
