// Removes everything that a build makes (dist/, build/, build-*/, packed tarballs); never node_modules.
import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'

const root = path.resolve(import.meta.dirname, '..')
const made = readdirSync(root).filter((name) => /^(dist|build|build-.*|\.dist-.*|coverage|vtepd-.*\.tgz)$/.test(name))
for (const name of made) rmSync(path.join(root, name), { recursive: true, force: true })
