// npm run build:manifests: what kubectl and kustomize apply, made of the chart in deploy/, so that there is one source. A test holds
// that the files are what this makes.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'

const root = path.resolve(import.meta.dirname, '../..')
const HEAD = '# Made of the chart by npm run build:manifests: change that one.\n'

const HELP = `npm run build:manifests [-- --check]

Makes deploy/kustomize and deploy/k3s of the chart in deploy/, and says what it has changed; --check: what it would, status 1. Needs
Go 1.26 or newer, once, for helm.
`

/** By the file's path below the root, the text that belongs there. */
function renderManifests(helm) {
  const chart = (...values) => render(helm, values)
  const all = chart()
  const without = new Set(all.map(idOf))
  return {
    'deploy/kustomize/base/vtepd.yaml': textOf(all),
    'deploy/kustomize/overlays/objects/claims.yaml': textOf(
      chart('--set=claims=true').filter((document) => !without.has(idOf(document))),
    ),
    'deploy/kustomize/overlays/cleanup/vtepd.yaml': textOf(chart('--set=cleanup=true')),
    'deploy/k3s/vtepd.yaml': textOf(chart('--values=deploy/k3s/values.yaml')),
  }
}

/** The documents of the chart with these values. */
function render(helm, values) {
  const words = ['template', 'vtepd', 'deploy', '--namespace=kube-system', ...values]
  const text = execFileSync(helm, words, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
  // A document of comments alone is none.
  return parseAllDocuments(text.replace(/^# Source: .*\n/gm, '')).filter((document) => document.toJS() !== null)
}

function textOf(documents) {
  // Policies before the rights that they bound.
  const isPolicy = (document) => document.get('kind').startsWith('ValidatingAdmissionPolicy')
  const ordered = [...documents.filter(isPolicy), ...documents.filter((document) => !isPolicy(document))]
  return `${HEAD}---\n${ordered.map((document) => String(document).replace(/^---\n/, '')).join('---\n')}`
}

function idOf(document) {
  return `${document.get('kind')} ${document.getIn(['metadata', 'name'])}`
}

function main() {
  if (process.argv.includes('--help')) {
    process.stdout.write(HELP)
    return
  }
  const words = ['--import', 'tsx', 'test/kube/deploy-programs.ts']
  const built = execFileSync(process.execPath, words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] })
  for (const [name, text] of Object.entries(renderManifests(built.split('\n')[0]))) {
    const file = path.join(root, name)
    if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
    if (process.argv.includes('--check')) process.exitCode = 1
    else writeFileSync(file, text)
    process.stdout.write(`${name}\n`)
  }
}

main()
