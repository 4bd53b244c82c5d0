// Runs `npm run lab -- ARGS --json` as a person would and reads its document: `node scripts/check-lab.mjs [ARGS]`; one-way
// with 20 rebuilds unless ARGS say otherwise. Prints one line a scenario; fails when the lab says so, when its document does
// not bear it out, or when peers wait for a rebuilt node.
import { spawnSync } from 'node:child_process'
import { inNamespaces } from './namespaces.mjs'

/** Of the median; some 8 ms are usual. */
const LONGEST_SILENCE_MS = 50

const words = ['--repeats', '20', ...process.argv.slice(2)]
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
for (const { name, matrix, outages, oneWay } of report.scenarios) {
  if (matrix.reached !== matrix.pairs) fail(`${name}: ${matrix.reached} of ${matrix.pairs} pairs`)
  const gaps = outages.map(
    (outage) => `${outage.family} ${outage.beyondUnderlayMs.toFixed(1)} ms beyond the underlay's`,
  )
  process.stdout.write(`lab: ${name}: ${matrix.reached} of ${matrix.pairs} pairs, ${gaps.join(', ')}\n`)
  if (oneWay !== undefined) checkOneWay(oneWay)
}
for (const { node, rest } of report.agents)
  if (rest !== undefined) process.stdout.write(`lab: ${node} at rest: ${rest.lines} lines in ${rest.ms / 1000} s\n`)
process.stdout.write(`lab: ${report.agents.length} nodes, ${(report.totalMs / 1000).toFixed(1)} s\n`)

function checkOneWay({ families, announced, heardBy }) {
  for (const { family, silentMs, medianMs, worstMs, unannounced } of families) {
    const without =
      unannounced && `, ${unannounced.ended ? '' : 'more than '}${unannounced.ms.toFixed(0)} ms unannounced`
    const found = `median ${medianMs.toFixed(1)} ms, worst ${worstMs.toFixed(1)} ms`
    process.stdout.write(`lab:   ${family}, one way: ${found} of ${silentMs.length}${without ?? ''}\n`)
    if (medianMs > LONGEST_SILENCE_MS) fail(`one-way: peers did not find the node again for ${medianMs} ms`)
  }
  const counts = announced.map(({ ip, own, times }) => `${ip}${own ? '' : ', not its own,'} ${times} times`)
  process.stdout.write(`lab:   announced (${heardBy}): ${counts.join('; ')}\n`)
}

function fail(reason) {
  process.stderr.write(`lab: ${reason}; \`npm run lab -- ${words.join(' ')}\` shows it\n`)
  process.exit(1)
}
