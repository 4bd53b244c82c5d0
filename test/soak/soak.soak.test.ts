/**
 * `npm run test:soak`, and in short with the sanitizers: a process that opens, asks, aborts, hears, closes in the middle and ends
 * threads at random holds as much at its end as after its warm-up.
 */
import assert from 'node:assert/strict'
import { before, type TestContext, test } from 'node:test'
import { createNetns, kernelTests } from '../support/netns.ts'
import { patience } from '../support/patience.ts'
import { type Figure, growing } from './growth.ts'
import type { Round, SoakRequest } from './program.ts'
import { compileSoak, runSoak, type Soaked } from './run-soak.ts'

const SECONDS = Number(process.env.VTEPD_SOAK_SECONDS ?? 30)
const SEED = Number(process.env.VTEPD_SOAK_SEED ?? 0) || 1 + Math.floor(Math.random() * 2 ** 31)
const ROUNDS = 40
const LEAKING_MS = 8000
const LEAKING_ROUND_MS = 500
const TOLD_EVERY_MS = 15_000

/** A sanitizer keeps what was freed for a while, to see who still uses it: memory then says nothing. */
const HAS_SANITIZER = /lib[at]san/.test(process.env.LD_PRELOAD ?? '')
const JUDGED: readonly Figure[] = HAS_SANITIZER
  ? ['descriptors', 'threads']
  : ['descriptors', 'threads', 'heapMB', 'nativeMB']

const bounded = (ms: number) => ({ ...kernelTests, timeout: patience(120_000 + 4 * ms) })

before(compileSoak)

async function soak(
  t: TestContext,
  request: Pick<SoakRequest, 'ms' | 'roundMs' | 'leak'>,
  onRound: (round: Round) => void = () => undefined,
): Promise<Soaked> {
  const { path: netns } = await createNetns(t, 'soak')
  const soaked = await runSoak({ ...request, netns, seed: SEED }, onRound)
  assert.deepEqual([soaked.status, soaked.complaints], [0, ''], `again with --seed ${SEED}`)
  return soaked
}

function described({ acts, threadsEnded, descriptors, threads, heapMB, nativeMB }: Round): string {
  return `${acts} acts, ${threadsEnded} threads ended: ${descriptors} descriptors, ${threads} threads, ${heapMB.toFixed(1)} MB of heap, ${nativeMB.toFixed(1)} MB else`
}

test(`descriptors, threads and memory stay flat for ${SECONDS} s`, bounded(SECONDS * 1000), async (t) => {
  const ms = SECONDS * 1000
  let told = performance.now()
  const { rounds } = await soak(t, { ms, roundMs: ms / ROUNDS, leak: 'nothing' }, (round) => {
    if (performance.now() - told < TOLD_EVERY_MS) return
    told = performance.now()
    process.stderr.write(`soak: ${described(round)}\n`)
  })
  const last = rounds.at(-1)
  t.diagnostic(`seed ${SEED}; ${JUDGED.join(', ')} are judged; ${last === undefined ? 'no round' : described(last)}`)
  assert.deepEqual(growing(rounds, JUDGED), [], `again with --seed ${SEED}`)
})

for (const [leak, figure] of [
  ['descriptors', 'descriptors'],
  ['memory', 'heapMB'],
] as const)
  test(`what leaves ${leak} behind is found`, bounded(LEAKING_MS), async (t) => {
    if (!JUDGED.includes(figure)) return t.skip('a sanitizer has a malloc of its own')
    const { rounds } = await soak(t, { ms: LEAKING_MS, roundMs: LEAKING_ROUND_MS, leak })
    assert.match(growing(rounds, JUDGED).join('\n'), new RegExp(`^${figure} grew by `, 'm'))
  })
