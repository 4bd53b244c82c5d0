/**
 * A headless Chromium, spoken to by the DevTools protocol over two pipes: pages from files, in a given width and colour scheme.
 * Must not: use a profile that is not its own, or outlive the test.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { TestContext } from 'node:test'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

const program = NAMES.flatMap((name) =>
  (process.env.PATH ?? '').split(path.delimiter).map((folder) => path.join(folder, name)),
).find(isProgram)

/** Options of a test that needs the browser: without one it skips and says so. */
export const browserTests = {
  skip: program === undefined ? `none of ${NAMES.join(', ')} is installed (Debian: chromium)` : false,
  timeout: 120_000,
}

export interface View {
  readonly width: number
  readonly scheme: 'light' | 'dark'
  readonly media?: 'screen' | 'print'
}

export interface Page {
  /** All that it asked for, itself included; and what it complained about. */
  readonly requests: readonly string[]
  readonly complaints: readonly string[]
  view(view: View): Promise<void>
  /** The value of an expression in the page, which must be JSON. */
  evaluate<Value>(expression: string): Promise<Value>
  /** PNG of the whole page. */
  screenshot(): Promise<Buffer>
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: Record<string, unknown>
  readonly error?: { readonly message: string }
}

type Send = (method: string, params?: Record<string, unknown>) => Promise<Record<string, unknown>>

/** Opens a file in a browser of its own, which ends with the test. */
export async function openPage(t: TestContext, file: string): Promise<Page> {
  const profile = mkdtempSync(path.join(tmpdir(), 'vtepd-browser-'))
  const child = startBrowser(profile)
  const { send, onEvent } = speak(child)
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) await send('Browser.close').catch(() => {})
    await ended(child)
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  const { targetId } = await send('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await send('Target.attachToTarget', { targetId, flatten: true })
  const ask: Send = (method, params = {}) => send(method, { ...params, sessionId })
  const requests: string[] = []
  const complaints: string[] = []
  const loaded = new Promise<void>((resolve) => {
    onEvent(({ method, params }) => {
      if (method === 'Network.requestWillBeSent') requests.push((params as { request: { url: string } }).request.url)
      if (method === 'Log.entryAdded' || method === 'Runtime.consoleAPICalled' || method === 'Runtime.exceptionThrown')
        complaints.push(JSON.stringify(params))
      if (method === 'Page.loadEventFired') resolve()
    })
  })
  for (const domain of ['Network', 'Log', 'Runtime', 'Page']) await ask(`${domain}.enable`)
  await ask('Page.navigate', { url: `file://${file}` })
  await loaded
  return { requests, complaints, ...pageOf(ask) }
}

function pageOf(ask: Send): Pick<Page, 'view' | 'evaluate' | 'screenshot'> {
  const evaluate = async <Value>(expression: string): Promise<Value> => {
    const { result, exceptionDetails } = await ask('Runtime.evaluate', { expression, returnByValue: true })
    assert.equal(exceptionDetails, undefined, JSON.stringify(exceptionDetails))
    return (result as { value: Value }).value
  }
  return {
    evaluate,
    async view({ width, scheme, media = 'screen' }) {
      const features = [{ name: 'prefers-color-scheme', value: scheme }]
      await ask('Emulation.setEmulatedMedia', { media, features })
      const resize = (height: number) =>
        ask('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false })
      await resize(800)
      await resize(await evaluate<number>('document.documentElement.scrollHeight'))
    },
    async screenshot() {
      const { data } = await ask('Page.captureScreenshot', { captureBeyondViewport: true })
      return Buffer.from(String(data), 'base64')
    },
  }
}

function startBrowser(profile: string): ChildProcess {
  assert.ok(program !== undefined)
  // Root in a namespace of its own cannot have Chromium's sandbox, and /dev/shm may be small.
  const flags = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run']
  const quiet = [
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-extensions',
    '--mute-audio',
  ]
  const own = ['--remote-debugging-pipe', `--user-data-dir=${profile}`]
  return spawn(program, [...flags, ...quiet, ...own, 'about:blank'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: profile, TMPDIR: profile },
  })
}

/** JSON documents that end in a zero byte: what we say on descriptor 3, what it says on 4. */
function speak(child: ChildProcess): { send: Send; onEvent(listener: (message: Message) => void): void } {
  const [to, from] = [child.stdio[3] as Writable, child.stdio[4] as Readable]
  const waiting = new Map<number, (message: Message) => void>()
  const listeners: ((message: Message) => void)[] = []
  let count = 0
  let rest = ''
  to.on('error', () => {})
  child.once('exit', () => {
    for (const answer of waiting.values()) answer({ error: { message: 'the browser has ended' } })
  })
  from.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\0')
    rest = parts.pop() ?? ''
    for (const message of parts.map((part) => JSON.parse(part) as Message)) {
      if (message.id === undefined) for (const listener of listeners) listener(message)
      else waiting.get(message.id)?.(message)
    }
  })
  return {
    onEvent: (listener) => void listeners.push(listener),
    async send(method, { sessionId, ...params } = {}) {
      count += 1
      const id = count
      const answer = new Promise<Message>((resolve) => waiting.set(id, resolve))
      to.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
      const { result, error } = await answer
      assert.equal(error, undefined, `${method}: ${error?.message}`)
      return result ?? {}
    },
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
