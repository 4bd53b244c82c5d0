// Fuzzes every decoder: `npm run fuzz [-- -runs=1000000] [TARGET...]`, TARGET one of native/test/fuzz/TARGET_fuzz.cc.
// With clang it is libFuzzer, guided by coverage, on top of the golden messages; with any other compiler the same targets
// get mutated golden messages from a driver of ours. Both under AddressSanitizer and UndefinedBehaviorSanitizer.
// A finding is written to build-fuzz/findings, and the exit status is 1.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const words = process.argv.slice(2)
const flags = words.filter((word) => word.startsWith('-'))
const wanted = words.filter((word) => !word.startsWith('-'))
const runs = flags.find((flag) => flag.startsWith('-runs=')) ?? '-runs=1000000'
const others = flags.filter((flag) => flag !== runs)

const clang = ['clang++', 'clang++-19', 'clang++-18', 'clang++-17', 'clang++-16', 'clang++-15', 'clang++-14'].find(
  (each) => spawnSync(each, ['--version'], { stdio: 'ignore' }).status === 0,
)
const folder = path.join(root, clang === undefined ? 'build-fuzz-driver' : 'build-fuzz')
const compiler = clang === undefined ? [] : [`-DCMAKE_CXX_COMPILER=${clang}`]
process.stderr.write(`fuzz: ${clang ?? 'no clang here: the repeatable driver instead of libFuzzer'}\n`)
must('cmake', ['-S', root, '-B', folder, '-DVTEPD_FUZZ=ON', ...compiler])
must('cmake', ['--build', folder, '--parallel', '2'])

const targets = readdirSync(path.join(root, 'native/test/fuzz'))
  .filter((file) => file.endsWith('_fuzz.cc'))
  .map((file) => file.slice(0, -'_fuzz.cc'.length))
const unknown = wanted.filter((target) => !targets.includes(target))
if (unknown.length > 0) fail(`no target ${unknown.join(', ')}; there are ${targets.join(', ')}`)

const findings = path.join(folder, 'findings')
mkdirSync(findings, { recursive: true })
for (const target of wanted.length > 0 ? wanted : targets) {
  const guided =
    clang === undefined
      ? []
      : ['-verbosity=0', '-max_len=4096', `-artifact_prefix=${findings}/${target}-`, seeds(target)]
  const started = process.hrtime.bigint()
  must(path.join(folder, `${target}_fuzz`), [runs, ...others, ...guided])
  const seconds = Number((process.hrtime.bigint() - started) / 1_000_000n) / 1000
  process.stdout.write(`${target.padEnd(10)} ${runs.slice(6)} inputs without a finding, ${seconds.toFixed(1)} s\n`)
}

// The golden messages in the form that the targets take (native/test/fuzz/target.h): with their header and without.
function seeds(target) {
  const corpus = path.join(folder, 'corpus', target)
  mkdirSync(corpus, { recursive: true })
  const golden = path.join(root, 'native/test/golden')
  for (const file of readdirSync(golden)) {
    const hex = readFileSync(path.join(golden, file), 'utf8').replaceAll(/^#.*$/gm, '').replaceAll(/\s/g, '')
    const message = Buffer.from(hex, 'hex')
    writeFileSync(path.join(corpus, `${file}.whole`), message)
    writeFileSync(path.join(corpus, `${file}.bare`), Buffer.concat([Buffer.from([0, 3]), message.subarray(16)]))
  }
  return corpus
}

// What it prints is shown only when it fails: libFuzzer talks much.
function must(program, args) {
  const result = spawnSync(program, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 })
  if (result.error !== undefined) fail(`${program} did not start: ${result.error.message}`)
  if (result.status === 0) return
  process.stderr.write(result.stdout + result.stderr)
  fail(`${path.basename(program)}: ${result.signal ?? `exit status ${result.status}`}`)
}

function fail(why) {
  process.stderr.write(`fuzz: ${why}\n`)
  process.exit(1)
}
