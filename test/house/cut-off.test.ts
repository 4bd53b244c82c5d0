/**
 * Whoever starts an agent or sends packets in a kernel test does it where test/support/cut-off.ts hears of it, so that no test sees pods
 * cut off without asking whether that was said.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'

const ROOT = path.resolve(import.meta.dirname, '../..')

/** What a test would send packets with by itself, and start an agent with. */
const BY_ITSELF: readonly (readonly [RegExp, string])[] = [
  [/node:dgram|createSocket\(/, 'sends datagrams: startTalker or startUdpFlow of test/support do'],
  [
    /'ping'|\bping6? -|\/dev\/(?:udp|tcp)\/|'socat'|'nc'/,
    'sends packets with a program: startTalker of test/support does',
  ],
  [/ENTRY, 'run'(?!, '--(?:dry-run|print-config)')/, 'starts an agent: startAgentProcess of test/support does'],
]

/** Where there are no pods, or no agent, to be judged; each with its reason. */
const NOT_ABOUT_PODS: Readonly<Record<string, string>> = {
  'test/kernel/facts/support.ts': 'asks the kernel, without an agent',
  'test/kernel/hostile-neighbour.test.ts': 'the sender is an enemy, whose packets shall be lost',
}

test('kernel tests start agents and send packets only where cut-off pods are judged', () => {
  const files = readdirSync(path.join(ROOT, 'test/kernel'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `test/kernel/${name}`)
  const breaches = files.flatMap((file) => breachesIn(file, readFileSync(path.join(ROOT, file), 'utf8')))
  assert.deepEqual(breaches, [])
})

test('the rule catches a test that pings, one that has a socket, and one that starts an agent', () => {
  for (const line of [
    "await netns.exec('ping', '-c1', ip)",
    "import { createSocket } from 'node:dgram'",
    "[ENTRY, 'run']",
  ])
    assert.equal(breachesIn('test/kernel/new.test.ts', line).length, 1, line)
})

function breachesIn(file: string, text: string): readonly string[] {
  if (file in NOT_ABOUT_PODS) return []
  return BY_ITSELF.flatMap(([pattern, instead]) => (pattern.test(text) ? [`${file} ${instead}`] : []))
}
