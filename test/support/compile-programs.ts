/**
 * Programs of tests and benches as they would be in a package: one module each, without a loader of TypeScript, which would take longer
 * than a short life and count as its memory.
 */
import { build } from 'esbuild'

/** `folder/NAME.mjs` of each `…/NAME.ts`. */
export async function compilePrograms(files: readonly string[], folder: string): Promise<void> {
  await build({
    entryPoints: [...files],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'error',
  })
}
