/** `vtepd release --json` of the built command, in a namespace. Must not: judge what it says. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { type AgentFolder, ENTRY } from '../../../support/agent-process.ts'
import type { Netns } from '../../../support/netns.ts'

export interface Released {
  readonly status: number | null
  readonly stderr: string
  readonly additions: readonly string[]
  readonly removals: readonly string[]
  readonly failures: readonly unknown[]
}

/** After the agent of `folder`, whose files it reads. */
export function runRelease(netns: Netns, { flags }: AgentFolder, argv: readonly string[] = []): Released {
  const places = flags.filter((flag) => /^--(?:net-config-path|state-dir)=/.test(flag))
  const command = [process.execPath, ENTRY, 'release', '--json', ...places, ...argv]
  const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', netns.name, ...command], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  if (stdout === '') return { status, stderr, additions: [], removals: [], failures: [] }
  const report = JSON.parse(stdout)
  assert.deepEqual(Object.keys(report), ['dryRun', 'vnis', 'additions', 'removals', 'failures', 'notes'])
  const texts = (list: readonly { subject: string }[]) => list.map(({ subject }) => subject)
  const { additions, removals, failures } = report
  return { status, stderr, additions: texts(additions), removals: texts(removals), failures }
}
