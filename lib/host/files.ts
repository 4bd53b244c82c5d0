/**
 * Files as vtepd uses them: replaced whole or not at all, and read when they exist. Following one is watch-file.ts.
 * Must not: know what a file means.
 */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises'
import path from 'node:path'

const DIRECTORY_MODE = 0o755
const LARGEST_WRITTEN_BYTES = 1 << 20

/**
 * A reader sees the old content or the new, also after a power cut: written beside the file, synced, renamed over it. Bytes
 * may come in pieces, each of which is asked for when the one before is written; what the pieces throw rejects.
 * Missing folders are made with 0755, whatever the umask. Rejects with the system's error and leaves the old file then.
 */
export async function replaceFile(file: string, content: string | Iterable<Uint8Array>, mode = 0o644): Promise<void> {
  const folder = path.dirname(file)
  await makeFolder(folder)
  // Not to be guessed, where somebody else may write in that folder.
  const temporary = path.join(folder, `.${path.basename(file)}.${randomBytes(8).toString('hex')}.tmp`)
  try {
    await writeSynced(temporary, content, mode)
    await renameOver(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(folder)
}

/** An empty folder of that name, as container engines make for what they are to mount, gives way. */
async function renameOver(temporary: string, file: string): Promise<void> {
  try {
    await rename(temporary, file)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EISDIR')) throw error
    await rmdir(file)
    await rename(temporary, file)
  }
}

/** The text (UTF-8), or undefined when there is no such file; any other trouble rejects. */
export async function readIfExists(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/**
 * The text of a file as replaceFile leaves it; undefined for none, and for what is no plain file (a FIFO would never end), has
 * other permissions than `mode`, if that is given, or is larger than any that we write.
 */
export async function readAsWritten(file: string, mode?: number): Promise<string | undefined> {
  try {
    const found = await stat(file)
    const hasMode = mode === undefined || (found.mode & 0o7777) === mode
    return found.isFile() && hasMode && found.size <= LARGEST_WRITTEN_BYTES ? await readFile(file, 'utf8') : undefined
  } catch (error) {
    if (isMissing(error) || (error instanceof Error && 'code' in error && error.code === 'ELOOP')) return undefined
    throw error
  }
}

/** Names in a folder, links and hidden ones too; none where it is missing or cannot be read. */
export async function listFolder(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch(() => [])
}

/** As readIfExists, as bytes; a file of more than `limit` bytes rejects with RangeError and is not read. */
export async function readBytesIfExists(file: string, limit: number): Promise<Buffer | undefined> {
  try {
    const { size } = await stat(file)
    if (size > limit) throw new RangeError(`it has ${size} bytes, more than ${limit}`)
    return await readFile(file)
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** ENOENT, or ENOTDIR: part of the way is a file. */
export function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOENT' || code === 'ENOTDIR'
}

async function writeSynced(file: string, content: string | Iterable<Uint8Array>, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode)
  try {
    await handle.chmod(mode)
    // Each continues where the one before ended.
    for (const piece of typeof content === 'string' ? [content] : content) await handle.writeFile(piece)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: DIRECTORY_MODE })
  if (first === undefined) return
  for (let made = path.resolve(folder); made.length >= first.length; made = path.dirname(made))
    await chmod(made, DIRECTORY_MODE)
}

/** The rename itself must survive a power cut; a file system that cannot sync a folder is none of our business. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync().catch(() => undefined)
  } finally {
    await handle.close()
  }
}
