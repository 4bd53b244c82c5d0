/** The mutants still mean the code that is there: running them all takes minutes (`npm run test:mutants`). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { MUTANTS } from '../mutants/mutants.ts'

const root = path.resolve(import.meta.dirname, '../..')

test('every mutant changes exactly one place', () => {
  for (const { name, file, find } of MUTANTS) {
    const places = readFileSync(path.join(root, file), 'utf8').split(find).length - 1
    assert.equal(places, 1, `${name}: ${places} places in ${file}`)
  }
})
