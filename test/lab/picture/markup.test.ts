import assert from 'node:assert/strict'
import { test } from 'node:test'
import { markup } from '../../../lib/lab/picture/markup.ts'
import { cutText, textWidth, wrapText } from '../../../lib/lab/picture/text-width.ts'
import { HOSTILE } from './support.ts'

test('text is escaped in elements and attributes, and what would turn or hide it is shown', () => {
  const { markup: made } = markup`<p title="${HOSTILE}">${HOSTILE}</p>`
  assert.doesNotMatch(made, /<(?!\/?p)|title=""/)
  assert.ok(!made.includes('\u0007') && !made.includes('\u202e'))
  assert.match(made, /^<p title="&quot;&gt;&lt;img src=x onerror=alert\(1\)&gt;.*&amp;amp;\\u\{7\}\\u\{202e\}">/)
})

test('what a template made goes into another as it is, lists joined, nothing where there is nothing', () => {
  const items = ['a', '<b>'].map((text) => markup`<li>${text}</li>`)
  assert.equal(markup`<ul>${items}${undefined}${false}</ul>`.markup, '<ul><li>a</li><li>&lt;b&gt;</li></ul>')
})

test('numbers have one decimal at most', () => {
  assert.equal(markup`${1 / 3} ${2} ${-0.04}`.markup, '0.3 2 0')
})

test('text is cut and broken before it is wider than its room', () => {
  const text = 'flannel.1: ready → stranded (no interface is named mgmt0)'
  assert.equal(cutText('short', 100), 'short')
  for (const width of [40, 100, 250]) {
    assert.ok(textWidth(cutText(text, width)) <= width)
    const lines = wrapText(text, width)
    assert.ok(lines.every((line) => textWidth(line) <= width))
    assert.equal(lines.join('').replaceAll(' ', ''), text.replaceAll(' ', ''))
  }
})
