// Live tables beside a writer that never rests: `npm run test:live`. Each round adds, replaces and deletes routes as fast as the
// kernel takes them, stops the process that watches and lets it go on, takes a link down, and compares with a fresh dump.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'

const HELP = `Usage: npm run test:live -- [--rounds N] [--routes N] [--seed N]

  --rounds N   rounds of each family; default 100 (some 3 s each)
  --routes N   routes that are there at first; default 100000
  --seed N     another storm; default 1
`
const OPTIONS = { rounds: '100', routes: '100000', seed: '1' }

const given = read(process.argv.slice(2))
if (given !== undefined) {
  const test = path.join(import.meta.dirname, 'test.mjs')
  const env = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [`VTEPD_LIVE_${name.toUpperCase()}`, value]),
  )
  const file = 'test/rtnl/live/storm.live.test.ts'
  // The bound of a whole file, in milliseconds, in place of that of `npm test`.
  const limit = `--test-timeout=${Number(given.rounds) * 120_000 + 60_000}`
  const { status } = spawnSync(process.execPath, [test, limit, file], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  process.exitCode = status ?? 1
}

/** undefined: there is nothing to run. */
function read(words) {
  const string = { type: 'string' }
  try {
    const { values } = parseArgs({
      args: words,
      options: { rounds: string, routes: string, seed: string, help: { type: 'boolean', short: 'h' } },
    })
    if (values.help === true) {
      process.stdout.write(HELP)
      return undefined
    }
    const all = { ...OPTIONS, ...values }
    for (const name of Object.keys(OPTIONS))
      if (!/^[1-9][0-9]{0,8}$/.test(all[name])) throw new RangeError(`--${name}: '${all[name]}' is no number from 1 on`)
    return all
  } catch (error) {
    process.stderr.write(`vtepd: ${error.message}; see --help\n`)
    process.exitCode = 2
    return undefined
  }
}
