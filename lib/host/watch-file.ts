/**
 * Follows one path through everything that replaces a file: written in place, renamed over, deleted and made again, its
 * folder too, a symlink swapped somewhere on the way (Kubernetes ConfigMaps). Owns the watchers and a slow look that
 * stands in where the kernel tells nothing (network file systems, a mount over the folder, no inotify watches left).
 * Must not: read the file.
 */
import { type BigIntStats, type FSWatcher, realpathSync, statSync, watch } from 'node:fs'
import path from 'node:path'
import type { Clock, Timer } from '../util/clock.ts'

/** How late a change is noticed where nothing tells of it, milliseconds. */
const LOOK_MS = 5000

export interface FileWatch {
  close(): void
}

/**
 * Calls `onChange` after the file has become another one, appeared, vanished or changed; never during this call. One
 * change may be told once or several times, and in the middle of a write: the reader waits a moment, and copes.
 */
export function watchFile(file: string, onChange: () => void, options: { readonly clock: Clock }): FileWatch {
  /** By folder: which one it was, since a mount or another folder may take its name without a word. */
  const watchers = new Map<string, { readonly watcher: FSWatcher; readonly which: string }>()
  let seen = identityOf(file)
  let timer: Timer | undefined
  let closed = false

  const look = (): void => {
    if (closed) return
    follow()
    const identity = identityOf(file)
    if (identity === seen) return
    seen = identity
    onChange()
  }
  const drop = (folder: string): void => {
    watchers.get(folder)?.watcher.close()
    watchers.delete(folder)
  }
  const follow = (): void => {
    const wanted = foldersOf(file)
    for (const [folder, { which }] of watchers) if (!wanted.has(folder) || which !== whichFolder(folder)) drop(folder)
    for (const folder of wanted) if (!watchers.has(folder)) add(folder)
  }
  const add = (folder: string): void => {
    try {
      const which = whichFolder(folder)
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        // A folder that was deleted tells so under its own name, and never tells anything again.
        if (name === path.basename(folder)) drop(folder)
        look()
      })
      watcher.on('error', () => drop(folder))
      watchers.set(folder, { watcher, which })
    } catch {
      // No such folder, no right, no inotify watch left: the slow look stands in and tries again.
    }
  }
  const lookLater = (): void => {
    timer = options.clock.after(LOOK_MS, () => {
      look()
      if (!closed) lookLater()
    })
  }

  follow()
  lookLater()
  return {
    close() {
      closed = true
      timer?.cancel()
      for (const folder of [...watchers.keys()]) drop(folder)
    },
  }
}

/** Differs whenever the file is another one or was written; '' while there is none. */
function identityOf(file: string): string {
  const stat = statOrNothing(file)
  return stat === undefined ? '' : [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(' ')
}

function whichFolder(folder: string): string {
  const stat = statOrNothing(folder)
  return stat === undefined ? '' : `${stat.dev} ${stat.ino}`
}

/**
 * The folder of the name, the one above it, which tells of its end also while somebody holds it open, and the folder of what
 * the name leads to; where one is missing, its nearest ancestor.
 */
function foldersOf(file: string): ReadonlySet<string> {
  const folder = path.dirname(path.resolve(file))
  const folders = new Set([nearestFolder(folder), nearestFolder(path.dirname(folder))])
  try {
    folders.add(path.dirname(realpathSync(file)))
  } catch {
    // Missing, or a link that leads nowhere yet: its own folder tells when that changes.
  }
  return folders
}

function nearestFolder(folder: string): string {
  let nearest = folder
  while (nearest !== path.dirname(nearest) && statOrNothing(nearest) === undefined) nearest = path.dirname(nearest)
  return nearest
}

function statOrNothing(file: string): BigIntStats | undefined {
  try {
    return statSync(file, { bigint: true, throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
