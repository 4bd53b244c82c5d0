/**
 * The body of an answer that goes on for minutes, read piece by piece; reads that follow each other closely are made
 * together (read-pace.ts). Must not: know what the bytes mean, or keep them.
 */
import type { IncomingMessage } from 'node:http'
import { performance } from 'node:perf_hooks'
import { createReadPace, type PaceTime } from './read-pace.ts'

export interface KubeStream {
  readonly contentType: string | undefined
  /**
   * Once: hands over each piece as it comes, of any length; no iterator, as its promises for each of 5,000 pieces would
   * cost as much as reading them. Resolves at the end; rejects with what `onPiece` throws, or when the body is cut off.
   */
  read(onPiece: (bytes: Buffer) => void): Promise<void>
  /** From now on pieces that follow each other closely are read together: for a stream that is at the present. */
  gather(): void
}

/**
 * What a socket does has no other time, in tests neither. An interval, as making a timer for each rest would cost more than
 * the rest saves; it ends when nothing comes.
 */
const REAL_TIME: PaceTime = {
  now: () => performance.now(),
  every(ms, tick) {
    const timer = setInterval(tick, ms)
    return () => clearInterval(timer)
  },
}

export function createKubeStream(response: IncomingMessage): KubeStream {
  const pace = createReadPace(() => response.resume(), REAL_TIME)
  return {
    contentType: response.headers['content-type'],
    read: (onPiece) =>
      new Promise<void>((resolve, reject) => {
        const fail = (error: unknown): void => {
          reject(error)
          response.destroy()
        }
        response.on('data', (bytes: Buffer) => {
          try {
            onPiece(bytes)
            if (!pace.mayGoOn(bytes.length)) response.pause()
          } catch (error) {
            fail(error)
          }
        })
        response.on('end', resolve)
        response.on('error', fail)
        response.on('close', () => fail(new Error('the connection was closed')))
        if (response.destroyed) fail(response.errored ?? new Error('the connection was closed'))
      }).finally(pace.stop),
    gather: pace.slow,
  }
}
