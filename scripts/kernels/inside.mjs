// Runs in the machine: all files given, one after the other, in this one process. One that does not load is a failed test.
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

for (const file of process.argv.slice(2)) {
  try {
    await import(pathToFileURL(file))
  } catch (error) {
    test(`${file} loads`, () => {
      throw error
    })
  }
}
