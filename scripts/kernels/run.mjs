// One run of tests on one kernel: from its package to what came of each test.
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { makeJob } from './guest.mjs'
import { makeInitramfs } from './initramfs.mjs'
import { runMachine } from './machine.mjs'

/**
 * `{ kernel, node, passed, failures, skips, seconds, problem }`: names of tests, a failure with its error; `problem` says why
 * the run does not count, where it did not come to its end. The log of all that the machine said is written to `logFile`.
 */
export async function runOnKernel({
  arch,
  kernel,
  root,
  busybox,
  hostBusybox,
  files,
  only,
  except,
  patience,
  limitMs,
  signal,
  logFile,
  say,
}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-kernel-'))
  const result = {
    kernel: kernel.version,
    node: '',
    passed: 0,
    failures: [],
    skips: [],
    seconds: 0,
    problem: undefined,
  }
  mkdirSync(path.dirname(logFile), { recursive: true })
  const log = createWriteStream(logFile)
  let status
  const onLine = (line) => {
    log.write(`${line}\n`)
    const event = parse(line)
    if (event?.vtepd === 'begin') result.node = event.node
    if (event?.vtepd === 'end') status = event.status
    if (event?.vtepd === 'test') take(result, event, say)
  }
  const began = performance.now()
  try {
    const job = path.join(folder, 'job')
    const { repository, node, addons } = root
    await makeJob({ folder: job, repository, files, only, except, node, addons, patience })
    const initramfs = makeInitramfs({ folder, kernel, busybox, hostBusybox })
    const shares = { root: root.path, job, modules: kernel.modules, ...(root.path === '/' ? {} : { repository }) }
    const ended = await runMachine({ arch, kernel, initramfs, shares, folder, limitMs, signal, onLine })
    result.problem = problemOf(ended, status, result, limitMs)
  } finally {
    result.seconds = Math.round((performance.now() - began) / 1000)
    log.end()
    rmSync(folder, { recursive: true, force: true })
  }
  return result
}

function take(result, { name, passed, skip, ms, error }, say) {
  if (!passed) result.failures.push({ name, error })
  else if (skip !== undefined && skip !== false) result.skips.push(typeof skip === 'string' ? `${name}: ${skip}` : name)
  else result.passed += 1
  say(`${passed ? 'ok' : 'FAILED'} ${name} (${(ms / 1000).toFixed(1)} s)${passed ? '' : `\n${error}`}`)
}

function problemOf(ended, status, { failures, passed, skips }, limitMs) {
  if (ended === 'limit') return `not at its end after ${limitMs / 60_000} minutes`
  if (ended !== 'off') return ended
  if (status === undefined) return 'the machine went off before its end'
  if (passed + skips.length + failures.length === 0) return `no test ran (status ${status})`
  if (status !== 0 && failures.length === 0) return `the tests ended with status ${status}`
}

function parse(line) {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
