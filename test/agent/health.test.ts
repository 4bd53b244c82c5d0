/** The health server: flannel's paths and texts, a truthful readyz, clear errors. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type HealthOptions, type HealthServer, startHealthServer } from '../../lib/agent/health.ts'
import { ConfigError } from '../../lib/errors.ts'
import { createLog } from '../../lib/host/log.ts'

const log = createLog({ level: 'error', format: 'text' })

async function start(t: TestContext, options: Partial<HealthOptions> = {}): Promise<HealthServer> {
  const server = await startHealthServer({ ip: '127.0.0.1', port: 0, ready: () => true, log, ...options })
  t.after(() => server.close())
  return server
}

function ask(
  port: number,
  path: string,
  options: { host?: string; method?: string; headers?: Record<string, string> } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const { host = '127.0.0.1', method = 'GET', headers = {} } = options
    const outgoing = request({ host, port, path, method, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve(`${response.statusCode} ${text}`))
    })
    outgoing.on('error', reject).end()
  })
}

test('healthz and readyz answer as flannel does', async (t) => {
  const { port } = await start(t)
  assert.equal(await ask(port, '/healthz'), '200 flanneld is running')
  assert.equal(await ask(port, '/readyz?verbose'), '200 flanneld is ready')
  assert.equal(await ask(port, '/healthz', { method: 'POST' }), '200 flanneld is running')
  assert.equal(await ask(port, '/'), '404 404 page not found\n')
  assert.equal(await ask(port, '/healthz/'), '404 404 page not found\n')
})

test('a server of one page has no other, and its faults name its own flag', async (t) => {
  const metrics = async () => ({ text: 'vtepd_ready 1\n', contentType: 'text/plain; version=0.0.4' })
  const only = { page: '/metrics', flag: '--metrics-bind-address' } as const
  const { port } = await start(t, { metrics, only })
  assert.equal(await ask(port, '/metrics'), '200 vtepd_ready 1\n')
  assert.equal(await ask(port, '/readyz?verbose'), '404 404 page not found\n')
  await assert.rejects(start(t, { port, only }), /^ConfigError: --metrics-bind-address: port \d+ is taken/)
})

test('readyz?verbose says more behind the same text, readyz does not', async (t) => {
  let ready = true
  const { port } = await start(t, { ready: () => ready, details: () => ['leases: 3 peers', 'more'] })
  assert.equal(await ask(port, '/readyz?verbose'), '200 flanneld is ready\nleases: 3 peers\nmore')
  assert.equal(await ask(port, '/readyz'), '200 flanneld is ready')
  ready = false
  assert.equal(await ask(port, '/readyz?verbose'), '503 flanneld is not ready yet\nleases: 3 peers\nmore')
})

test('readyz?verbose lists each check as the API server does; JSON has them all', async (t) => {
  const checks = () => [
    { name: 'device', fault: undefined },
    { name: 'cni', fault: '/run/x\u001b is to be written' },
  ]
  const { port } = await start(t, { ready: () => false, checks, details: () => ['leases: 3 peers'] })
  assert.equal(
    await ask(port, '/readyz?verbose'),
    '503 flanneld is not ready yet\n[+]device ok\n[-]cni failed: /run/x\\u{1b} is to be written\nleases: 3 peers',
  )
  const report = {
    ready: false,
    message: 'flanneld is not ready yet',
    checks: [
      { name: 'device', ok: true, fault: null },
      { name: 'cni', ok: false, fault: '/run/x\\u{1b} is to be written' },
    ],
    details: ['leases: 3 peers'],
  }
  for (const [path, headers] of [
    ['/readyz?format=json', {}],
    ['/readyz', { accept: 'application/json' }],
  ] as const)
    assert.equal(await ask(port, path, { headers }), `503 ${JSON.stringify(report)}\n`)
  assert.equal(await ask(port, '/readyz', { headers: { accept: '*/*' } }), '503 flanneld is not ready yet')
})

test('readyz follows the truth in both directions', async (t) => {
  let ready = false
  const { port } = await start(t, { ready: () => ready })
  assert.equal(await ask(port, '/readyz'), '503 flanneld is not ready yet')
  ready = true
  assert.equal(await ask(port, '/readyz'), '200 flanneld is ready')
  ready = false
  assert.equal(await ask(port, '/readyz'), '503 flanneld is not ready yet')
  assert.equal(await ask(port, '/healthz'), '200 flanneld is running')
})

test('either wildcard listens on both families', async (t) => {
  for (const ip of ['0.0.0.0', '::']) {
    const { port } = await start(t, { ip })
    assert.equal(await ask(port, '/healthz'), '200 flanneld is running')
    assert.equal(await ask(port, '/healthz', { host: '::1' }), '200 flanneld is running')
  }
})

test('one IPv4 address listens on that one alone', async (t) => {
  const { port } = await start(t, { ip: '127.0.0.1' })
  await assert.rejects(ask(port, '/healthz', { host: '127.0.0.2' }), /ECONNREFUSED/)
})

test('a port that is taken is a ConfigError that says what to do', async (t) => {
  const { port } = await start(t, { ip: '::' })
  for (const ip of ['::', '0.0.0.0', '127.0.0.1'])
    await assert.rejects(startHealthServer({ ip, port, ready: () => true, log }), (error) => {
      assert.ok(error instanceof ConfigError)
      assert.equal(error.where, '--healthz-port')
      assert.match(error.message, /is taken on .*stop that program, choose another port, or 0/)
      return true
    })
})

test('an address that this host lacks is a ConfigError of --healthz-ip', async () => {
  await assert.rejects(startHealthServer({ ip: '192.0.2.77', port: 0, ready: () => true, log }), (error) => {
    assert.ok(error instanceof ConfigError)
    assert.match(error.message, /^--healthz-ip: no interface has the address 192\.0\.2\.77/)
    return true
  })
})

test('close frees the port though a request is half sent, and may be called twice', async (t) => {
  const server = await start(t)
  const half = connect(server.port, '127.0.0.1')
  t.after(() => half.destroy())
  half.on('error', () => {})
  half.write('GET /healthz HTTP/1.1\r\n')
  await ask(server.port, '/healthz')
  await Promise.all([server.close(), server.close()])
  await start(t, { port: server.port })
})
