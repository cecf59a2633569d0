/** `kvs-infer cost` as a script runs it: the two tables, the JSON document, prices of one's own, and wrong calls. */
import { describe, expect, it } from 'vitest';
import { interfaceEndpoints } from '../../stacks/endpoint-services.ts';
import { documentOf, expectFailure, kvsInfer, temporaryFolder } from './kvs-infer.ts';

const folder = temporaryFolder();
const rows = `
cameras:
  - cameraId: dock-1
    streamName: kvs-infer-dock-1
    schedule: { timeZone: Asia/Singapore, windows: [{ start: "08:00", end: "18:00" }] }
  - cameraId: broken
    streamName: kvs-infer-broken
    detect: { fps: -1 }
`;

type Document = {
  original: { publishedTotalUsd: number; bills: { region: string; totalUsd: number }[] };
  forecast: {
    hours: { instanceHours: number; cameraHours: number };
    onDemand: {
      totalUsd: number;
      lines: { name: string; charges: { price: string; quantity: number; source: string; asOf: string }[] }[];
    };
    spot: { totalUsd: number } | null;
    skipped: { cameraId: string }[];
  } | null;
};

describe('kvs-infer cost', () => {
  it('prints the replaced deployment beside the cameras of a file', async () => {
    const file = await folder.write('cameras.yaml', rows);
    const words = ['cost', '--cameras', file, '--from', '2026-11-23T00:00:00Z', '--days', '7'];
    const ended = await kvsInfer(words);
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    expect(ended.stdout).toContain('about 635');
    expect(ended.stdout).toMatch(/70 camera hours need 71\.4 h of g4dn\.xlarge/);
    expect(ended.stdout).toContain('left out: broken');
    expect(ended.stdout).toContain('Not confirmed by a price list');

    const document = documentOf(await kvsInfer([...words, '--json'])) as Document;
    expect(document.forecast?.hours).toMatchObject({ cameraHours: 70 });
    expect(document.forecast?.skipped.map((one) => one.cameraId)).toEqual(['broken']);
    expect(document.forecast?.spot?.totalUsd).toBeLessThan(document.forecast?.onDemand.totalUsd ?? 0);
    const charges = document.forecast?.onDemand.lines.flatMap((line) => line.charges) ?? [];
    for (const charge of charges)
      expect(charge).toMatchObject({ source: expect.any(String), asOf: expect.any(String) });
  });

  it('says without cameras how to get a forecast', async () => {
    const document = documentOf(await kvsInfer(['cost', '--json'])) as Document;
    expect(document.forecast).toBeNull();
    expect(document.original.bills.map((bill) => bill.region)).toEqual(['us-east-1', 'ap-southeast-1']);
  });

  it('counts the endpoints that the deployment makes', async () => {
    const file = await folder.write('one.yaml', 'cameraId: a\nstreamName: kvs-infer-a\n');
    for (const network of ['nat', 'endpoints'] as const) {
      const words = ['cost', '--cameras', file, '--from', '2026-11-23T00:00:00Z', '--days', '1', '--network', network];
      const document = documentOf(await kvsInfer([...words, '--json'])) as Document;
      const hours = document.forecast?.onDemand.lines
        .flatMap((line) => line.charges)
        .find((charge) => charge.price === 'endpoint.hour')?.quantity;
      expect(hours).toBe(interfaceEndpoints(network).length * 2 * 24);
    }
  });

  it('takes prices of a file', async () => {
    const regions = { 'ap-southeast-1': { 'ec2.g4dn.xlarge.onDemandHour': 0 } };
    const prices = await folder.write('prices.json', JSON.stringify({ asOf: '2026-12-01', source: 'ours', regions }));
    const document = documentOf(await kvsInfer(['cost', '--json', '--prices', prices])) as Document;
    expect(document.original.bills[1]?.totalUsd).toBeCloseTo(817.66 - 529.92, 0);
  });

  it('tells wrong calls, and what it has no price for', async () => {
    expectFailure(await kvsInfer(['cost', '--days', '0']), 2, 'USAGE', 'expected a number from 1 to 366');
    expectFailure(await kvsInfer(['cost', '--network', 'bridge']), 2, 'USAGE', 'nat, nat-instance, endpoints');
    expectFailure(await kvsInfer(['cost', '--region', 'mars-north-1']), 1, 'PRICE_UNKNOWN', 'mars-north-1');
    const wrong = await folder.write('wrong.json', '{ "asOf": "today" }');
    expectFailure(await kvsInfer(['cost', '--prices', wrong]), 1, 'PRICES_INVALID', 'asOf');
  });
});
