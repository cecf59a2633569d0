/** Reading alarms: page after page, and within a bound when CloudWatch does not answer. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { fleetAlarms } from '../core/fleet-alarms.ts';
import { SteppedClock } from '../local/clock.ts';
import { createCloudWatchService } from '../local/cloudwatch/service.ts';
import { startHttpFront } from '../local/http/front.ts';
import { Faults } from '../local/service.ts';
import { readAlarms } from './alarms.ts';
import { awsClients } from './clients.ts';

const region = 'eu-west-1';
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function clientsOf(port: number) {
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'local', AWS_SECRET_ACCESS_KEY: 'local' });
  const clients = awsClients({ region, endpoint: `http://127.0.0.1:${port}` });
  closing.push(() => clients.destroy());
  return clients;
}

it('reads every page of a stage with more alarms than one answer holds', async () => {
  const front = await startHttpFront({ port: 0, portSearch: false, faults: new Faults() });
  const clock = new SteppedClock(0);
  const service = await createCloudWatchService({ clock, region, accountId: '123456789012' });
  front.register(service);
  closing.push(
    () => front.close(),
    () => service.close(),
  );
  const fleets = Array.from({ length: 12 }, (_, index) => `fleet-${index}`);
  const alarms = fleets.flatMap((fleet) => fleetAlarms(fleet, '', {}, { cluster: '', service: '' }));
  service.watchAlarms({ prefix: 'kvs-infer-test', alarms, eachMinute: () => {}, onChange: () => {} });
  const read = await readAlarms(clientsOf(front.port), 'test', fleets);
  expect(alarms.length).toBeGreaterThan(100);
  expect(read.map(({ alarm }) => alarm)).toEqual(alarms.map(({ name }) => name).sort((a, b) => a.localeCompare(b)));
});

it('gives up in time when nothing answers', async () => {
  const silent: Server = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  closing.push(() => {
    silent.closeAllConnections();
    silent.close();
  });
  const asked = readAlarms(clientsOf((silent.address() as AddressInfo).port), 'test', [], { waitMaxMs: 50 });
  await expect(asked).rejects.toMatchObject({ code: 'AWS_UNAVAILABLE', retryable: true });
});
