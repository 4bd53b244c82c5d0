/**
 * A kept file on a real disk: what somebody does to it or to its folder is heard from the kernel (the clock nearly stands still,
 * so no slow look helps) and undone.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { createKeptFile } from '../../lib/agent/kept-file.ts'
import { systemClock } from '../../lib/host/clock.ts'
import { readAsWritten, replaceFile } from '../../lib/host/files.ts'
import { watchFile } from '../../lib/host/watch-file.ts'
import type { Log } from '../../lib/util/log.ts'
import { createStandingLog } from '../../lib/util/standing-log.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'
import { kernelTests } from '../support/netns.ts'

const run = promisify(execFile)
const TEXT = 'FLANNEL_MTU=1450\n'
const log: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => log }

async function setUp(t: TestContext) {
  const top = await mkdtemp(path.join(tmpdir(), 'vtepd-kept-'))
  const file = path.join(top, 'run', 'flannel', 'subnet.env')
  const clock = createManualClock()
  const kept = createKeptFile({
    path: file,
    mode: 0o644,
    content: () => TEXT,
    files: {
      read: readAsWritten,
      replace: replaceFile,
      watch: (name, onChange) => watchFile(name, onChange, { clock }),
    },
    onWrite: () => undefined,
    failed: 'cni.subnet-env-failed',
    clock,
    log,
    standing: createStandingLog(log, clock),
    onChange: () => undefined,
  })
  t.after(async () => {
    await kept.stop()
    await rm(top, { recursive: true, force: true })
  })
  kept.mark()
  const isRight = async (): Promise<boolean> => kept.fault === undefined && (await readAsWritten(file)) === TEXT
  await eventually(isRight, 'the first writing', clock)
  return { top, file, folder: path.dirname(file), clock, isRight }
}

/** The clock goes on by at most half of what a slow look takes: a second try is no slow look. */
async function eventually(check: () => Promise<boolean>, what: string, clock: ManualClock): Promise<void> {
  const deadline = systemClock.now() + 10_000
  for (let ms = 0; !(await check()); ms += 1) {
    if (systemClock.now() > deadline) throw new Error(`never: ${what}`)
    if (ms < 200) clock.advance(1)
    await new Promise<void>((resolve) => systemClock.after(2, resolve))
  }
}

/** It may come back while it is being removed. */
async function remove(folder: string): Promise<void> {
  await rm(folder, { recursive: true }).catch(() => undefined)
}

type Place = Awaited<ReturnType<typeof setUp>>

const DAMAGES: Readonly<Record<string, (place: Place) => Promise<unknown>>> = {
  'it is deleted': ({ file }) => rm(file),
  'it is written in place': ({ file }) => writeFile(file, 'x'),
  'it is emptied': ({ file }) => truncate(file),
  'nobody may read it any more': ({ file }) => chmod(file, 0o600),
  'another file is renamed over it': async ({ top, file }) => {
    await writeFile(path.join(top, 'other'), 'x')
    await rename(path.join(top, 'other'), file)
  },
  'it is a link to nowhere': async ({ top, file }) => {
    await symlink('/nowhere', path.join(top, 'link'))
    await rename(path.join(top, 'link'), file)
  },
  'it is a link to itself': async ({ top, file }) => {
    await symlink(file, path.join(top, 'link'))
    await rename(path.join(top, 'link'), file)
  },
  'it is a pipe': async ({ top, file }) => {
    await run('mkfifo', [path.join(top, 'pipe')])
    await rename(path.join(top, 'pipe'), file)
  },
  'it is an empty folder': async ({ file }) => {
    await rm(file)
    // Where it is back already, it is there.
    await mkdir(file).catch(() => undefined)
  },
  'its folder is deleted': ({ folder }) => remove(folder),
  'its folder and the one above are deleted': ({ folder }) => remove(path.dirname(folder)),
  'its folder is moved away': ({ top, folder }) => rename(folder, path.join(top, 'away')),
  'its folder is another one': async ({ top, folder }) => {
    await mkdir(path.join(top, 'other'))
    await run('mv', ['--exchange', '-T', path.join(top, 'other'), folder]).catch(async () => {
      await rename(folder, path.join(top, 'away'))
      await rename(path.join(top, 'other'), folder).catch(() => undefined)
    })
  },
  'its folder is a link to another one': async ({ top, folder }) => {
    await mkdir(path.join(top, 'other'))
    await rename(folder, path.join(top, 'away'))
    await symlink(path.join(top, 'other'), folder).catch(() => undefined)
  },
}

for (const [what, damage] of Object.entries(DAMAGES))
  test(`${what}: it is put back, and is followed from then on`, async (t) => {
    const place = await setUp(t)
    await damage(place)
    await eventually(place.isRight, what, place.clock)
    await writeFile(place.file, 'x')
    await eventually(place.isRight, `altered after ${what}`, place.clock)
    assert.equal((await stat(place.file)).isFile(), true)
  })

test('a folder that somebody holds open is missed all the same when it is deleted', async (t) => {
  const { folder, clock, isRight } = await setUp(t)
  const holder = execFile('sleep', ['60'], { cwd: folder })
  t.after(() => holder.kill())
  await remove(folder)
  await eventually(isRight, 'the file in a new folder', clock)
})

test('a file system mounted over its folder, and taken away, is seen by the slow look', kernelTests, async (t) => {
  const { folder, file, clock, isRight } = await setUp(t)
  await run('mount', ['-t', 'tmpfs', 'none', folder])
  t.after(() => run('umount', ['--lazy', folder]).catch(() => undefined))
  clock.advance(5000)
  await eventually(isRight, 'the file on the new file system', clock)
  await rm(file)
  await eventually(isRight, 'it is followed there', clock)
  await run('umount', ['--lazy', folder])
  await writeFile(file, 'x')
  clock.advance(5000)
  await eventually(isRight, 'the file on the old file system', clock)
  assert.equal(await readFile(file, 'utf8'), TEXT)
})
