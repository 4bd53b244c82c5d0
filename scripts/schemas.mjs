// Writes docs/schemas/NAME.json, one for each document of lib/cli/json-documents.ts, from its TypeScript types; `--check` writes
// nothing and ends with 1 when one is not as it would be. JSON Schema 2020-12, closed: a field that no type has is a fault.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createGenerator } from 'ts-json-schema-generator'

const root = path.resolve(import.meta.dirname, '..')
const folder = path.join(root, 'docs/schemas')
const LIST = 'JsonDocuments'

if (process.argv.slice(2).some((word) => word !== '--check')) {
  process.stdout.write(
    'Usage: node scripts/schemas.mjs [--check]\n\nWrites docs/schemas from the types of lib/cli/json-documents.ts.\n',
  )
  process.exit(process.argv.some((word) => /^--?h(elp)?$/.test(word)) ? 0 : 2)
}

const wanted = new Map(
  Object.entries(schemas()).map(([name, schema]) => [`${name}.json`, `${JSON.stringify(schema, undefined, 2)}\n`]),
)
const present = new Map(filesOf(folder).map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]))
const wrong = [...new Set([...wanted.keys(), ...present.keys()])].filter(
  (name) => wanted.get(name) !== present.get(name),
)
if (process.argv.includes('--check')) {
  for (const name of wrong)
    process.stderr.write(`docs/schemas/${name} is not what the types say: npm run build:schemas\n`)
  process.exitCode = wrong.length === 0 ? 0 : 1
} else {
  mkdirSync(folder, { recursive: true })
  for (const name of wrong)
    if (wanted.has(name)) writeFileSync(path.join(folder, name), wanted.get(name))
    else rmSync(path.join(folder, name))
  process.stdout.write(`docs/schemas: ${wanted.size} schemas, ${wrong.length} of them new, changed or removed\n`)
}

function schemas() {
  const generator = createGenerator({
    path: path.join(root, 'lib/cli/json-documents.ts'),
    tsconfig: path.join(root, 'tsconfig.json'),
    type: LIST,
    expose: 'none',
    topRef: false,
    additionalProperties: false,
    // tsc has done it.
    skipTypeCheck: true,
  })
  const { properties } = generator.createSchema(LIST)
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [
      name,
      { $schema: 'https://json-schema.org/draft/2020-12/schema', title: `vtepd ${name}`, ...presentOnly(schema) },
    ]),
  )
}

// JSON has no undefined: what may be that may be missing.
function presentOnly(schema) {
  if (Array.isArray(schema)) return schema.map(presentOnly)
  if (typeof schema !== 'object' || schema === null) return schema
  const made = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, presentOnly(value)]))
  if (Array.isArray(made.anyOf) && made.anyOf.some(isNever)) {
    const rest = made.anyOf.filter((one) => !isNever(one))
    const { anyOf: _, ...others } = made
    Object.assign(made, rest.length === 1 ? { ...rest[0], ...others } : { anyOf: rest })
    if (rest.length === 1) delete made.anyOf
    made.optional = true
  }
  if (made.properties !== undefined) {
    const optional = Object.keys(made.properties).filter((key) => made.properties[key].optional === true)
    for (const key of optional) delete made.properties[key].optional
    const required = (made.required ?? []).filter((key) => !optional.includes(key))
    if (required.length > 0) made.required = required
    else delete made.required
  }
  return made
}

function isNever(schema) {
  return schema.not !== undefined && Object.keys(schema.not).length === 0
}

function filesOf(place) {
  try {
    return readdirSync(place).filter((name) => name.endsWith('.json'))
  } catch {
    return []
  }
}
