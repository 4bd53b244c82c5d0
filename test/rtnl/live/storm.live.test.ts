/**
 * 100,000 routes of each family, written by another process, with the watching one stopped in between: equal to a fresh dump in
 * every round. `npm run test:live -- --rounds 100`.
 */
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import { patience } from '../../support/patience.ts'
import { storm } from './storm.ts'
import type { Report } from './watcher.ts'

const ROUNDS = Number(process.env.VTEPD_LIVE_ROUNDS ?? 100)
const ROUTES = Number(process.env.VTEPD_LIVE_ROUTES ?? 100_000)
const SEED = Number(process.env.VTEPD_LIVE_SEED ?? 1)

for (const family of ['ipv4', 'ipv6'] as const)
  test(`${ROUTES} routes of ${family} are what a fresh dump says in each of ${ROUNDS} rounds`, {
    ...kernelTests,
    timeout: patience(ROUNDS * 60_000),
  }, async (t) => {
    const tell = (round: number, { size, settledMs, settledCpuMs, dumpMs, changes }: Report): void => {
      process.stderr.write(
        `${family} round ${round + 1} of ${ROUNDS}: ${size} routes, settled after ${settledMs} ms (CPU ${settledCpuMs} ms, a plain dump ${dumpMs} ms), ${changes} changes\n`,
      )
    }
    const reports = await storm(t, { family, routes: ROUTES, rounds: ROUNDS, seed: SEED, onRound: tell })
    const times = reports.map(({ settledMs }) => settledMs).sort((a, b) => a - b)
    const quantile = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))]
    t.diagnostic(
      `equal in ${reports.length} of ${ROUNDS} rounds; settled after ${quantile(0.5)} ms in the median, ${quantile(1)} ms at most`,
    )
  })
