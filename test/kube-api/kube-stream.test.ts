/**
 * Bodies that stream, from servers that say every byte by hand: over TCP, over TLS, and through a proxy, where the
 * connection is somebody else's.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { systemClock } from '../../lib/host/clock.ts'
import { openKubeTarget } from '../../lib/kube-api/kube-config.ts'
import { openStream } from '../../lib/kube-api/kube-http.ts'
import type { KubeStream } from '../../lib/kube-api/kube-stream.ts'
import { createAuthority } from '../kube/certificates.ts'

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nTransfer-Encoding: chunked\r\n\r\n'
const WAYS = ['TCP', 'TLS', 'TLS through a proxy'] as const
const withoutOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'needs the program openssl'

interface Server {
  open(): Promise<KubeStream>
  /** What the client has sent so far. */
  readonly asked: string
  /** Connections that went through the proxy. */
  readonly tunnels: number
}

/** Answers the first request of each connection with these segments, each in a packet of its own, then with `end`. */
async function serve(
  t: TestContext,
  way: (typeof WAYS)[number],
  segments: readonly string[],
  end: (socket: Socket) => void = () => undefined,
): Promise<Server> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vtepd-stream-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const onSocket = (socket: Socket): void => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.setNoDelay(true)
    let head = ''
    socket.on('data', (bytes) => {
      const before = head.includes('\r\n\r\n')
      head += bytes.toString('latin1')
      asked.push(bytes.toString('latin1'))
      if (!before && head.includes('\r\n\r\n')) say(socket, segments, end)
    })
  }
  const secure = way !== 'TCP'
  const authority = secure ? createAuthority(folder) : undefined
  const server =
    authority === undefined
      ? createServer(onSocket)
      : createTlsServer(
          { key: readFileSync(authority.serving.key), cert: readFileSync(authority.serving.cert) },
          onSocket,
        )
  const port = await listen(t, server)
  t.after(() => {
    for (const socket of sockets) socket.destroy()
  })
  let tunnels = 0
  const proxy = way.endsWith('proxy') ? await startProxy(t, () => (tunnels += 1)) : undefined
  const kubeconfig = path.join(folder, 'kubeconfig')
  const cluster = {
    server: `${secure ? 'https' : 'http'}://127.0.0.1:${port}`,
    ...(authority === undefined ? {} : { 'certificate-authority': authority.ca }),
    ...(proxy === undefined ? {} : { 'proxy-url': `http://127.0.0.1:${proxy}` }),
  }
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { token: 'secret' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  )
  return {
    async open() {
      const target = await openKubeTarget({ kubeconfigFile: kubeconfig, apiUrl: undefined })
      const abort = new AbortController()
      t.after(() => {
        abort.abort(new Error('the test is over'))
        target.close()
      })
      const request = { method: 'GET', path: '/stream', what: 'read the stream' } as const
      return openStream({ target, request, clock: systemClock, signal: abort.signal })
    },
    get asked() {
      return asked.join('')
    },
    get tunnels() {
      return tunnels
    },
  }
}

function say(socket: Socket, segments: readonly string[], end: (socket: Socket) => void): void {
  const [first, ...rest] = segments
  if (first === undefined) end(socket)
  else socket.write(Buffer.from(first, 'latin1'), () => setImmediate(() => say(socket, rest, end)))
}

