/**
 * Where this worker's results go: the stage's stream, bucket and table under control; in standalone mode whatever the
 * environment names, and lines of JSON on stdout when it names no stream.
 * Invariant: a destination that is not there is absent from the store, so that nothing is prepared for it in vain.
 */
import type { AwsClients } from '../../aws/clients.ts';
import { awsResultStore, type ResultStore } from '../../aws/results.ts';
import { resourceNames } from '../../core/names.ts';
import type { WorkerEnvironment } from '../environment.ts';

export function resultDestination(
  environment: WorkerEnvironment,
  clients: AwsClients,
  writeLine: ((line: string) => void) | undefined,
): Partial<ResultStore> {
  if (environment.control !== null) {
    const { stage, accountId } = environment.control;
    const names = resourceNames(stage, accountId, environment.control.names);
    const { detections: detectionsTable } = names.tables;
    return awsResultStore(clients, { stream: names.resultStream, bucket: names.resultBucket, detectionsTable });
  }
  const store = awsResultStore(clients, environment.results);
  if (store.putRecords !== undefined) return store;
  const write = writeLine ?? ((line: string) => process.stdout.write(line));
  return {
    ...store,
    async putRecords(records) {
      for (const { data } of records) write(`${Buffer.from(data).toString()}\n`);
      return [];
    },
  };
}
