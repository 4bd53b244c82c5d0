// Reporter of node's test runner: a line of JSON for each test, as scripts/kernels/run.mjs reads it.
export default async function* lines(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    if (data.details?.type === 'suite') continue
    const { name, nesting, skip, todo, details } = data
    const error = type === 'test:fail' ? textOf(details.error) : undefined
    yield `${JSON.stringify({ vtepd: 'test', name, nesting, passed: type === 'test:pass', skip: skip ?? todo, ms: Math.round(details.duration_ms), error })}\n`
  }
}

function textOf(error) {
  const cause = error?.cause ?? error
  return String(cause?.stack ?? cause?.message ?? cause)
}
