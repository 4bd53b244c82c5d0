// npm run build:chart: out/vtepd-chart-VERSION.tgz, the Helm chart in deploy/ as one file. The same sources make the same bytes.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { sourceDate } from './source-date.mjs'

const root = path.resolve(import.meta.dirname, '../..')
const out = path.join(root, 'out')
const HELP = `npm run build:chart

Makes out/vtepd-chart-VERSION.tgz of deploy/: helm install vtepd FILE --namespace kube-system. Needs tar and gzip, and once Go 1.26 or
newer for helm.
`

if (process.argv.includes('--help')) process.stdout.write(HELP)
else buildChart()

function buildChart() {
  mkdirSync(out, { recursive: true })
  const work = mkdtempSync(path.join(out, '.chart-'))
  const run = (program, ...words) =>
    execFileSync(program, words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] })
  try {
    const [helm] = run(process.execPath, '--import', 'tsx', 'test/kube/deploy-programs.ts').split('\n')
    run(helm, 'package', 'deploy', '--destination', work)
    const [packed] = readdirSync(work)
    run('tar', '-xmzf', path.join(work, packed), '-C', work)
    // helm writes when it was run.
    const same = [
      '--sort=name',
      `--mtime=@${sourceDate(root)}`,
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '--format=gnu',
    ]
    run('tar', '-cf', path.join(work, 'chart.tar'), ...same, '--mode=u=rwX,go=rX', '-C', work, 'vtepd')
    run('gzip', '-9', '--no-name', path.join(work, 'chart.tar'))
    const file = path.join(out, packed.replace(/^vtepd-/, 'vtepd-chart-'))
    renameSync(path.join(work, 'chart.tar.gz'), file)
    process.stdout.write(`${path.relative('', file)}\n`)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}
