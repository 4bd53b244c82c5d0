// Where what a release is made of is kept between runs, and how a file gets there: downloaded once, checked each time.
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** A folder below ${XDG_CACHE_HOME:-~/.cache}/vtepd-release, made where it is missing. */
export function cacheFolder(...names) {
  const folder = path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'vtepd-release', ...names)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** SHA-256 of a file, in hex. */
export async function sha256Of(file) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/**
 * `file` with the contents that `sha256` names: as it lies there, else from `url`, three times tried. Rejects when the server has
 * no such file (the error has `status`), or another one.
 */
export async function ensureDownloaded({ url, file, sha256 }) {
  if (existsSync(file) && (await sha256Of(file)) === sha256) return file
  const staging = `${file}.${process.pid}`
  for (let attempt = 1; ; attempt += 1) {
    try {
      await download(url, staging)
      break
    } catch (error) {
      rmSync(staging, { force: true })
      if (error.status !== undefined || attempt === 3) throw error
    }
  }
  const got = await sha256Of(staging)
  if (got !== sha256) {
    rmSync(staging)
    throw new Error(`${url} is not the file that is pinned: its SHA-256 is ${got}, not ${sha256}`)
  }
  renameSync(staging, file)
  return file
}

async function download(url, file) {
  const answer = await fetch(url).catch((error) => {
    throw new Error(`${url}: ${error.cause?.message ?? error.message}`)
  })
  if (!answer.ok)
    throw Object.assign(new Error(`${url}: the server answers ${answer.status}`), { status: answer.status })
  await pipeline(Readable.fromWeb(answer.body), createWriteStream(file))
}
