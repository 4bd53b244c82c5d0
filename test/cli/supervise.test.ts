/** From the agent's life to the exit status, and what signals do. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { test } from 'node:test'
import type { Agent } from '../../lib/agent/agent.ts'
import type { AgentStatus } from '../../lib/agent/status.ts'
import { superviseAgent } from '../../lib/cli/supervise.ts'
import { ConfigError, LockedError } from '../../lib/errors.ts'
import { createLog } from '../../lib/host/log.ts'

interface Stage {
  /** What the agent says of itself. */
  say(text: string): void
  readonly status: Promise<number>
  readonly said: string[]
  readonly lines: string[]
  /** What who gives memory back was told. */
  readonly rested: (boolean | string)[]
  tell(signal: string): void
  fail(error: unknown): void
}

function stage(): Stage {
  const said: string[] = []
  const lines: string[] = []
  const rested: (boolean | string)[] = []
  let listener: (status: AgentStatus) => void = () => {}
  const told = withResolvers<string>()
  const ended = withResolvers<void>()
  const agent: Pick<Agent, 'ready' | 'onStatus' | 'ended' | 'stop'> = {
    ready: false,
    ended: ended.promise,
    onStatus(listen) {
      listener = listen
    },
    async stop() {
      said.push('stopped')
      ended.resolve()
    },
  }
  const notify = {
    running: (status: string, serves: boolean) => void said.push(`running${serves ? ' and serves' : ''}: ${status}`),
    stopping: () => void said.push('stopping'),
  }
  const log = createLog({ level: 'info', format: 'json', destination: { write: (line) => lines.push(line) } })
  const rest = { judged: (ready: boolean) => void rested.push(ready), stop: () => void rested.push('stop') }
  const status = superviseAgent(agent, { log, notify, rest, told: told.promise })
  const say = (text: string): void =>
    listener({ ready: text.startsWith('ready'), text, podsCanStart: text.startsWith('ready'), checks: [] })
  return { say, status, said, lines, rested, tell: told.resolve, fail: ended.reject }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

test('told to end: the service manager hears it, the agent stops, status 0', async () => {
  const { status, said, lines, tell } = stage()
  tell('SIGTERM')
  assert.equal(await status, 0)
  assert.deepEqual(said, ['stopping', 'stopped'])
  assert.match(lines.at(-1) ?? '', /"msg":"Exiting cleanly\.\.\."/)
})

test('who gives memory back hears whether the agent is ready, and its end', async () => {
  const { say, status, rested, tell } = stage()
  say('waits for the API server')
  say('ready, 3 peers')
  tell('SIGTERM')
  await status
  assert.deepEqual(rested, [false, true, 'stop'])
})

test('the service manager hears each thing that the agent says of itself', async () => {
  const { say, status, said, tell } = stage()
  assert.deepEqual(said, [])
  say('waiting: leases')
  say('ready: 3 peers')
  assert.deepEqual(said, ['running: waiting: leases', 'running and serves: ready: 3 peers'])
  tell('SIGINT')
  await status
})

test('an agent that cannot go on: one line with the code, status 1; for a configuration status 2', async () => {
  const locked = stage()
  locked.fail(new LockedError('flannel.1', 'vtepd (process 7)'))
  assert.equal(await locked.status, 1)
  assert.equal(locked.lines.length, 1)
  const { level, event, msg, error } = JSON.parse(locked.lines[0] ?? '')
  assert.deepEqual([level, event, error.code], ['error', 'run.failed', 'ERR_VTEPD_LOCKED'])
  assert.match(msg, /^vtepd cannot go on: ERR_VTEPD_LOCKED flannel\.1 is already kept by vtepd \(process 7\)/)
  const wrong = stage()
  wrong.fail(new ConfigError('--healthz-port', 'port 8081 is taken'))
  assert.equal(await wrong.status, 2)
})

const SUPERVISE = path.resolve(import.meta.dirname, '../../lib/cli/supervise.ts')
const LOG = path.resolve(import.meta.dirname, '../../lib/host/log.ts')

function child(code: string): ReturnType<typeof spawn> {
  const argv = ['--import', 'tsx', '--input-type=module', '-e', code]
  return spawn(process.execPath, argv, { cwd: path.dirname(SUPERVISE), stdio: ['ignore', 'pipe', 'pipe'] })
}

test('the first signal is heard, the second kills at once', async () => {
  const process_ = child(`
    const { onTermination } = await import(${JSON.stringify(SUPERVISE)})
    setInterval(() => {}, 1000)
    const told = onTermination()
    process.stdout.write('waiting')
    process.stdout.write(await told)`)
  const { stdout } = process_
  assert.ok(stdout)
  assert.equal(String((await once(stdout, 'data'))[0]), 'waiting')
  process_.kill('SIGINT')
  assert.equal(String((await once(stdout, 'data'))[0]), 'SIGINT')
  process_.kill('SIGTERM')
  assert.deepEqual(await once(process_, 'exit'), [null, 'SIGTERM'])
})

test('what nobody handled is logged with its code and ends the process with status 1', async () => {
  for (const surprise of [
    'Promise.reject(new InvariantError("x"))',
    'setImmediate(() => { throw new InvariantError("x") })',
  ]) {
    const process_ = child(`
      const { endOnSurprise } = await import(${JSON.stringify(SUPERVISE)})
      const { createLog } = await import(${JSON.stringify(LOG)})
      const { InvariantError } = await import(${JSON.stringify(path.resolve(SUPERVISE, '../../errors.ts'))})
      setInterval(() => {}, 1000)
      endOnSurprise(createLog({ level: 'info', format: 'json' }))
      ${surprise}`)
    let text = ''
    process_.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    assert.deepEqual(await once(process_, 'close'), [1, null], text)
    const { event, error } = JSON.parse(text)
    assert.deepEqual([event, error.code], ['run.surprise', 'ERR_VTEPD_INVARIANT'])
  }
})
