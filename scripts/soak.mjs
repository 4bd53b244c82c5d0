// The module's soak: random opening, asking, aborting, closing and ending of threads, while descriptors, threads and memory have
// to stay flat (test/soak): `npm run test:soak -- [--minutes N] [--seed N] [--address | --thread]`.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'

const HELP = `npm run test:soak -- [--minutes N] [--seed N] [--address | --thread]

  --minutes N   how long; default 10
  --seed N      draws the same acts again, whose timing is still the machine's; default: another one each time
  --address     with the addon built for AddressSanitizer, --thread for ThreadSanitizer: descriptors and threads are judged
                there, memory is not, as a sanitizer keeps what was freed

Exit status 0: flat; 1: something grew, failed, or a sanitizer complained, with the seed.
`
const root = path.resolve(import.meta.dirname, '..')
const FILE = 'test/soak/soak.soak.test.ts'

const { minutes, seed, address, thread, help } = parsed()
if (help) process.stdout.write(HELP)
else {
  const flags = [`--test-timeout=${Math.ceil(minutes * 60_000 * 5) + 600_000}`]
  const isSanitized = address || thread
  if (!isSanitized) run([path.join(root, 'scripts/ensure-built.mjs'), 'addon'])
  const script = path.join(root, 'scripts', isSanitized ? 'sanitize.mjs' : 'test.mjs')
  const variant = address ? ['address'] : thread ? ['thread'] : []
  run([script, ...variant, ...flags, FILE], { VTEPD_SOAK_SECONDS: String(minutes * 60), VTEPD_SOAK_SEED: String(seed) })
}

function parsed() {
  const options = {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: '0' },
    address: { type: 'boolean', default: false },
    thread: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  }
  try {
    const { values } = parseArgs({ options })
    const [minutes, seed] = [Number(values.minutes), Number(values.seed)]
    if (!(minutes > 0 && minutes <= 1440)) refuse(`--minutes: '${values.minutes}' is not a number up to 1440`)
    if (!(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31)) refuse(`--seed: '${values.seed}' is no whole number`)
    if (values.address && values.thread) refuse('--address and --thread: one at a time')
    return { ...values, minutes, seed }
  } catch (error) {
    return refuse(error.message)
  }
}

function refuse(why) {
  process.stderr.write(`soak: ${why}\n`)
  process.exit(2)
}

function run(words, env = {}) {
  const { status, error } = spawnSync(process.execPath, words, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  if (error !== undefined) refuse(`${words[0]} did not start: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}
