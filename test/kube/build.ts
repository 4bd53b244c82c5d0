/** Builds the programs that test/kube needs, where they are missing: `node --import tsx test/kube/build.ts`. */
import { ensurePrograms } from './programs.ts'

const { etcd, apiServer } = ensurePrograms()
process.stdout.write(`${etcd}\n${apiServer}\n`)
