/**
 * Which AWS calls a program makes: every file its entry reaches by imports (and worker threads), and the SDK commands
 * that the files of aws/ among them send, as IAM actions.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

const iamServices: Record<string, string> = {
  'client-auto-scaling': 'autoscaling',
  'client-cloudwatch': 'cloudwatch',
  'client-dynamodb': 'dynamodb',
  'client-ec2': 'ec2',
  'client-ecs': 'ecs',
  'client-eventbridge': 'events',
  'client-kinesis': 'kinesis',
  'client-kinesis-video': 'kinesisvideo',
  'client-kinesis-video-media': 'kinesisvideo',
  'client-s3': 's3',
  'lib-dynamodb': 'dynamodb',
};
/** The document client's commands are named after what they do to an item. */
const documentActions: Record<string, string> = {
  Get: 'GetItem',
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  // Allowed by the actions of its parts.
  TransactWrite: 'UpdateItem',
};

function reachedFrom(entry: string): Set<string> {
  const reached = new Set<string>();
  const open = [join(root, entry)];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    const text = readFileSync(file, 'utf8').replace(/^import type .*$/gm, '');
    for (const [, from] of text.matchAll(/(?:from |import\(|new URL\()'(\.{1,2}\/[^']+\.ts)'/g)) {
      open.push(join(dirname(file), from ?? ''));
    }
  }
  return reached;
}

export function usedActions(entry: string): string[] {
  const actions = new Set<string>();
  for (const file of reachedFrom(entry)) {
    const text = readFileSync(file, 'utf8');
    for (const [, names = '', source = ''] of text.matchAll(/import \{([^}]+)\} from '@aws-sdk\/([a-z0-9-]+)'/g)) {
      const service = iamServices[source];
      for (const [, call = ''] of names.matchAll(/\b(\w+)Command\b/g)) {
        if (service === undefined) throw new Error(`${file} imports @aws-sdk/${source}: name its IAM service here`);
        actions.add(`${service}:${source === 'lib-dynamodb' ? (documentActions[call] ?? call) : call}`);
      }
    }
  }
  return [...actions].sort();
}
