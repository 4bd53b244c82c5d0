// Plays the seeded faults and writes what is said into docs/faults.md: `npm run build:session`.
import { spawnSync } from 'node:child_process'
import path from 'node:path'

const HELP = `Usage: npm run build:session

Seeds each fault of test/kernel/faults, asks vtepd about it, does what it says, and writes docs/faults.md.
`
if (process.argv.includes('--help')) {
  process.stdout.write(HELP)
  process.exit(0)
}
const root = path.resolve(import.meta.dirname, '..')
const { status } = spawnSync(process.execPath, ['scripts/test.mjs', 'test/kernel/faults/faults.long.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, VTEPD_WRITE_SESSION: '1' },
})
process.exitCode = status ?? 1
