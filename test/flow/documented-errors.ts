/**
 * Which errors AWS documents for each call that the product makes, read from the SDK's own types (`@throws`), so that a new
 * SDK brings its new errors by itself. Invariant: a call without documented errors is an error here, not an empty list.
 */
import { readFileSync } from 'node:fs';
import { usedActions } from '../deploy/used-calls.ts';

const root = new URL('../../node_modules/@aws-sdk/', import.meta.url);
const entries = [
  'functions/reconcile.ts',
  'functions/camera-changed.ts',
  'functions/capacity-changed.ts',
  'worker/worker.ts',
];

/** By IAM service: the client's package, and the signing name that a fault sees. */
const services: Record<string, { client: string; scope: string }> = {
  autoscaling: { client: 'client-auto-scaling', scope: 'autoscaling' },
  cloudwatch: { client: 'client-cloudwatch', scope: 'monitoring' },
  dynamodb: { client: 'client-dynamodb', scope: 'dynamodb' },
  ec2: { client: 'client-ec2', scope: 'ec2' },
  ecs: { client: 'client-ecs', scope: 'ecs' },
  events: { client: 'client-eventbridge', scope: 'events' },
  kinesis: { client: 'client-kinesis', scope: 'kinesis' },
  kinesisvideo: { client: 'client-kinesis-video', scope: 'kinesisvideo' },
  s3: { client: 'client-s3', scope: 's3' },
};
/** What any call of any service may be answered with (AWS: common errors). */
const common = [
  'ThrottlingException',
  'ServiceUnavailable',
  'InternalFailure',
  'AccessDeniedException',
  'ExpiredTokenException',
];
const serverSide = /Internal|Server(Exception|Error)|Unavailable/;

export type DocumentedError = { code: string; status: number };
export type UsedCall = { scope: string; operation: string; errors: DocumentedError[] };

/** Every call of the control loop and of the worker, with everything that AWS says it may answer. */
export function usedCalls(): UsedCall[] {
  const actions = new Set(entries.flatMap(usedActions));
  // An IAM action of its parts, a call of its own.
  actions.add('dynamodb:TransactWriteItems');
  return [...actions].sort().map((action) => {
    const [service = '', operation = ''] = action.split(':');
    const found = services[service];
    if (found === undefined) throw new Error(`name the client of ${service} here`);
    const client = operation === 'GetMedia' ? 'client-kinesis-video-media' : found.client;
    const text = readFileSync(new URL(`${client}/dist-types/commands/${operation}Command.d.ts`, root), 'utf8');
    const documented = [...text.matchAll(/@throws \{@link (\w+)\}/g)].flatMap(([, name = '']) =>
      // The base class of all errors of a service is none that it answers with.
      name.endsWith('ServiceException') && name !== 'InternalServiceException' ? [] : [name.replace(/Fault$/, '')],
    );
    const codes = [...new Set([...documented, ...common])];
    const errors = codes.map((code) => ({ code, status: serverSide.test(code) ? 500 : 400 }));
    return { scope: found.scope, operation, errors };
  });
}
