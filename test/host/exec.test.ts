/** What another program does is a result, never an exception. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runProgram } from '../../lib/host/exec.ts'

test('status, standard output and standard error come back', async () => {
  assert.deepEqual(await runProgram('sh', ['-c', 'echo out; echo err >&2; exit 3']), {
    outcome: 'exited',
    status: 3,
    stdout: 'out\n',
    stderr: 'err\n',
  })
})

test('arguments are passed as they are, without a shell', async () => {
  const result = await runProgram('printf', ['%s|', '$HOME', 'a b', ';'])
  assert.ok(result.outcome === 'exited')
  assert.equal(result.stdout, '$HOME|a b|;|')
})

test('input is written and closed, also for a program that does not read it', async () => {
  const echoed = await runProgram('cat', [], { input: 'hello' })
  assert.ok(echoed.outcome === 'exited' && echoed.stdout === 'hello')
  assert.equal((await runProgram('true', [], { input: 'x'.repeat(1 << 20) })).outcome, 'exited')
})

test('a program that is not there is missing', async () => {
  assert.deepEqual(await runProgram('vtepd-no-such-program', []), { outcome: 'missing' })
})

test('a program that takes too long is killed', async () => {
  assert.deepEqual(await runProgram('sleep', ['60'], { timeoutMs: 50 }), { outcome: 'timed-out' })
})

test('a program killed by somebody else has failed', async () => {
  assert.deepEqual(await runProgram('sh', ['-c', 'kill -TERM $$']), { outcome: 'failed', because: 'SIGTERM' })
})

test("programs of /usr/sbin are found with a user's PATH", async () => {
  const before = process.env.PATH
  process.env.PATH = '/usr/bin:/bin'
  try {
    const result = await runProgram('sh', ['-c', 'echo $PATH'])
    assert.ok(result.outcome === 'exited' && result.stdout.includes('/usr/sbin'))
  } finally {
    process.env.PATH = before
  }
})
