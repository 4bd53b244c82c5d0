/**
 * Every command, whichever there are, where what it writes goes nowhere: a reader that has gone, a full device, closed descriptors, a
 * terminal without Unicode, a narrow one. And those that go on for as long as somebody reads.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { createJournal, type Journal } from '../../lib/agent/window/journal.ts'
import { openOperatorSocket } from '../../lib/agent/window/operator-socket.ts'
import type { AgentReport } from '../../lib/agent/window/report.ts'
import { ANSWERED_AT_ONCE, COMMANDS } from '../../lib/cli/command-list.ts'
import { createKeptLog } from '../agent/support/log-lines.ts'
import { ENTRY } from '../support/agent-process.ts'
import { patience } from '../support/patience.ts'

const PATIENCE_MS = patience(30_000)
const AT_ONCE = 4

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

interface How {
  readonly env?: NodeJS.ProcessEnv
  /** What a shell puts behind the command: `>/dev/full`. */
  readonly redirect?: string
  /** A descriptor in the place of standard output. */
  readonly stdout?: number
}

/** None is without an end: each is killed, and then has no status. */
async function vtepd(words: readonly string[], { env = {}, redirect = '', stdout }: How = {}): Promise<Ended> {
  const child = spawn('sh', ['-c', `exec "$@" ${redirect}`, 'sh', process.execPath, ENTRY, ...words], {
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...env },
    stdio: ['ignore', stdout ?? 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  })
  const said = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    said.stdout += text
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said.stderr += text
  })
  const [status] = (await once(child, 'close')) as [number | null]
  return { status, ...said }
}

/** Help is what every command writes; those with flags for it write the most. */
const HELPS = [['--help'], ...[...COMMANDS, ...ANSWERED_AT_ONCE].map(({ name }) => ['help', name])]
const SMALL: readonly (readonly string[])[] = [['version'], ['completion', 'bash'], ['completion', 'man', 'run']]

