import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import test from 'node:test'
import { patience } from '../support/patience.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
// Where `npm run test:asan` builds them too.
const BUILD = path.join(ROOT, 'build-address', 'native')
const missing = ['cmake', process.env.CXX ?? 'c++'].filter(
  (tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status !== 0,
)

test('the native tests pass: codecs against golden bytes of a real kernel, transactions against a scripted one', {
  skip: missing.length > 0 ? `needs ${missing.join(' and ')}` : false,
  timeout: patience(600_000),
}, () => {
  run('cmake', '-S', ROOT, '-B', BUILD, '-DSANITIZE=address,undefined')
  run('cmake', '--build', BUILD)
  const output = run(path.join(BUILD, 'native_tests'))
  const count = Number(/^1\.\.(\d+)$/m.exec(output)?.[1])
  assert.ok(count > 50, output)
  assert.equal(output.match(/^ok /gm)?.length, count, output)
})

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 1 << 26 })
  assert.equal(status, 0, `${program} ${args.join(' ')}\n${stdout}\n${stderr}`)
  return stdout
}
