/**
 * Asks a running agent through its socket. Owns how it is found, and what is said where none answers. Must not: know what an
 * answer holds.
 */
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { HostError } from '../../errors.ts'
import { listFolder } from '../../host/files.ts'
import { messageOf } from '../../util/message-of.ts'
import type { WindowFlags } from './flags.ts'

const SUFFIX = '.sock'
/** A look at 100,000 peers takes a second or two. */
const PATIENCE_MS = 30_000

/** Rejects with HostError: none runs here, several do, or it does not answer. */
export async function findAgent(flags: Pick<WindowFlags, 'run-dir' | 'device'>): Promise<string> {
  const folder = path.resolve(flags['run-dir'])
  if (flags.device !== '') return path.join(folder, `${flags.device}${SUFFIX}`)
  const found = (await listFolder(folder)).filter((name) => name.endsWith(SUFFIX)).sort()
  const [only] = found
  if (only === undefined)
    throw new HostError(
      `no agent to ask: ${folder} has no socket of one; is it running (systemctl status vtepd; systemctl start vtepd), does it have another --run-dir, and may you read ${folder}?`,
    )
  if (found.length > 1) {
    const names = found.map((name) => name.slice(0, -SUFFIX.length)).join(', ')
    throw new HostError(`several agents were started here: choose one with --device (${names})`)
  }
  return path.join(folder, only)
}

/** The answer to one question. Rejects with HostError. */
export async function askAgent<T>(socketPath: string, question: string, patienceMs = PATIENCE_MS): Promise<T> {
  return read<T>(socketPath, await send(socketPath, question, patienceMs))
}

async function read<T>(socketPath: string, response: IncomingMessage): Promise<T> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  if (response.statusCode !== 200)
    throw new HostError(`the agent at ${socketPath} answers ${response.statusCode}: ${text.trim()}`)
  return JSON.parse(text) as T
}

/** Changes something of a running agent. Rejects with HostError. */
export async function tellAgent<T>(socketPath: string, change: string): Promise<T> {
  return read<T>(socketPath, await send(socketPath, change, PATIENCE_MS, 'POST'))
}

/** Lines of JSON until the reader ends; rejects with HostError when the agent does. */
export async function* followAgent<T>(socketPath: string, question: string): AsyncIterable<T> {
  const response = await send(socketPath, question)
  try {
    for await (const line of createInterface({ input: response })) if (line !== '') yield JSON.parse(line) as T
  } catch (error) {
    throw new HostError('the agent has ended', { cause: error })
  }
  throw new HostError('the agent has ended')
}

function send(
  socketPath: string,
  question: string,
  patienceMs = PATIENCE_MS,
  method = 'GET',
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked: ClientRequest = request({ socketPath, method, path: `/v1/${question}` }, (response) => {
      asked.setTimeout(0)
      resolve(response)
    })
    asked.setTimeout(patienceMs, () => asked.destroy(new Error(`no answer within ${patienceMs / 1000} s`)))
    asked.on('error', (error: NodeJS.ErrnoException) =>
      reject(new HostError(sentence(socketPath, error), { cause: error })),
    )
    asked.end()
  })
}

function sentence(socketPath: string, error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'ENOENT':
      return `no agent to ask: there is no ${socketPath}; vtepd run makes it (--run-dir)`
    case 'ECONNREFUSED':
      return `no agent to ask: nobody listens at ${socketPath}, so its agent has ended (systemctl status vtepd; systemctl start vtepd)`
    case 'EACCES':
      return `${socketPath} belongs to root: ask as root`
    default:
      return `the agent at ${socketPath} does not answer: ${messageOf(error)}; one that is stopped or hangs is started again by systemctl restart vtepd`
  }
}
