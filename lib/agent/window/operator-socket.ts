/**
 * Where a person asks the running agent: HTTP with JSON on a Unix socket that belongs to root alone. Owns the socket file. Must
 * not: know what an answer holds, nor keep the agent from running: what cannot be opened is one warning.
 */
import { chmod, mkdir, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import path from 'node:path'
import type { Log } from '../../util/log.ts'
import { messageOf } from '../../util/message-of.ts'
import { printableAll } from '../../util/printable.ts'
import { sendRows } from './send-rows.ts'

/** Answers one question. What yields its rows (a generator, no array) is sent row by row. */
export type Answer = (query: URLSearchParams) => unknown | Promise<unknown>

export interface OperatorSocketParts {
  /** Its folder is made where it is missing. */
  readonly path: string
  /** By path below /v1/: `status`, `peers`. */
  readonly answers: Readonly<Record<string, Answer>>
  /** As `answers`, by POST: they change something. */
  readonly changes: Readonly<Record<string, Answer>>
  /** Lines of JSON for as long as somebody reads them: `emit` is called for each; what is returned ends that. */
  readonly streams: Readonly<Record<string, (emit: (line: object) => void) => () => void>>
  readonly log: Log
}

export interface OperatorSocket {
  close(): Promise<void>
}

/** Bytes that one reader may leave unread. */
const MOST_UNREAD = 1 << 20

/** Never rejects. undefined: there is no socket, and the log says why. */
export async function openOperatorSocket(parts: OperatorSocketParts): Promise<OperatorSocket | undefined> {
  const server = createServer((question, response) => {
    answer(question, response, parts).catch((error: unknown) => {
      // Half an answer must not look like a whole one.
      if (response.headersSent) response.destroy()
      else send(response, 500, { error: messageOf(error) })
    })
  })
  try {
    await mkdir(path.dirname(parts.path), { recursive: true, mode: 0o755 })
    if (await isAnswered(parts.path)) throw new Error('another process listens there')
    await rm(parts.path, { force: true })
    await listen(server, parts.path)
    await chmod(parts.path, 0o600)
  } catch (error) {
    server.close()
    parts.log.warn(
      'window.closed',
      `vtepd status and the like will find no agent: the socket ${parts.path} cannot be opened (${messageOf(error)}); give another folder with --run-dir`,
    )
    return undefined
  }
  server.unref()
  return {
    async close() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      await rm(parts.path, { force: true })
    },
  }
}

async function answer(
  question: IncomingMessage,
  response: ServerResponse,
  { answers, changes, streams }: OperatorSocketParts,
): Promise<void> {
  const [where = '', query] = (question.url ?? '').split('?', 2)
  const name = where.replace(/^\/v1\//, '')
  const known = question.method === 'POST' ? changes : answers
  const found = Object.hasOwn(known, name) ? known[name] : undefined
  const stream = Object.hasOwn(streams, name) ? streams[name] : undefined
  if (found !== undefined) {
    const body = await found(new URLSearchParams(query))
    if (isRows(body)) await sendRows(response, body)
    else send(response, 200, body)
  } else if (stream === undefined) send(response, 404, { error: `there is nothing at ${where}` })
  else {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
    const end = stream((line) => {
      response.write(`${JSON.stringify(printableAll(line))}\n`)
      // Who does not read is let go.
      if (response.writableLength > MOST_UNREAD) response.destroy()
    })
    response.on('close', end)
  }
}

function isRows(answer: unknown): answer is Iterable<object | undefined> {
  return typeof answer === 'object' && answer !== null && Symbol.iterator in answer && !Array.isArray(answer)
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = `${JSON.stringify(printableAll(body))}\n`
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}

function listen(server: Server, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // Nobody else gets in before the mode is set.
    const before = process.umask(0o177)
    server.listen({ path: file }, () => {
      server.off('error', reject)
      server.on('error', () => undefined)
      resolve()
    })
    process.umask(before)
  })
}

/** A file that nobody listens at is what a killed agent left. */
function isAnswered(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const question = request({ socketPath: file, path: '/', timeout: 500 }, (response) => {
      response.resume()
      resolve(true)
    })
    question.on('timeout', () => question.destroy())
    question.on('error', (error: NodeJS.ErrnoException) =>
      resolve(!['ENOENT', 'ECONNREFUSED'].includes(error.code ?? '')),
    )
    question.end()
  })
}
