/** The lab on a real kube-apiserver with etcd: `npm run test:kube` builds them and runs this. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LabReport } from '../../lib/lab/report.ts'
import { assertAway, labTests, runLab } from './support.ts'

for (const families of ['--ipv4', '--ipv6', '--dual'] as const) {
  test(`${families} on a real kube-apiserver with etcd: every pod reaches every pod`, labTests, async (t) => {
    const { status, stdout, stderr } = await runLab(t, [
      ...['--nodes', '2', '--kube', 'real', families, '--scenario', 'issue-2433', '--scenario', 'api-server-away'],
      '--json',
    ])
    assert.equal(status, 0, stderr)
    const report = JSON.parse(stdout) as LabReport
    const pairs = families === '--dual' ? 4 : 2
    for (const { name, matrix } of report.scenarios)
      assert.deepEqual(matrix, { pairs, reached: pairs, missing: [] }, name)
    assertAway(report)
    assert.match(stderr, /API server {2}real, https:/)
  })
}
