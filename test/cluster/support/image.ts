/**
 * The program of the pods, compiled, and as an image that containerd can import: no registry is needed. Must not: start anything.
 */
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { run } from './shell.ts'

/** Also the sandbox's. */
export const IMAGE = 'vtepd.test/pod:1'

export interface PodImage {
  /** The program itself, for use outside of pods. */
  readonly program: string
  /** A docker-archive. */
  readonly archive: string
}

const SOURCES = path.join(import.meta.dirname, '..', 'pod')

/** Everything is written below `folder`. */
export async function buildImage(folder: string): Promise<PodImage> {
  const root = path.join(folder, 'image')
  mkdirSync(path.join(root, 'layer'), { recursive: true })
  const program = path.join(folder, 'pod')
  const sources = readdirSync(SOURCES).filter((file) => file.endsWith('.c'))
  await run(
    'cc',
    '-static',
    '-O2',
    '-Wall',
    '-Wextra',
    '-o',
    program,
    ...sources.map((file) => path.join(SOURCES, file)),
  )
  copyFileSync(program, path.join(root, 'layer', 'pod'))
  await run('tar', '-cf', path.join(root, 'layer.tar'), '-C', path.join(root, 'layer'), 'pod')
  const layer = createHash('sha256')
    .update(readFileSync(path.join(root, 'layer.tar')))
    .digest('hex')
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64' | 'arm64'] ?? process.arch
  write(root, 'config.json', {
    architecture,
    os: 'linux',
    config: { Entrypoint: ['/pod'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
  })
  write(root, 'manifest.json', [{ Config: 'config.json', RepoTags: [IMAGE], Layers: ['layer.tar'] }])
  const archive = path.join(folder, 'image.tar')
  await run('tar', '-cf', archive, '-C', root, 'manifest.json', 'config.json', 'layer.tar')
  return { program, archive }
}

function write(folder: string, name: string, content: object): void {
  writeFileSync(path.join(folder, name), JSON.stringify(content))
}
