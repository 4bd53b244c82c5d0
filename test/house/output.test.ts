/** One file writes to standard output, one to standard error: what holds for a broken output there holds for every command. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listFiles, readSource } from '../support/source-files.ts'

const WRITERS = ['lib/host/output.ts', 'lib/host/stderr.ts']

test('nothing in lib/ writes to standard output or standard error past the files that own them', () => {
  const others = listFiles('lib', '.ts').filter((file) => !WRITERS.includes(file))
  const writing = others.filter((file) =>
    /\bprocess\.std(out|err)\b|\bconsole\.|\bwriteSync\([12]\b/.test(withoutComments(readSource(file).text)),
  )
  assert.deepEqual(writing, [], 'use output, writeJson and complain of lib/host/output.ts, or the log')
})

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
}
