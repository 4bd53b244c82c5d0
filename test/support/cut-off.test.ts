/** The judge of cut-off pods: what counts as said, and whom it holds to it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentProcess, LogLine } from './agent-process.ts'
import { complaint, isSaid, livesOn, wasSaid, witness } from './cut-off.ts'
import type { Netns } from './netns.ts'

const line = (event: string, level = 'info', monotonicMs = 0): LogLine => ({ event, level, monotonicMs, msg: event })

function agentSaying(lines: readonly LogLine[]): AgentProcess {
  const never = new Promise<number | null>(() => undefined)
  return { pid: 1, lines, until: () => Promise.reject(new Error('not asked')), ended: never, kill: () => undefined }
}

const netns = (name: string): Netns => ({ name, path: '', exec: async () => '' })

test('an agent complains while it is not ready, and while a warning stands that is about packets', () => {
  assert.equal(complaint([]), 'not ready yet')
  assert.equal(complaint([line('agent.ready')]), undefined)
  assert.equal(complaint([line('agent.ready'), line('agent.not-ready')]), 'agent.not-ready')
  assert.equal(complaint([line('agent.ready'), line('mesh.unreachable', 'warn')]), 'mesh.unreachable')
  assert.equal(complaint([line('agent.ready'), line('way.mtu', 'warn'), line('way.mtu')]), undefined)
  assert.equal(complaint([line('agent.ready'), line('host.sysctl', 'warn')]), undefined)
  const before = [line('agent.ready'), line('way.uplink', 'warn', 10)]
  assert.equal(complaint(before, 20), undefined, 'it stood before, and is about something else')
  assert.equal(complaint([...before, line('mesh.down', 'warn', 30)], 20), 'mesh.down')
})

test('a cut has to be said by one of the two, unless one of them cannot or it is over', async () => {
  const [a, b, pod] = [netns('judge-a'), netns('judge-b'), netns('judge-pod')]
  const said = [line('agent.ready')]
  let asked = 0
  const lasts = async (): Promise<boolean> => {
    asked += 1
    if (asked === 3) said.push(line('mesh.down', 'warn'))
    return true
  }
  await isSaid(a, b, lasts)
  assert.equal(asked, 0, 'no agent runs')
  const first = witness(a, agentSaying([line('agent.ready')]))
  witness(b, agentSaying(said))
  livesOn(pod, a)
  await isSaid(pod, b, lasts)
  assert.equal(asked, 3, 'it is waited for what one of them says')
  said.pop()
  await isSaid(pod, b, async () => false)
  assert.throws(() => wasSaid(a, b, { fromMs: 0, toMs: 1e9 }), /judge-a does not reach judge-b/)
  wasSaid(a, b, { fromMs: 0, toMs: 100 })
  first.kill('SIGSTOP')
  wasSaid(a, b, { fromMs: 0, toMs: 1e9 })
})
