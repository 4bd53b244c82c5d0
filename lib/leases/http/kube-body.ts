/** The bytes of an answer as they come. Must not: know what they mean. */
import type { Readable } from 'node:stream'

/**
 * Hands over each chunk as it comes: a list of 10,000 Nodes comes in 5,000 chunks, and an iterator's promises for each
 * would cost as much as reading them. Rejects with what `onChunk` throws, or when the body is cut off.
 */
export function eachChunk(body: Readable, onChunk: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      reject(error)
      body.destroy()
    }
    body.on('data', (chunk: Buffer) => {
      try {
        onChunk(chunk)
      } catch (error) {
        fail(error)
      }
    })
    body.on('end', resolve)
    body.on('error', fail)
    body.on('close', () => fail(new Error('the connection was closed')))
  })
}
