/**
 * The body of an answer that goes on for minutes, read piece by piece; reads that follow each other closely are made
 * together, as each by itself costs a wake-up of the process. Must not: know what the bytes mean, or keep them.
 */
import type { IncomingMessage } from 'node:http'

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

/** The longest that bytes wait. A node that joins shall be programmed within 20 ms, of which the rest takes 2 to 5. */
export const REST_MS = 12
/** More than this at once is a burst, which is read as fast as it comes. */
export const BURST_BYTES = 48 << 10

export function createKubeStream(response: IncomingMessage): KubeStream {
  let gathering = false
  /** Since the last rest began. */
  let bytes = 0
  let timer: NodeJS.Timeout | undefined
  const goOn = (): void => {
    timer = undefined
    bytes = 0
    response.resume()
  }
  /** All that has come already was told. */
  const rest = (): void => {
    if (timer !== undefined && bytes < BURST_BYTES) response.pause()
  }
  const came = (count: number): void => {
    bytes += count
    if (!gathering || timer !== undefined) return
    timer = setTimeout(goOn, REST_MS)
    process.nextTick(rest)
  }
  return {
    contentType: response.headers['content-type'],
    read: (onPiece) =>
      new Promise<void>((resolve, reject) => {
        const fail = (error: unknown): void => {
          reject(error)
          response.destroy()
        }
        response.on('data', (piece: Buffer) => {
          try {
            onPiece(piece)
            came(piece.length)
          } catch (error) {
            fail(error)
          }
        })
        response.on('end', resolve)
        response.on('error', fail)
        response.on('close', () => fail(new Error('the connection was closed')))
        if (response.destroyed) fail(response.errored ?? new Error('the connection was closed'))
      }).finally(() => clearTimeout(timer)),
    gather() {
      gathering = true
    },
  }
}
