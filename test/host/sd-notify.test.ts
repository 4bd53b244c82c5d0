/** systemd is told through systemd-notify, and nothing that goes wrong there hurts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ProgramResult, RunProgram } from '../../lib/host/exec.ts'
import { createLog } from '../../lib/host/log.ts'
import { createSdNotify, type SdNotify } from '../../lib/host/sd-notify.ts'

function notifier(
  result: ProgramResult,
  env: NodeJS.ProcessEnv,
): { notify: SdNotify; calls: string[]; lines: string[] } {
  const calls: string[] = []
  const lines: string[] = []
  const run: RunProgram = async (program, args) => {
    calls.push([program, ...args].join(' '))
    return result
  }
  const log = createLog({ level: 'info', format: 'text', destination: { write: (line) => lines.push(line) } })
  return { notify: createSdNotify({ log, env, run }), calls, lines }
}

const DONE: ProgramResult = { outcome: 'exited', status: 0, stdout: '', stderr: '' }

test('readiness with a status line and the end are sent', async () => {
  const { notify, calls, lines } = notifier(DONE, { NOTIFY_SOCKET: '@/org/systemd/notify' })
  await notify.ready('3 peers')
  await notify.stopping()
  assert.deepEqual(calls, ['systemd-notify READY=1 STATUS=3 peers', 'systemd-notify STOPPING=1'])
  assert.deepEqual(lines, [])
})

test('without NOTIFY_SOCKET nothing is run', async () => {
  const { notify, calls, lines } = notifier(DONE, {})
  await notify.ready('x')
  assert.deepEqual([calls, lines], [[], []])
})

test('a missing program and a failure are warnings that say what to do', async () => {
  const missing = notifier({ outcome: 'missing' }, { NOTIFY_SOCKET: '/run/x' })
  await missing.notify.ready('x')
  assert.match(missing.lines.join(''), /^W.*systemd-notify is not installed; install it, or use Type=simple/)
  const failed = notifier(
    { outcome: 'exited', status: 1, stdout: '', stderr: 'refused\n' },
    { NOTIFY_SOCKET: '/run/x' },
  )
  await failed.notify.stopping()
  assert.match(failed.lines.join(''), /STOPPING=1: systemd-notify exited with 1: refused/)
})
