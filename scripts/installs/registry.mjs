// A registry of npm that has the packages of some tarballs, on loopback: for packages that are not published yet, and whose optional
// ones each manager chooses among by itself. A process of its own, since managers are waited for. Must not: hand on what it lacks.
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'

/** Resolves with its address once it answers; it ends with this process, or by `stop`. */
export async function startRegistry(tarballs) {
  const child = spawn(process.execPath, [import.meta.filename, ...tarballs], { stdio: ['ignore', 'pipe', 'inherit'] })
  const stop = () => child.kill()
  process.once('exit', stop)
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data')
  return { url: line.trim(), stop }
}

function serve(tarballs) {
  const packed = tarballs.map((file) => {
    const manifest = JSON.parse(execFileSync('tar', ['-xzOf', file, 'package/package.json'], { encoding: 'utf8' }))
    return { manifest, bytes: readFileSync(file), place: `/${manifest.name}/-/${path.basename(file)}` }
  })
  const server = createServer((request, response) => {
    const asked = decodeURIComponent(request.url ?? '')
    const one = packed.find(({ manifest, place }) => asked === `/${manifest.name}` || asked === place)
    if (one === undefined) return response.writeHead(404).end('{}')
    if (asked === one.place) return response.end(one.bytes)
    response.setHeader('content-type', 'application/json')
    return response.end(JSON.stringify(packument(one, `http://${request.headers.host}${one.place}`)))
  })
  server.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${server.address().port}\n`))
}

function packument({ manifest, bytes }, tarball) {
  const digest = (name, encoding) => createHash(name).update(bytes).digest(encoding)
  const dist = { tarball, integrity: `sha512-${digest('sha512', 'base64')}`, shasum: digest('sha1', 'hex') }
  const { name, version } = manifest
  return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } }
}

if (process.argv[1] === import.meta.filename) serve(process.argv.slice(2))