async function eachOf(
  all: readonly (readonly string[])[],
  check: (words: readonly string[]) => Promise<void>,
): Promise<void> {
  const waiting = [...all]
  const worker = async (): Promise<void> => {
    for (let words = waiting.shift(); words !== undefined; words = waiting.shift()) await check(words)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** Both ends of a pipe. */
function pipe(t: TestContext): { reading: number; writing: number } {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-pipe-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const name = path.join(folder, 'pipe')
  assert.equal(spawnSync('mkfifo', [name]).status, 0)
  const reading = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
  return { reading, writing: openSync(name, constants.O_WRONLY) }
}

test('a reader that has gone ends a command quietly, as SIGPIPE ends others', async (t) => {
  const { reading, writing } = pipe(t)
  closeSync(reading)
  await eachOf([...HELPS, ...SMALL], async (words) => {
    const { status, stderr } = await vtepd(words, { stdout: writing })
    assert.deepEqual([words, status, stderr], [words, 141, ''])
  })
  closeSync(writing)
})

test('a full device is one sentence and status 1', async () => {
  await eachOf([...HELPS, ...SMALL], async (words) => {
    const { status, stderr } = await vtepd(words, { redirect: '>/dev/full' })
    assert.deepEqual(
      [words, status, stderr],
      [words, 1, 'vtepd: standard output cannot be written: no space is left there (ENOSPC)\n'],
    )
  })
  const both = await vtepd(['--help'], { redirect: '>/dev/full 2>&1' })
  assert.equal(both.status, 1)
})

test('closed descriptors change no exit status', async () => {
  await eachOf(HELPS, async (words) => {
    const { status, stderr } = await vtepd(words, { redirect: '<&- >&- 2>&-' })
    assert.deepEqual([words, status, stderr], [words, 0, ''])
  })
  for (const redirect of ['2>&-', '2>/dev/full'])
    assert.equal((await vtepd(['status', '--nope'], { redirect })).status, 2, redirect)
})

test('without Unicode everything is ASCII, and a narrow line is kept but for what is typed', async () => {
  for (const locale of [{ LANG: 'C' }, { LC_ALL: 'POSIX' }, { LANG: '' }, { LC_CTYPE: 'de_DE.ISO-8859-1' }])
    assert.doesNotMatch((await vtepd(['help', 'status'], { env: locale })).stdout, /[^\0-\x7f]/, JSON.stringify(locale))
  assert.match((await vtepd(['help', 'status'])).stdout, /…/)
  await eachOf(HELPS, async (words) => {
    const { status, stdout } = await vtepd(words, { env: { LANG: 'C', COLUMNS: '40', TERM: 'dumb' } })
    assert.equal(status, 0)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none shall be there
    assert.doesNotMatch(stdout, /[^\0-\x7f]|\x1b/, words.join(' '))
    const wide = stdout.split('\n').filter((line) => line.length > 40 && !line.startsWith(' '))
    assert.deepEqual(wide, [], words.join(' '))
  })
})

const REPORT: AgentReport = {
  version: '0.1.0',
  pid: 1,
  node: 'café',
  startedAt: '2026-11-29T12:00:00.000Z',
  ready: true,
  text: 'ready',
  checks: [],
  leases: { source: 'file', peers: 0, incomplete: null, stale: null, rejected: [], silent: [] },
  families: [],
  faults: [],
  memoryBytes: 1,
}

/** An agent as far as a window sees one; the flag that finds it. */
async function openWindow(t: TestContext): Promise<{ readonly flag: string; readonly journal: Journal }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-window-'))
  const journal = createJournal(createKeptLog())
  const peers = Array.from({ length: 5000 }, (_, n) => ({
    node: `node-${n}`,
    family: 'ipv4',
    subnet: '10.42.1.0/24',
    underlay: '192.168.7.1',
    lladdr: null,
    stands: true,
  }))
  const socket = await openOperatorSocket({
    path: path.join(folder, 'flannel.1.sock'),
    answers: { status: () => REPORT, events: () => journal.entries(), peers: () => peers.values() },
    changes: {},
    streams: { follow: (emit) => journal.follow(emit) },
    log: createKeptLog(),
  })
  t.after(async () => {
    await socket?.close()
    rmSync(folder, { recursive: true })
  })
  return { flag: `--run-dir=${folder}`, journal }
}

/** Resolves with the first bytes that come. */
async function firstOf(reading: number): Promise<string> {
  const room = Buffer.alloc(1 << 16)
  for (;;) {
    try {
      const length = readSync(reading, room)
      if (length > 0) return room.toString('utf8', 0, length)
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN')
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('what goes on for as long as somebody reads ends when nobody does, whether there is news or not', async (t) => {
  const { flag, journal } = await openWindow(t)
  journal.log.info('a.first', 'one line')
  for (const words of [
    ['events', '--follow'],
    ['events', '--follow', '--json'],
    ['status', '--watch'],
  ]) {
    const { reading, writing } = pipe(t)
    const ending = vtepd([...words, flag], { stdout: writing })
    closeSync(writing)
    await firstOf(reading)
    closeSync(reading)
    const { status, stderr } = await ending
    assert.deepEqual([words, status, stderr], [words, 141, ''])
  }
})

test('more than a pipe holds ends as well, and JSON says the same in ASCII', async (t) => {
  const { flag } = await openWindow(t)
  const { reading, writing } = pipe(t)
  const ending = vtepd(['peers', flag], { stdout: writing })
  closeSync(writing)
  await firstOf(reading)
  closeSync(reading)
  assert.deepEqual([(await ending).status, (await ending).stderr], [141, ''])
  assert.equal((await vtepd(['peers', flag], { redirect: '>/dev/full' })).status, 1)
  const { stdout } = await vtepd(['status', '--json', flag], { env: { LANG: 'C' } })
  assert.match(stdout, /caf\\u00e9/)
  assert.equal((JSON.parse(stdout) as AgentReport).node, 'café')
})
