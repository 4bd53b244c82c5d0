// Holds a bill of materials against CycloneDX's own JSON schema, which its library for npm brings. That and a validator are installed
// into the cache, not into node_modules: nobody needs them but a release.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { cacheFolder } from './cache.mjs'

const PACKAGES = { '@cyclonedx/cyclonedx-library': '10.3.0', ajv: '8.20.0', 'ajv-formats': '3.0.1' }

/** Throws with what is wrong. */
export function checkSbom(document) {
  const folder = ensureInstalled()
  const require = createRequire(path.join(folder, 'package.json'))
  const { default: Ajv } = require('ajv')
  const schema = (name) => {
    const file = `node_modules/@cyclonedx/cyclonedx-library/res/schema/${name}.SNAPSHOT.schema.json`
    return JSON.parse(readFileSync(path.join(folder, file), 'utf8'))
  }
  const ajv = new Ajv({ strict: false, logger: false })
  require('ajv-formats').default(ajv)
  for (const name of ['spdx', 'jsf-0.82'])
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`)
  const validate = ajv.compile(schema(`bom-${document.specVersion}`))
  if (!validate(document)) throw new Error(`the SBOM is not CycloneDX: ${ajv.errorsText(validate.errors)}`)
}

function ensureInstalled() {
  const named = Object.entries(PACKAGES).map(([name, version]) => `${path.basename(name)}-${version}`)
  const folder = path.join(cacheFolder('sbom'), named.join('+'))
  if (existsSync(folder)) return folder
  const work = mkdtempSync(path.join(cacheFolder('sbom'), '.new-'))
  try {
    writeFileSync(path.join(work, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }))
    const words = ['install', '--silent', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=optional']
    execFileSync('npm', words, { cwd: work, stdio: ['ignore', 2, 2] })
    // Another process may have put the same folder there meanwhile.
    if (!existsSync(folder)) renameSync(work, folder)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  return folder
}
