/**
 * One service of the local cloud behind the real HTTP front, on a clock that only moves when stepped, for tests that talk
 * to it with real clients. Invariant: nothing else listens; `close` ends the service before the front.
 */
import { SteppedClock } from '../clock.ts';
import { type CloudContext, Faults, type LocalService } from '../service.ts';
import { startHttpFront } from './front.ts';

export const region = 'eu-west-1';

export type ServiceFrontOptions = {
  startMs: number;
  dataFolder?: string | null;
  /** @param atMs since `startMs`. */
  emit?: (event: Parameters<CloudContext['emit']>[0], atMs: number) => void;
  putMetric?: CloudContext['putMetric'];
};

export async function startServiceFront<Service extends LocalService & { close(): Promise<void> }>(
  create: (context: CloudContext) => Promise<Service>,
  { startMs, dataFolder = null, emit = () => {}, putMetric = () => {} }: ServiceFrontOptions,
) {
  const clock = new SteppedClock(startMs);
  const faults = new Faults();
  const front = await startHttpFront({ port: 0, portSearch: false, faults });
  const endpoint = `http://127.0.0.1:${front.port}`;
  let advertised = endpoint;
  const service = await create({
    clock,
    region,
    accountId: '000000000000',
    endpoint: () => advertised,
    dataFolder,
    emit: (event) => emit(event, clock.nowMs() - startMs),
    putMetric,
    faults,
  });
  front.register(service);
  return {
    clock,
    faults,
    endpoint,
    service,
    /** Gives clients another address of this service, as GetDataEndpoint does; a proxy stands there. */
    advertise(url: string) {
      advertised = url;
    },
    /** For any SDK client; a test sees each answer, so nothing is tried twice. */
    client: { endpoint, region, credentials: { accessKeyId: 'local', secretAccessKey: 'local' }, maxAttempts: 1 },
    async close() {
      await service.close();
      await front.close();
    },
  };
}
