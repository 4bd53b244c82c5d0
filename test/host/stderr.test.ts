/** A real process goes on, stays small and ends as it should whatever the reader of its standard error does. */
import assert from 'node:assert/strict'
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'

const NODE = [
  process.execPath,
  '--expose-gc',
  '--import',
  'tsx',
  path.join(import.meta.dirname, 'support/stderr-child.ts'),
]
/** 6 MB: more than the pipe or socket, the queue and everything between hold. */
const STORM = 10_000
/** The queue's 1 MiB and what holds it. */
const MOST_HELD_BYTES = 2 << 20

/** The reading end of a child's standard error: nothing is read before `read` is called. */
interface End {
  readonly child: ChildProcess
  /** Reads what comes until `enough` holds of all that was read. */
  read(enough: (text: string) => boolean): Promise<string>
}

interface Place {
  readonly folder: string
  readonly socket: string
}

const ends: Record<string, (t: TestContext, place: Place) => End> = {
  pipe(t, { folder, socket }) {
    const name = path.join(folder, 'fifo')
    assert.equal(spawnSync('mkfifo', [name]).status, 0)
    const reading = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
    const writing = openSync(name, constants.O_WRONLY)
    const child = start([...NODE, socket], { stdio: ['ignore', 'inherit', writing] })
    closeSync(writing)
    t.after(() => closeSync(reading))
    return { child, read: (enough) => readDescriptor(reading, enough) }
  },
  socket(_t, { socket }) {
    const child = start([...NODE, socket], { stdio: ['ignore', 'inherit', 'pipe'] })
    return { child, read: (enough) => readStream(child.stderr, enough) }
  },
  terminal(_t, { socket }) {
    // script(1) is the terminal; it reads no more than its own standard output takes.
    const line = [...NODE, socket].map((word) => `'${word}'`).join(' ')
    const child = start(['script', '--quiet', '--return', '--command', line, '/dev/null'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    return { child, read: (enough) => readStream(child.stdout, enough) }
  },
}

function start([program = '', ...args]: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(program, args, options)
}

async function readDescriptor(fd: number, enough: (text: string) => boolean): Promise<string> {
  const room = Buffer.alloc(1 << 16)
  let text = ''
  while (!enough(text)) {
    try {
      const length = readSync(fd, room)
      if (length === 0) return text
      text += room.toString('latin1', 0, length)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return text
}

async function readStream(stream: Readable | null, enough: (text: string) => boolean): Promise<string> {
  let text = ''
  if (stream === null || enough(text)) return text
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    text += chunk
    if (enough(text)) return text
  }
  return text
}

interface Told {
  readonly end: End
  /** Sends an order and resolves with the answer. */
  ask(order: string): Promise<Record<string, unknown>>
  tell(order: string): void
  /** The process is gone. */
  readonly gone: Promise<unknown>
  readonly ended: Promise<number | null>
}

async function startChild(t: TestContext, kind: string): Promise<Told> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-stderr-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const socket = path.join(folder, 'control')
  const server = createServer().listen(socket)
  await once(server, 'listening')
  const end = ends[kind]?.(t, { folder, socket })
  assert.ok(end)
  const ended = once(end.child, 'exit').then(([status]) => status as number | null)
  t.after(() => end.child.kill('SIGKILL'))
  const [control] = (await once(server, 'connection')) as [Socket]
  server.close()
  control.on('error', () => {})
  const gone = once(control, 'close')
  const answers = createInterface({ input: control })[Symbol.asyncIterator]()
  const tell = (order: string): void => void control.write(`${order}\n`)
  return {
    end,
    tell,
    gone,
    ended,
    async ask(order) {
      tell(order)
      return JSON.parse((await answers.next()).value ?? '{}')
    },
  }
}

/** The last line that came is whole and holds `words`. */
function isLast(words: string): (text: string) => boolean {
  return (text) => text.endsWith('\n') && text.slice(text.lastIndexOf('\n', text.length - 2)).includes(words)
}

interface Line {
  readonly event: string
  readonly said?: number
  readonly lines?: number
}

function linesOf(text: string): Line[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

for (const kind of Object.keys(ends)) {
  test(`a ${kind} that nobody reads: the process works on, holds little, and tells the gap when it is read again`, async (t) => {
    const { end, ask, tell, ended } = await startChild(t, kind)
    assert.deepEqual(await ask('kind'), { kind })
    const first = await ask(`log ${STORM}`)
    assert.equal(first.said, STORM)
    assert.ok(Number(first.grownBytes) < MOST_HELD_BYTES, `holds ${first.grownBytes} bytes`)
    const last = await ask('log 1')
    assert.equal(last.said, STORM + 1)

    const lines = linesOf(await end.read(isLast(`"said":${STORM + 1},`)))
    const gap = lines.findIndex(({ event }) => event === 'log.gap')
    assert.ok(gap > 0)
    assert.deepEqual(
      lines.slice(0, gap).map(({ said }) => said),
      Array.from({ length: gap }, (_, n) => n + 1),
    )
    const dropped = lines[gap]?.lines ?? 0
    assert.equal(gap + dropped + (lines.length - gap - 1), STORM + 1)
    assert.equal(lines[gap + 1]?.said, gap + dropped + 1)
    assert.equal(lines.filter(({ event }) => event === 'log.gap').length, 1)

    tell('exit')
    assert.equal(await ended, 3)
  })

  test(`a ${kind} that nobody reads keeps the process neither from ending nor from its status`, async (t) => {
    const { ask, tell, gone, ended } = await startChild(t, kind)
    await ask(`log ${STORM}`)
    tell('exit')
    await gone
    // script(1) itself ends when it is read.
    if (kind !== 'terminal') assert.equal(await ended, 3)
  })

  test(`the last words before a surprise ends the process reach who reads a ${kind} late`, async (t) => {
    const { end, ask, tell, ended } = await startChild(t, kind)
    await ask(`log ${STORM}`)
    tell('throw')
    const lines = linesOf(await end.read(isLast('"run.surprise"')))
    assert.equal(lines.at(-1)?.event, 'run.surprise')
    assert.equal(await ended, 1)
  })

  test(`a warning of Node's own does not wait for the reader of a ${kind} either`, async (t) => {
    const { end, ask, tell, ended } = await startChild(t, kind)
    await ask(`log ${STORM}`)
    assert.deepEqual(await ask('warn'), { warned: true })
    assert.match(await end.read(isLast('"run.warning"')), /"msg":"something odd"/)
    tell('exit')
    assert.equal(await ended, 3)
  })
}

test('a pipe whose reader has gone: the process works on and ends with its status', async (t) => {
  const { end, ask, tell, ended } = await startChild(t, 'socket')
  end.child.stderr?.destroy()
  assert.equal((await ask('log 1000')).said, 1000)
  tell('exit')
  assert.equal(await ended, 3)
})

test('a file gets every line at once', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-stderr-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const name = path.join(folder, 'log')
  const fd = openSync(name, 'w')
  ends.file = (_t, { socket }) => ({
    child: start([...NODE, socket], { stdio: ['ignore', 'inherit', fd] }),
    read: async () => '',
  })
  const { ask, tell, ended } = await startChild(t, 'file')
  closeSync(fd)
  assert.deepEqual(await ask('kind'), { kind: 'file' })
  await ask('log 2000')
  assert.equal(linesOf(readFileSync(name, 'utf8')).length, 2000)
  tell('exit')
  assert.equal(await ended, 3)
})
