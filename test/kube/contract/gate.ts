/**
 * An HTTP server before the contract's HTTPS server that passes everything on, and can hold a request back, so that something can
 * happen between two requests of one client. Must not: change what passes.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Agent, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import type { TestContext } from 'node:test'
import { pem } from '../certificates.ts'
import type { ContractServer } from './servers.ts'

export interface Gate {
  readonly url: string
  /** Path with query, and the status of the answer once there is one, of every request, oldest first. */
  readonly passed: readonly { readonly path: string; readonly status: number | undefined }[]
  /** Requests from now on whose path matches wait for `open`. Resolves when the first has come. */
  hold(path: RegExp): Promise<void>
  open(): void
}

/** Ends with the test. */
export async function startGate(t: TestContext, server: ContractServer): Promise<Gate> {
  const passed: { path: string; status: number | undefined }[] = []
  let held: { readonly path: RegExp; readonly come: () => void; readonly waiting: (() => void)[] } | undefined
  const pass = async (asked: IncomingMessage, answer: ServerResponse): Promise<void> => {
    const path = asked.url ?? '/'
    const record: { path: string; status: number | undefined } = { path, status: undefined }
    passed.push(record)
    const { waiting } = held ?? {}
    if (held?.path.test(path) === true && waiting !== undefined) {
      held.come()
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
    const agent = new Agent({ ca: pem(server.caFile) })
    const sent = request(`${server.url}${path}`, { agent, method: asked.method, headers: asked.headers })
    sent.on('error', () => answer.destroy())
    answer.on('close', () => sent.destroy())
    sent.on('response', (response) => {
      record.status = response.statusCode
      answer.writeHead(response.statusCode ?? 502, response.headers)
      answer.flushHeaders()
      pipeline(response, answer).catch(() => answer.destroy())
    })
    asked.pipe(sent)
  }
  const listener = createServer((asked, answer) => void pass(asked, answer))
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    listener.close()
    listener.closeAllConnections()
  })
  const { port } = listener.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    passed,
    hold: (path) =>
      new Promise((come) => {
        held = { path, come, waiting: [] }
      }),
    open() {
      const waiting = held?.waiting ?? []
      held = undefined
      for (const go of waiting) go()
    },
  }
}
