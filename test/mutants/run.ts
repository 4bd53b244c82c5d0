/**
 * `npm run test:mutants`: applies each mutant to a copy of the sources, runs the property test on it, and shows how it
 * died. Exit status 1 when one survives, or no longer fits its file. Must not: touch the working tree.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { MUTANTS, type Mutant } from './mutants.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const RUNS = process.env.VTEPD_PROPERTY_RUNS ?? '1500'
const PROPERTY_TEST = 'test/agent/family-overlay.property.test.ts'

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function makeCopy(): string {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'vtepd-mutant-'))
  for (const name of ['lib', 'test', 'package.json', 'tsconfig.json'])
    cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true })
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'))
  return copy
}

/** The first line that says why the test failed; undefined: it passed. */
function causeOfDeath(copy: string, test = PROPERTY_TEST, seed = '2433'): string | undefined {
  const result = spawnSync(process.execPath, ['--import', 'tsx', '--test', '--test-reporter=spec', test], {
    cwd: copy,
    encoding: 'utf8',
    env: { ...process.env, VTEPD_PROPERTY_RUNS: RUNS, VTEPD_PROPERTY_SEED: seed },
    timeout: 300_000,
  })
  if (result.error !== undefined) return `it hung: ${result.error.message}`
  if (result.status === 0) return undefined
  const output = `${result.stdout}${result.stderr}`
  return (
    (/Property failed after \d+ tests/.exec(output) ?? /^✖ .*$/m.exec(output))?.[0] ?? output.trim().split('\n').at(-1)
  )
}

function kill(mutant: Mutant, copy: string): boolean {
  const file = path.join(copy, mutant.file)
  const original = readFileSync(file, 'utf8')
  if (original.split(mutant.find).length !== 2) {
    say(`✖ ${mutant.name}: its text does not stand exactly once in ${mutant.file}; adapt test/mutants/mutants.ts`)
    return false
  }
  writeFileSync(
    file,
    original.replace(mutant.find, () => mutant.replace),
  )
  // The histories of every npm test first; others, should those not show it.
  const death = causeOfDeath(copy, mutant.test) ?? causeOfDeath(copy, mutant.test, 'random')
  writeFileSync(file, original)
  say(death === undefined ? `✖ survived: ${mutant.name}` : `✔ died: ${mutant.name} (${death})`)
  return death !== undefined
}

const copy = makeCopy()
try {
  const alive = causeOfDeath(copy)
  if (alive !== undefined) {
    say(`✖ the property test fails without any mutant: ${alive}`)
    process.exitCode = 1
  } else {
    const wanted = process.argv.slice(2)
    const chosen = MUTANTS.filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
    const dead = chosen.filter((mutant) => kill(mutant, copy)).length
    say(`${dead} of ${chosen.length} mutants died`)
    if (dead < chosen.length) process.exitCode = 1
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
