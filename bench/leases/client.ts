/** Requests of the bench to an API server, many at once over kept connections. Must not: know what they mean. */
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'

/** As many as a busy cluster's kubelets would have in flight; more only wait in the server. */
const AT_ONCE = 16

export interface ApiClient {
  /** Resolves with the status when the whole answer is there; rejects when there is none. */
  ask(method: string, path: string, body?: object, contentType?: string): Promise<number>
  /** The body, whatever the status is. */
  read(path: string): Promise<string>
  close(): void
}

/** `caFile` and `token` where the server speaks TLS. */
export function createApiClient(url: string, access: { readonly caFile?: string; readonly token?: string }): ApiClient {
  const secure = url.startsWith('https:')
  const ca = access.caFile === undefined ? undefined : readFileSync(access.caFile)
  const agent = secure
    ? new https.Agent({ keepAlive: true, maxSockets: AT_ONCE, ...(ca === undefined ? {} : { ca }) })
    : new http.Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const module = secure ? https : http
  const send = (
    method: string,
    path: string,
    body: object | undefined,
    contentType: string,
  ): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const request = module.request(`${url}${path}`, {
        agent,
        method,
        headers: {
          ...(access.token === undefined ? {} : { authorization: `Bearer ${access.token}` }),
          ...(text === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
        },
      })
      request.on('error', reject)
      request.on('response', resolve)
      request.end(text)
    })
  return {
    async ask(method, path, body, contentType = 'application/json') {
      const response = await send(method, path, body, contentType)
      for await (const _ of response);
      return response.statusCode ?? 0
    },
    async read(path) {
      const parts: Buffer[] = []
      for await (const part of (await send('GET', path, undefined, '')) as AsyncIterable<Buffer>) parts.push(part)
      return Buffer.concat(parts).toString()
    },
    close: () => agent.destroy(),
  }
}

/** Runs `work` for each of 0 to `count` - 1, sixteen at once. Rejects with the first failure. */
export async function eachOf(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1
      await work(next - 1)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker))
}
