/** The lab's page as a browser shows it. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { renderPage } from '../../../lib/lab/picture/page.ts'
import { renderTimelineSvg } from '../../../lib/lab/picture/timeline-file.ts'
import { browserTests, openPage, type Page } from '../../support/browser.ts'
import { listFiles, readSource } from '../../support/source-files.ts'
import { labTests, runLab } from '../support.ts'
import { HOSTILE, MADE, rebuilt, report } from './support.ts'

const FAULTS = readFileSync(path.join(import.meta.dirname, 'page-faults.js'), 'utf8')
const OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true })"
const skip = browserTests.skip === false ? labTests.skip : browserTests.skip

function fileOf(t: TestContext, name: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-page-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return path.join(folder, name)
}

async function assertReadable(t: TestContext, page: Page): Promise<void> {
  await page.evaluate(OPEN_ALL)
  for (const scheme of ['light', 'dark'] as const)
    for (const width of [1200, 400])
      await t.test(`${scheme}, ${width} px wide`, async () => {
        await page.view({ width, scheme })
        assert.deepEqual(await page.evaluate(FAULTS), [])
      })
}

test('the page of a real lab stays readable in a wide and a narrow window, light and dark', {
  ...browserTests,
  skip,
}, async (t) => {
  const file = fileOf(t, 'lab.html')
  const scenarios = ['issue-2433', 'device-deleted', 'api-server-away'].flatMap((name) => ['--scenario', name])
  const ended = await runLab(t, ['--dual', ...scenarios, '--html', file])
  assert.equal(ended.status, 0, ended.stdout + ended.stderr)
  const page = await openPage(t, file)
  assert.deepEqual([page.requests, page.complaints], [[`file://${file}`], []])
  await assertReadable(t, page)
})

test('what a lab was told stays text, and stays inside the page', browserTests, async (t) => {
  const file = fileOf(t, 'hostile.html')
  writeFileSync(file, renderPage(report, MADE))
  const page = await openPage(t, file)
  assert.deepEqual([page.requests, page.complaints], [[`file://${file}`], []])
  assert.equal(
    await page.evaluate("document.querySelectorAll('script, img, iframe, object, link, [onerror]').length"),
    0,
  )
  const words = await page.evaluate<string>('document.body.textContent')
  assert.ok(words.includes(HOSTILE.slice(0, 60)))
  await assertReadable(t, page)
})

test('on paper the page is dark on white, whatever the screen is', browserTests, async (t) => {
  const file = fileOf(t, 'paper.html')
  writeFileSync(file, renderPage(report, MADE))
  const page = await openPage(t, file)
  await page.view({ width: 800, scheme: 'dark', media: 'print' })
  assert.equal(await page.evaluate('getComputedStyle(document.body).backgroundColor'), 'rgb(255, 255, 255)')
  assert.deepEqual(await page.evaluate(FAULTS), [])
})

test('the picture of a timeline is a document of its own', browserTests, async (t) => {
  const file = fileOf(t, 'timeline.svg')
  writeFileSync(file, renderTimelineSvg(rebuilt))
  const page = await openPage(t, file)
  assert.deepEqual([page.requests, page.complaints], [[`file://${file}`], []])
  const paper = "getComputedStyle(document.querySelector('.paper')).fill"
  await page.view({ width: 900, scheme: 'dark' })
  assert.equal(await page.evaluate(paper), 'rgb(13, 17, 23)')
  await page.view({ width: 900, scheme: 'light' })
  assert.equal(await page.evaluate(paper), 'rgb(255, 255, 255)')
})

test('no words of a benchmark’s plot are cut or stand on each other', browserTests, async (t) => {
  const file = fileOf(t, 'plots.html')
  const plots = ['bench', 'docs'].flatMap((folder) => listFiles(folder, '.svg')).map((plot) => readSource(plot).text)
  assert.ok(plots.length > 20)
  writeFileSync(file, `<!doctype html><meta charset="utf-8"><title>plots</title><body>${plots.join('<br>')}`)
  const page = await openPage(t, file)
  for (const scheme of ['light', 'dark'] as const) {
    await page.view({ width: 1200, scheme })
    assert.deepEqual(await page.evaluate(FAULTS), [])
  }
})
