// Debian packages of any suite and architecture, fetched beside the host's own: nothing of the host's package state is read but
// where its mirror is, and nothing is installed. Needs apt and dpkg-deb, so a Debian or Ubuntu machine.
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { cacheFolder, ensureDownloaded } from './cache.mjs'

const ARCHITECTURES = { x64: 'amd64', arm64: 'arm64' }
const PINS = path.join(import.meta.dirname, 'debian-pins.json')
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'
const run = promisify(execFile)

/**
 * The packages of a set of debian-pins.json, each `{ name, version, sha256, size, file }`, downloaded and verified. Where the
 * mirror no longer has a pinned version: an error that says so, or, with `newest` (VTEPD_DEBIAN_NEWEST=1), the newest ones and a
 * line for `log`: a trial must not fail because Debian has mended something.
 */
export async function pinnedPackages(set, { newest = process.env.VTEPD_DEBIAN_NEWEST === '1', log = say } = {}) {
  const { packages, ...request } = readPins()[set] ?? fail(`debian-pins.json has no set ${set}`)
  try {
    return await fetchPackages(request.arch, packages)
  } catch (error) {
    if (error.status !== 404) throw error
    const gone = `Debian's mirror no longer has a package that is pinned for ${set} (${error.message})`
    if (!newest) fail(`${gone}: npm run release:pins -- ${set}`)
    log(`${gone}; taking the newest ones`)
    return fetchPackages(request.arch, await resolvePackages(request))
  }
}

/**
 * The newest packages of `names`, with all they depend on unless `dependencies` is false; of all these those whose names match
 * `only`. Downloaded and verified.
 */
export async function newestPackages(request) {
  return fetchPackages(request.arch, await resolvePackages(request))
}

/** Unpacks packages over each other into a folder; no script of theirs runs. */
export function unpackPackages(packages, folder) {
  mkdirSync(folder, { recursive: true })
  for (const { file } of packages) execFileSync('dpkg-deb', ['--extract', file, folder], { stdio: ['ignore', 2, 2] })
}

/** Resolves sets of debian-pins.json anew (all of them by default) and writes them down. Tells of each what changed. */
export async function renewPins(sets, log) {
  const pins = readPins()
  for (const set of sets.length === 0 ? Object.keys(pins) : sets) {
    const { packages: old = [], ...request } = pins[set] ?? fail(`debian-pins.json has no set ${set}`)
    const packages = await resolvePackages(request)
    for (const { name, version } of packages) {
      const before = old.find((one) => one.name === name)?.version
      if (before !== version) log(`${set}: ${name} ${before ?? '(new)'} → ${version}`)
    }
    pins[set] = { ...request, packages }
  }
  writeFileSync(PINS, `${JSON.stringify(pins, null, 2)}\n`)
}

function readPins() {
  return JSON.parse(readFileSync(PINS, 'utf8'))
}

async function fetchPackages(arch, packages) {
  const folder = cacheFolder('debian', arch)
  const sites = mirrorSites()
  const fetched = []
  for (const one of packages) {
    const url = `${one.path.startsWith('pool/updates/') ? sites.security : sites.main}/${one.path.replaceAll('+', '%2b')}`
    const file = await ensureDownloaded({ url, file: path.join(folder, path.basename(one.path)), sha256: one.sha256 })
    fetched.push({ ...one, file })
  }
  return fetched
}

// `[{ name, version, path, sha256, size }]`, sorted by name: what apt would install on a machine that has nothing.
async function resolvePackages({ suite, arch, names, dependencies = true, without = [], only = /./ }) {
  const apt = await openApt(suite, ARCHITECTURES[arch] ?? fail(`${arch} is none of ${Object.keys(ARCHITECTURES)}`))
  try {
    const wanted = dependencies ? await apt.closure(names) : names
    const described = await apt.describe(wanted)
    return described
      .filter(({ name }) => only.test(name) && !without.includes(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  } finally {
    apt.close()
  }
}

// An apt with lists, cache and status of its own.
async function openApt(suite, architecture) {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-apt-'))
  for (const name of ['lists/partial', 'archives/partial']) mkdirSync(path.join(folder, name), { recursive: true })
  writeFileSync(path.join(folder, 'status'), '')
  const sites = mirrorSites()
  const lines = [`${sites.main} ${suite} main`]
  if (suite !== 'sid') lines.push(`${sites.security} ${suite}-security main`)
  writeFileSync(path.join(folder, 'sources'), lines.map((line) => `deb [signed-by=${KEYRING}] ${line}\n`).join(''))
  const options = {
    'Dir::State': folder,
    'Dir::State::lists': path.join(folder, 'lists'),
    'Dir::State::status': path.join(folder, 'status'),
    'Dir::Cache': folder,
    'Dir::Etc::sourcelist': path.join(folder, 'sources'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'APT::Architecture': architecture,
    'APT::Architectures': architecture,
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '3',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
  }
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const ask = (program, ...rest) =>
    run(program, [...words, ...rest], { maxBuffer: 1 << 28, env: { ...process.env, LC_ALL: 'C' } })
  const close = () => rmSync(folder, { recursive: true, force: true })
  try {
    await ask('apt-get', '-qq', '-o', 'APT::Update::Error-Mode=any', 'update')
  } catch (error) {
    close()
    throw new Error(`Debian's lists for ${suite} (${architecture}) cannot be had: ${error.stderr || error.message}`)
  }
  return {
    async closure(names) {
      const { stdout } = await ask('apt-get', '-s', '--no-install-recommends', 'install', ...names)
      return [...stdout.matchAll(/^Inst (\S+) \((\S+) /gm)].map(([, name, version]) => `${name}=${version}`)
    },
    async describe(names) {
      const { stdout } = await ask('apt-cache', 'show', '--no-all-versions', ...names)
      return stdout.split(/\n\n+/).filter(Boolean).map(described)
    },
    close,
  }
}

function described(paragraph) {
  const field = (name) =>
    new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? fail(`${name} is missing: ${paragraph}`)
  return {
    name: field('Package'),
    version: field('Version'),
    path: field('Filename'),
    sha256: field('SHA256'),
    size: Number(field('Size')),
  }
}

// Where the host's own apt finds Debian.
function mirrorSites() {
  let listed = ''
  try {
    listed = execFileSync('apt-get', ['indextargets', '--format', '$(SITE) $(RELEASE)', 'Created-By: Packages'], {
      encoding: 'utf8',
    })
  } catch (error) {
    fail(`apt is needed for Debian's packages: ${error.message}`)
  }
  const targets = listed.split('\n').map((line) => line.split(' '))
  const security = targets.find(([, release]) => release?.endsWith('-security'))?.[0]
  const main = targets.find(([site]) => security !== undefined && site === security.replace(/-security\/?$/, ''))?.[0]
  if (main === undefined) fail("the host's apt names no mirror of Debian and its security updates")
  return { main, security }
}

function say(line) {
  process.stderr.write(`debian: ${line}\n`)
}

function fail(reason) {
  throw new Error(reason)
}
