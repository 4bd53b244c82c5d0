// Runs `npm run lab -- ARGS --json` as a person would and reads its document: `node scripts/check-lab.mjs [ARGS]`.
// Prints one line a scenario; fails when the lab says so, or when its document does not bear it out.
import { spawnSync } from 'node:child_process'
import { inNamespaces } from './namespaces.mjs'

const words = process.argv.slice(2)
if (inNamespaces(['true']) === undefined) {
  process.stdout.write('lab: SKIPPED: private namespaces are refused here (unshare or ip is missing or forbidden)\n')
  process.exit(0)
}
const { status, stdout } = spawnSync('npm', ['run', '--silent', 'lab', '--', ...words, '--json'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
  maxBuffer: 1 << 28,
})
if (status !== 0) fail(`exit status ${status}`)
const report = JSON.parse(stdout)
const { pairs, reached } = report.bringUp.matrix
if (!report.ok || pairs === 0 || reached !== pairs)
  fail(`ok is ${report.ok}, ${reached} of ${pairs} pairs at the start`)
if (report.scenarios.length === 0 || report.agents.some((agent) => !agent.running))
  fail('no scenario, or an agent ended')
for (const { name, matrix, outages } of report.scenarios) {
  if (matrix.reached !== matrix.pairs) fail(`${name}: ${matrix.reached} of ${matrix.pairs} pairs`)
  const gaps = outages.map(
    (outage) => `${outage.family} ${outage.beyondUnderlayMs.toFixed(1)} ms beyond the underlay's`,
  )
  process.stdout.write(`lab: ${name}: ${matrix.reached} of ${matrix.pairs} pairs, ${gaps.join(', ')}\n`)
}
process.stdout.write(`lab: ${report.agents.length} nodes, ${(report.totalMs / 1000).toFixed(1)} s\n`)

function fail(reason) {
  process.stderr.write(`lab: ${reason}; \`npm run lab -- ${words.join(' ')}\` shows it\n`)
  process.exit(1)
}
