/** Files → a gzipped tar in memory. Must not: write it anywhere. */
import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import type { CollectedFile } from './collect.ts'

/** `folder`: in which they stand; of nobody, readable by its owner. */
export async function archiveOf(folder: string, files: readonly CollectedFile[], at: Date): Promise<Buffer> {
  const tar = pack()
  const pieces: Buffer[] = []
  tar.on('data', (piece) => pieces.push(piece as Buffer))
  for (const { name, text } of files) tar.entry({ name: `${folder}/${name}`, mode: 0o600, mtime: at }, text)
  tar.finalize()
  await once(tar, 'end')
  return gzipSync(Buffer.concat(pieces))
}
