/** What everybody may ask of an API server: its version, and whether it is well. Must not: know any object. */
import { sendJson } from './answers.ts'
import type { Route } from './routes.ts'

/** undefined: the path is another. */
export function findHealth(path: string, method: string): Route | undefined {
  if (method !== 'GET') return undefined
  if (path === '/version') {
    return {
      verb: 'other',
      answer: async (_request, response) =>
        sendJson(response, 200, { major: '1', minor: '34', gitVersion: 'v1.34.0+vtepd' }),
    }
  }
  if (!/^\/(healthz|readyz|livez)$/.test(path)) return undefined
  return {
    verb: 'other',
    answer: async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
      response.end('ok')
    },
  }
}
