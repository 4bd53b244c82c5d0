/**
 * Parts → the files of the archive and its manifest: each part by itself, bounded, without secrets, on demand without addresses and
 * names. Must not: fail because a part does, nor let anything past the removal.
 */
import { messageOf } from '../../util/message-of.ts'
import type { Replace } from './addresses.ts'
import { bounded, type Part } from './part.ts'
import { withoutSecrets } from './secrets.ts'

/** manifest.json of the archive, and what `--json` prints. */
export interface Manifest {
  readonly version: string
  /** ISO 8601, UTC. */
  readonly createdAt: string
  /** Addresses, MAC addresses and names of nodes were replaced. */
  readonly addressesReplaced: boolean
  readonly parts: readonly ManifestPart[]
}

export interface ManifestPart {
  readonly name: string
  /** null: it could not be made. */
  readonly bytes: number | null
  /** What was left out; null: nothing. */
  readonly cut: string | null
  /** Why there is none; null: there is one. */
  readonly failed: string | null
}

export interface CollectedFile {
  readonly name: string
  readonly text: string
}

export interface Collecting {
  readonly version: string
  readonly now: Date
  /** Removed wherever they stand. */
  readonly secrets: readonly string[]
  /** undefined: addresses and names stay. */
  readonly replace: Replace | undefined
}

/** One after the other: a host in trouble is not asked everything at once. Never rejects. */
export async function collect(
  parts: readonly Part[],
  how: Collecting,
): Promise<{ readonly files: readonly CollectedFile[]; readonly manifest: Manifest }> {
  const clean = (text: string): string => {
    const rest = withoutSecrets(text, how.secrets)
    return how.replace === undefined ? rest : how.replace(rest)
  }
  const files: CollectedFile[] = []
  const listed: ManifestPart[] = []
  for (const { name, make } of parts) {
    try {
      const { text, cut } = bounded(await make())
      const file = { name, text: clean(text) }
      files.push(file)
      listed.push({ name, bytes: Buffer.byteLength(file.text), cut, failed: null })
    } catch (error) {
      listed.push({ name, bytes: null, cut: null, failed: clean(messageOf(error)) })
    }
  }
  const manifest: Manifest = {
    version: how.version,
    createdAt: how.now.toISOString(),
    addressesReplaced: how.replace !== undefined,
    parts: listed,
  }
  return { files: [{ name: 'manifest.json', text: `${JSON.stringify(manifest, undefined, 2)}\n` }, ...files], manifest }
}
