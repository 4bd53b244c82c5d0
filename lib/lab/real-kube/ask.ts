/** One whole exchange with a real API server, for whoever sets it up. Must not: be what is tested. */
import https from 'node:https'

export interface KubeReply {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

export interface KubeQuestion {
  readonly token: string
  readonly accept?: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly contentType?: string
}

export function askServer(agent: https.Agent, url: string, method: string, question: KubeQuestion): Promise<KubeReply> {
  const { token, accept = 'application/json', body, contentType = 'application/json' } = question
  const text = body === undefined ? undefined : JSON.stringify(body)
  const sent = text === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }
  return new Promise((resolve, reject) => {
    const headers = { accept, authorization: `Bearer ${token}`, ...sent }
    const request = https.request(url, { agent, method, headers })
    request.on('error', reject)
    request.on('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const type = response.headers['content-type'] ?? ''
        resolve({ status: response.statusCode ?? 0, contentType: type, body: Buffer.concat(parts) })
      })
    })
    request.end(text)
  })
}