async function listen(t: TestContext, server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Knows CONNECT and nothing else. */
function startProxy(t: TestContext, onTunnel: () => void): Promise<number> {
  const proxy = createHttpServer()
  proxy.on('connect', (request, socket) => {
    const [host, port] = (request.url ?? '').split(':')
    const server = connect(Number(port), host, () => {
      onTunnel()
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      server.pipe(socket).pipe(server)
    })
    for (const end of [socket, server]) end.on('error', () => undefined)
    t.after(() => {
      socket.destroy()
      server.destroy()
    })
  })
  return listen(t, proxy)
}

async function readAll(stream: KubeStream): Promise<string> {
  const pieces: string[] = []
  stream.gather()
  await stream.read((bytes) => pieces.push(bytes.toString('latin1')))
  return pieces.join('')
}

const chunked = (...pieces: string[]): string =>
  `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`
const bytewise = (text: string): string[] => [...text]

for (const way of WAYS) {
  const options = { skip: way === 'TCP' ? false : withoutOpenssl }
  test(`${way}: a body is read whole, wherever it is cut`, options, async (t) => {
    const body = chunked('first', 'x'.repeat(5000), '\r\n0\r\n\r\n', 'last')
    const expected = `first${'x'.repeat(5000)}\r\n0\r\n\r\nlast`
    for (const segments of [
      [HEAD + body],
      [HEAD, body],
      [HEAD.slice(0, -1), `\n${body}`],
      [HEAD.slice(0, 40), HEAD.slice(40) + body.slice(0, 7), body.slice(7)],
      ['HTTP/1.1 100 Continue\r\n\r\n', HEAD + body],
      [`HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${HEAD}${body.slice(0, 3)}`, body.slice(3)],
      [...bytewise(HEAD), ...bytewise(body.slice(0, 40)), body.slice(40)],
    ]) {
      const server = await serve(t, way, segments)
      const stream = await server.open()
      assert.equal(stream.contentType, 'text/x')
      assert.equal(await readAll(stream), expected)
      assert.match(server.asked, /^GET \/stream HTTP\/1.1\r\n/)
      assert.match(server.asked, /\r\nauthorization: Bearer secret\r\n/i)
      assert.equal(server.tunnels, way.endsWith('proxy') ? 1 : 0)
    }
  })

  test(`${way}: a body that is not chunked is read too`, options, async (t) => {
    const counted = await serve(t, way, ['HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc', 'def'])
    assert.equal(await readAll(await counted.open()), 'abcdef')
    const untilClosed = await serve(t, way, ['HTTP/1.1 200 OK\r\n\r\nabc', 'def'], (socket) => socket.end())
    assert.equal(await readAll(await untilClosed.open()), 'abcdef')
  })

  test(`${way}: what comes before somebody reads is not lost`, options, async (t) => {
    const server = await serve(t, way, [HEAD, '3\r\nabc\r\n', '3\r\ndef\r\n0\r\n\r\n'])
    const stream = await server.open()
    for (let turn = 0; turn < 50; turn += 1) await systemClock.turn()
    assert.equal(await readAll(stream), 'abcdef')
  })

  test(`${way}: a body that is cut off, in whatever manner, is no whole body`, options, async (t) => {
    for (const end of [(socket: Socket) => void socket.end(), (socket: Socket) => void socket.destroy()]) {
      const server = await serve(t, way, [HEAD, '3\r\nabc\r\n'], end)
      await assert.rejects(readAll(await server.open()), /aborted|closed|ECONNRESET/)
    }
  })

  test(`${way}: a refusal is worded as the server words it`, options, async (t) => {
    const status = '{"kind":"Status","reason":"Gone","message":"too old"}'
    for (const framing of [
      `Content-Length: ${status.length}\r\n\r\n${status}`,
      `Transfer-Encoding: chunked\r\n\r\n${chunked(status)}`,
    ]) {
      const answer = `HTTP/1.1 410 Gone\r\nContent-Type: application/json\r\n${framing}`
      const server = await serve(t, way, [answer.slice(0, 60), answer.slice(60)])
      await assert.rejects(server.open(), /410 Gone: too old/)
    }
  })

  test(`${way}: what the reader throws ends the connection`, options, async (t) => {
    let closed: () => void = () => undefined
    const over = new Promise<void>((resolve) => {
      closed = resolve
    })
    const server = await serve(t, way, [HEAD, '3\r\nabc\r\n'], (socket) => socket.on('close', closed))
    const stream = await server.open()
    const read = stream.read(() => {
      throw new Error('not understood')
    })
    await assert.rejects(read, /not understood/)
    await over
  })

  test(`${way}: a body that is not chunked as it says is no whole body`, options, async (t) => {
    const server = await serve(t, way, [HEAD, '3\r\nabc\r\nxyz'])
    await assert.rejects(readAll(await server.open()))
  })
}
