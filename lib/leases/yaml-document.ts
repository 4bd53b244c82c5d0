/**
 * The one import of `yaml`, loaded only when a file of YAML is read. A module of its own, because a bundler gives a CommonJS
 * package that is imported dynamically no named exports.
 */
export { isNode, parseAllDocuments, parseDocument } from 'yaml'
