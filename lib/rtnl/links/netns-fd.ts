/** Descriptors of network namespaces for one request. Must not: keep one. */
import { constants, type FileHandle, open } from 'node:fs/promises'
import { NetlinkSocketError } from '../../errors.ts'
import { errnoName } from '../errno.ts'

/**
 * Opens the namespaces at `paths`, where one is given, and closes them when `use` has settled. NetlinkSocketError by the name of
 * `op`: one cannot be opened.
 */
export async function withNetns<T>(
  op: string,
  paths: readonly (string | undefined)[],
  use: (fds: readonly (number | undefined)[]) => Promise<T>,
): Promise<T> {
  const handles: (FileHandle | undefined)[] = []
  try {
    for (const path of paths) handles.push(path === undefined ? undefined : await openOne(op, path))
    return await use(handles.map((handle) => handle?.fd))
  } finally {
    for (const handle of handles) await handle?.close()
  }
}

async function openOne(op: string, path: string): Promise<FileHandle> {
  try {
    // What is no namespace may be a pipe, or a terminal.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch (error) {
    const errno = Math.abs((error as NodeJS.ErrnoException).errno ?? 0)
    throw new NetlinkSocketError({ op, errno, errnoName: errnoName(errno), detail: `network namespace ${path}` })
  }
}
