// Runs in the machine: all files given, one after the other, in this one process. One that does not load is a failed test.
// `inside.mjs ONLY EXCEPT FILE...`: of tests whose name matches ONLY and does not match EXCEPT; '' is neither. (Node's own pattern
// cannot leave out, and counts what it leaves out as skipped.)
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { pathToFileURL } from 'node:url'

const [only, except, ...files] = process.argv.slice(2)
const runner = createRequire(import.meta.url)('node:test')
const { test } = runner
const isChosen = (name) =>
  (only === '' || new RegExp(only).test(name)) && (except === '' || !new RegExp(except).test(name))
runner.test = (name, ...rest) => (isChosen(name) ? test(name, ...rest) : undefined)
syncBuiltinESMExports()

for (const file of files) {
  try {
    await import(pathToFileURL(file))
  } catch (error) {
    test(`${file} loads`, () => {
      throw error
    })
  }
}
