/**
 * Field numbers of what the embedded API server writes as Protocol Buffers (generated.proto of apimachinery's meta/v1 and of
 * core/v1). Of a Node everything that agents, kubelets and benchmarks put there; what is not named here exists in JSON only.
 */
import type { Field, Schema } from './proto-encode.ts'

const field = (name: string, number: number, type: Field['type'], repeated = false): Field => ({
  name,
  number,
  type,
  repeated,
})
const strings = (...names: readonly string[]): Schema => names.map((name, index) => field(name, index + 1, 'string'))

const MANAGED_FIELDS: Schema = [
  ...strings('manager', 'operation', 'apiVersion'),
  field('time', 4, 'time'),
  field('fieldsType', 6, 'string'),
  field('fieldsV1', 7, 'json'),
  field('subresource', 8, 'string'),
]

const OBJECT_META: Schema = [
  ...strings('name', 'generateName', 'namespace'),
  field('uid', 5, 'string'),
  field('resourceVersion', 6, 'string'),
  field('generation', 7, 'int'),
  field('creationTimestamp', 8, 'time'),
  field('deletionTimestamp', 9, 'time'),
  field('deletionGracePeriodSeconds', 10, 'int'),
  field('labels', 11, 'map'),
  field('annotations', 12, 'map'),
  field('finalizers', 14, 'string', true),
  field('managedFields', 17, MANAGED_FIELDS, true),
]

const SPEC: Schema = [
  field('podCIDR', 1, 'string'),
  field('providerID', 3, 'string'),
  field('taints', 5, strings('key', 'value', 'effect'), true),
  field('podCIDRs', 7, 'string', true),
]

const CONDITION: Schema = [
  ...strings('type', 'status'),
  field('lastHeartbeatTime', 3, 'time'),
  field('lastTransitionTime', 4, 'time'),
  field('reason', 5, 'string'),
  field('message', 6, 'string'),
]

const NODE_INFO = strings(
  'machineID',
  'systemUUID',
  'bootID',
  'kernelVersion',
  'osImage',
  'containerRuntimeVersion',
  'kubeletVersion',
  'kubeProxyVersion',
  'operatingSystem',
  'architecture',
)

const NODE_STATUS: Schema = [
  field('capacity', 1, 'quantities'),
  field('allocatable', 2, 'quantities'),
  field('phase', 3, 'string'),
  field('conditions', 4, CONDITION, true),
  field('addresses', 5, strings('type', 'address'), true),
  field('daemonEndpoints', 6, [field('kubeletEndpoint', 1, [field('Port', 1, 'int')])]),
  field('nodeInfo', 7, NODE_INFO),
  field('images', 8, [field('names', 1, 'string', true), field('sizeBytes', 2, 'int')], true),
]

/** Its first field is the metadata, and a PartialObjectMetadata has that one only: the same bytes serve both. */
export const NODE: Schema = [field('metadata', 1, OBJECT_META), field('spec', 2, SPEC), field('status', 3, NODE_STATUS)]

export const LIST_META: Schema = [
  ...strings('selfLink', 'resourceVersion', 'continue'),
  field('remainingItemCount', 4, 'int'),
]

const DETAILS: Schema = [
  ...strings('name', 'group', 'kind'),
  field('causes', 4, strings('reason', 'message', 'field'), true),
  field('retryAfterSeconds', 5, 'int'),
  field('uid', 6, 'string'),
]

export const STATUS: Schema = [
  field('metadata', 1, LIST_META),
  ...['status', 'message', 'reason'].map((name, index) => field(name, index + 2, 'string')),
  field('details', 5, DETAILS),
  field('code', 6, 'int'),
]

/** What says of which kind the object behind it is. */
export const TYPE_META = strings('apiVersion', 'kind')
