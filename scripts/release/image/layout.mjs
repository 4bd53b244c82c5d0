// An OCI image layout as one tar file, that `ctr images import`, podman and skopeo read; with one platform in it also what `docker
// load` reads. Owns the bytes: the same trees make the same file. Must not: know what stands in a layer.
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { sha256Of } from '../cache.mjs'

const OCI = 'application/vnd.oci.image'

/** A store of blobs in a folder of its own below `folder`, and what writes them. */
export function openLayout(folder) {
  const work = mkdtempSync(path.join(folder, '.layout-'))
  const blobs = path.join(work, 'blobs')
  mkdirSync(blobs)

  /** `epoch`: seconds, of everything in it. Resolves with the descriptor and `diffId`. */
  async function addLayer(tree, epoch) {
    const tar = path.join(work, 'layer.tar')
    packTree(tree, tar, epoch)
    const diffId = `sha256:${await sha256Of(tar)}`
    // GNU gzip: its output is the same on every machine, zlib's is not.
    execFileSync('gzip', ['-9', '--no-name', '--force', tar], { stdio: ['ignore', 2, 2] })
    const digest = await sha256Of(`${tar}.gz`)
    const { size } = statSync(`${tar}.gz`)
    renameSync(`${tar}.gz`, path.join(blobs, digest))
    return { diffId, mediaType: `${OCI}.layer.v1.tar+gzip`, digest: `sha256:${digest}`, size }
  }

  function addJson(mediaType, value, more = {}) {
    const text = JSON.stringify(value)
    const digest = createHash('sha256').update(text).digest('hex')
    writeFileSync(path.join(blobs, digest), text)
    return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(text), ...more }
  }

  /** `layers`: of addLayer, each with `createdBy`. Returns the descriptor of its manifest. */
  function addImage({ platform, created, config, layers }) {
    const descriptors = layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size }))
    const configBlob = addJson(`${OCI}.config.v1+json`, {
      created,
      ...platform,
      config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
      history: layers.map(({ createdBy }) => ({ created, created_by: createdBy })),
    })
    const manifest = {
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: configBlob,
      layers: descriptors,
      annotations: config.Labels,
    }
    const descriptor = addJson(manifest.mediaType, manifest, { platform })
    return { descriptor, config: configBlob, layers: descriptors }
  }

  /** `images`: of addImage, one a platform. */
  function write(file, name, images) {
    const manifests = images.map(({ descriptor }) => descriptor)
    const several = { schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests }
    const top = images.length === 1 ? manifests[0] : addJson(several.mediaType, several)
    const annotations = {
      'io.containerd.image.name': name,
      'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
    }
    const parts = images.flatMap(({ descriptor, config, layers }) => [descriptor, config, ...layers])
    const pack = path.join(work, 'pack')
    mkdirSync(path.join(pack, 'blobs/sha256'), { recursive: true })
    for (const { digest } of [top, ...parts]) {
      const target = path.join(pack, blobPath(digest))
      if (!existsSync(target)) linkSync(path.join(blobs, path.basename(target)), target)
    }
    writeJson(pack, 'oci-layout', { imageLayoutVersion: '1.0.0' })
    writeJson(pack, 'index.json', { ...several, manifests: [{ ...top, annotations }] })
    if (images.length === 1) {
      const [{ config, layers }] = images
      const Layers = layers.map(({ digest }) => blobPath(digest))
      writeJson(pack, 'manifest.json', [{ Config: blobPath(config.digest), RepoTags: [name], Layers }])
    }
    packTree(pack, `${file}.tmp`, 0)
    renameSync(`${file}.tmp`, file)
    rmSync(pack, { recursive: true })
  }

  return { work, addLayer, addImage, write, close: () => rmSync(work, { recursive: true, force: true }) }
}

function blobPath(digest) {
  return `blobs/${digest.replace(':', '/')}`
}

function writeJson(folder, name, value) {
  writeFileSync(path.join(folder, name), JSON.stringify(value))
}

function packTree(tree, file, epoch) {
  const same = ['--sort=name', `--mtime=@${epoch}`, '--owner=0', '--group=0', '--numeric-owner', '--format=gnu']
  const packed = spawnSync('tar', ['--create', `--file=${file}`, ...same, '--directory', tree, '.'], {
    stdio: ['ignore', 2, 2],
  })
  if (packed.status !== 0)
    throw new Error(`tar could not pack ${tree}${packed.error ? `: ${packed.error.message}` : ''}`)
}
