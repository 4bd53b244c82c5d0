/** Whether a document is what docs/schemas says. Must not: read a document itself. */
import assert from 'node:assert/strict'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { readSource } from './source-files.ts'

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })

/** Throws AssertionError that names what is wrong; `name`: of the schema. */
export function assertDocument(name: string, document: unknown): void {
  const file = `docs/schemas/${name}.json`
  const validate = ajv.getSchema(file) ?? ajv.addSchema(JSON.parse(readSource(file).text), file).getSchema(file)
  assert.ok(validate, file)
  assert.ok(
    validate(document),
    `${file}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(document).slice(0, 2000)}`,
  )
}
