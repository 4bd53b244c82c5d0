/**
 * One agent a device: the lock is an abstract Unix socket named after the device, so it belongs to the network namespace,
 * needs no file and dies with its owner (design decision 13). Whoever connects is told who holds it.
 * Must not: break a lock; the kernel releases it when the holder is gone.
 */
import net from 'node:net'
import { LockedError } from '../errors.ts'

export interface Lock {
  release(): Promise<void>
}

/** What a holder says of itself; `pid` is as seen in its own PID namespace. */
interface Holder {
  readonly pid: number
  readonly program: string
}

/** The time that a holder has to say who it is, milliseconds. */
const ANSWER_MS = 500

/** Rejects with LockedError when another agent of this network namespace keeps `device`. */
export async function lockDevice(device: string): Promise<Lock> {
  const holder: Holder = { pid: process.pid, program: 'vtepd' }
  const server = net.createServer((connection) => {
    connection.on('error', () => connection.destroy())
    connection.end(`${JSON.stringify(holder)}\n`)
  })
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ path: lockName(device) }, resolve)
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new LockedError(device, (await askHolder(device)) ?? 'another process that does not say who it is')
  }
  server.unref()
  return { release: () => new Promise((resolve) => server.close(() => resolve())) }
}

/** `vtepd (process 123)`, or undefined when nobody holds the lock of `device` or the holder does not answer. */
export function askHolder(device: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = ''
    const socket = net.connect({ path: lockName(device) })
    socket.setTimeout(ANSWER_MS, () => socket.destroy())
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8')
    })
    socket.on('error', () => resolve(undefined))
    socket.on('close', () => resolve(describe(text)))
  })
}

function describe(text: string): string | undefined {
  try {
    const { program, pid } = JSON.parse(text) as Partial<Holder>
    return `${String(program)} (process ${String(pid)})`
  } catch {
    return undefined
  }
}

function lockName(device: string): string {
  return `\0vtepd/${device}`
}
