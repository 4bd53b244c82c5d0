import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { renderPage } from '../../../lib/lab/picture/page.ts'
import { renderTimelineSvg } from '../../../lib/lab/picture/timeline-file.ts'
import type { LabReport } from '../../../lib/lab/report.ts'
import { readSource } from '../../support/source-files.ts'
import { HOSTILE, MADE, rebuilt, report, stepped } from './support.ts'

const page = renderPage(report, MADE)

test('the page has no script and names nothing from elsewhere', () => {
  const foreign = /<(?:script|link|img|iframe|object|use|image)\b|\s(?:src|href|style|on\w+)="|url\(|@import/
  assert.equal(foreign.exec(page)?.[0], undefined)
})

test('the policy of the page allows its own style sheet, and nothing else', () => {
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  const policy = /Content-Security-Policy" content="([^"]+)"/.exec(page)?.[1]?.replaceAll('&#39;', "'")
  assert.equal(policy, `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`)
})

test('every tag of page and picture is closed, and nothing in them is undefined', () => {
  for (const text of [page, renderTimelineSvg(rebuilt), renderTimelineSvg(stepped)]) {
    for (const tag of [
      'div',
      'dl',
      'figure',
      'g',
      'li',
      'section',
      'svg',
      'table',
      'td',
      'text',
      'title',
      'tr',
      'tspan',
    ])
      assert.equal(
        text.match(new RegExp(`<${tag}\\b`, 'g'))?.length,
        text.match(new RegExp(`</${tag}>`, 'g'))?.length,
        tag,
      )
    assert.equal(/NaN|undefined|Infinity|\[object/.exec(text)?.[0], undefined)
  }
})

test('names and messages of others are text in the page and in the picture', () => {
  assert.ok(!page.includes(HOSTILE) && !renderTimelineSvg(stepped).includes(HOSTILE))
  assert.ok(page.includes('&quot;&gt;&lt;img src=x onerror=alert(1)&gt;'))
})

test('the page says why a lab is not well, what was silent, and how many nodes it does not draw', () => {
  assert.match(page, /class="verdict bad">NOT well: /)
  assert.match(page, /IPv6: 5 of 6 pairs reached/)
  assert.match(page, /and 2 more of the kind, up to node14: 172\.31\.1\.14, fd77::1:e, 10\.42\.14\.0\/24/)
  assert.match(page, /and 11 more, in the list below/)
})

test('a lab that ended before its first probe has a page too', () => {
  const early: LabReport = { ...report, bringUp: undefined, cells: [], scenarios: [], agents: [] }
  assert.match(renderPage(early, MADE), /The lab ended before the first probe/)
})

test('what nobody lost has no moment of return, and is told', () => {
  const outages = rebuilt.outages.map((outage) => ({
    ...outage,
    pods: { ...outage.pods, totalMs: 0 },
    underlay: { ...outage.underlay, totalMs: 0 },
  }))
  const svg = renderTimelineSvg({ ...rebuilt, outages, silences: [] })
  assert.doesNotMatch(svg, /whole again|class="band"|class="silent"/)
  assert.equal(svg.match(/<title>(?:pods|nodes): not a probe lost/g)?.length, 2)
})

test('the picture of issue 2433 in the README is drawn by this very code from what a lab recorded', () => {
  const recorded = JSON.parse(readSource('docs/images/issue-2433.json').text) as LabReport
  const [scenario] = recorded.scenarios
  assert.ok(scenario !== undefined)
  assert.equal(renderTimelineSvg(scenario), readSource('docs/images/issue-2433.svg').text, 'npm run picture makes both')
  assert.ok(readSource('README.md').text.includes('(docs/images/issue-2433.svg)'))
})
