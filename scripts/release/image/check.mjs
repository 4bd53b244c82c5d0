// npm run check:image: builds the image twice, in different circumstances, and looks at it as who loads it would. See --help.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { sha256Of } from '../cache.mjs'

const root = path.resolve(import.meta.dirname, '../../..')
const MOST_BYTES = 80e6
const HELP = `npm run check:image

Builds the image of this machine's architecture twice, under another umask and in another folder, and fails unless both are the same
bytes, at most 80 MB, named alike for OCI and docker, without a shell, and with a licence for each package.
`

if (process.argv.includes('--help')) process.stdout.write(HELP)
else await check()

async function check() {
  const work = mkdtempSync(path.join(tmpdir(), 'vtepd-image-'))
  try {
    const [one, two] = [build(path.join(work, 'one'), 0o022), build(path.join(work, 'another place'), 0o077)]
    if ((await sha256Of(one)) !== (await sha256Of(two))) throw new Error('two builds are two images')
    const size = statSync(one).size
    if (size > MOST_BYTES) throw new Error(`${size} bytes are more than ${MOST_BYTES}`)
    const files = unpack(one, work)
    const shells = files.filter((file) => /^(?:.*\/)?(?:ba|da|a|z)?sh$|busybox/.test(file))
    if (shells.length > 0) throw new Error(`there is a shell: ${shells.join(', ')}`)
    const missing = files
      .filter((file) => file.startsWith('var/lib/dpkg/status.d/'))
      .map((file) => path.basename(file))
      .filter((name) => !files.some((file) => file.startsWith(`usr/share/doc/${name}`)))
    if (missing.length > 0) throw new Error(`no licence of ${missing.join(', ')}`)
    process.stdout.write(
      `${path.basename(one)}: ${(size / 1e6).toFixed(1)} MB, ${files.length} files, twice the same bytes\n`,
    )
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function build(out, umask) {
  const before = process.umask(umask)
  const words = ['scripts/release/image/build.mjs', `--out=${out}`]
  execFileSync(process.execPath, words, { cwd: root, stdio: ['ignore', 2, 2] })
  process.umask(before)
  const [file, ...more] = readdirSync(out)
  if (file === undefined || more.length > 0) throw new Error(`${out} has ${[file, ...more].join(', ')}, not one file`)
  return path.join(out, file)
}

/** The names of all files in all layers, by the way of docker; the way of OCI must lead to the same ones. */
function unpack(file, work) {
  execFileSync('tar', ['-xf', file, '-C', work])
  const json = (name) => JSON.parse(readFileSync(path.join(work, name), 'utf8'))
  const [{ Config, RepoTags, Layers }] = json('manifest.json')
  const [top] = json('index.json').manifests
  const manifest = json(`blobs/${top.digest.replace(':', '/')}`)
  const named = [manifest.config, ...manifest.layers].map(({ digest }) => `blobs/${digest.replace(':', '/')}`)
  if (String([Config, ...Layers]) !== String(named))
    throw new Error('manifest.json and index.json lead to different layers')
  if (RepoTags[0] !== top.annotations['io.containerd.image.name']) throw new Error('it has two names')
  return Layers.flatMap((layer) =>
    execFileSync('tar', ['-tzf', path.join(work, layer)], { encoding: 'utf8', maxBuffer: 1 << 26 }).split('\n'),
  )
    .map((name) => name.replace(/^\.\//, ''))
    .filter((name) => name !== '' && !name.endsWith('/'))
}
