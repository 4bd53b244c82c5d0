/** Of several kubeconfigs the first that may list Nodes reads them; rights that change are noticed at the next session. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { KubeError } from '../../../lib/errors.ts'
import { systemClock } from '../../../lib/host/clock.ts'
import type { KubeTarget } from '../../../lib/kube-api/kube-http.ts'
import { createReaderChoice } from '../../../lib/leases/kube/reader-choice.ts'

interface World {
  /** Status with which each account is answered, or why its file cannot be opened. */
  readonly accounts: Map<string, number | string>
  readonly asked: string[]
  /** The account that reads now. */
  choose(): Promise<string>
  open: number
}

async function world(t: TestContext, accounts: Readonly<Record<string, number | string>>): Promise<World> {
  const states = new Map(Object.entries(accounts))
  const asked: string[] = []
  const server: Server = createServer(({ headers, url }, response) => {
    asked.push(`${headers.authorization} ${url}`)
    const status = states.get(headers.authorization ?? '')
    response.writeHead(typeof status === 'number' ? status : 500, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const self = { open: 0 }
  const open = async (file: string): Promise<KubeTarget> => {
    const state = states.get(file)
    if (typeof state === 'string') throw new KubeError({ request: file, status: 0, reason: state })
    self.open += 1
    return {
      url: new URL(`http://127.0.0.1:${port}`),
      identity: { where: file, user: undefined, expiresAt: undefined } as unknown as KubeTarget['identity'],
      refused: undefined,
      options: { headers: { authorization: file } },
      close: () => {
        self.open -= 1
      },
    } as KubeTarget
  }
  const signal = new AbortController().signal
  const choice = createReaderChoice({ files: Object.keys(accounts), open, clock: systemClock, signal })
  return {
    accounts: states,
    asked,
    get open() {
      return self.open
    },
    async choose() {
      const target = await choice()
      const { authorization } = target.options.headers as { authorization: string }
      target.close()
      return authorization
    },
  }
}

test('the first that may list Nodes reads, and the others are closed', async (t) => {
  const here = await world(t, { controller: 403, kubelet: 200, admin: 200 })
  assert.equal(await here.choose(), 'kubelet')
  assert.deepEqual(here.asked, ['controller /api/v1/nodes?limit=1', 'kubelet /api/v1/nodes?limit=1'])
  assert.equal(here.open, 0)
})

test('rights that come with an upgrade of k3s, or a moment after its start, are used at the next session', async (t) => {
  const here = await world(t, { controller: 403, kubelet: 403, admin: 200 })
  assert.equal(await here.choose(), 'admin')
  here.accounts.set('controller', 200)
  assert.equal(await here.choose(), 'controller')
  assert.equal(here.asked.length, 4)
})

test('a file that is not there is passed over for one that is, and named where none is', async (t) => {
  const here = await world(t, { controller: 'does not exist yet', kubelet: 200 })
  assert.equal(await here.choose(), 'kubelet')
  here.accounts.set('kubelet', 'does not exist yet')
  await assert.rejects(here.choose(), /^KubeError: controller: does not exist yet$/)
})

test('where none may, the first one’s own refusal tells; an answer that is none ends the try', async (t) => {
  const here = await world(t, { controller: 403, kubelet: 401 })
  assert.equal(await here.choose(), 'controller')
  here.accounts.set('controller', 503)
  await assert.rejects(here.choose(), (error) => error instanceof KubeError && error.status === 503)
  assert.equal(here.open, 0)
})
