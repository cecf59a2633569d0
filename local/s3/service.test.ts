import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SteppedClock } from '../clock.ts';
import { refusingDiskFull } from '../http/disk-full.ts';
import { type HttpFront, startHttpFront } from '../http/front.ts';
import { Faults } from '../service.ts';
import { createS3Service, type S3Service } from './service.ts';

const authorization =
  'AWS4-HMAC-SHA256 Credential=local/20261123/eu-west-1/s3/aws4_request, SignedHeaders=host, Signature=0';
let front: HttpFront;
let s3: S3Service;

beforeEach(async () => {
  const faults = new Faults();
  s3 = await createS3Service({
    clock: new SteppedClock(Date.UTC(2026, 10, 23)),
    region: 'eu-west-1',
    accountId: '123456789012',
    endpoint: () => '',
    dataFolder: null,
    emit: () => {},
    putMetric: () => {},
    faults,
  });
  await s3.createBucket('bucket');
  front = await startHttpFront({ port: 0, portSearch: false, faults });
  front.register(s3);
});
afterEach(async () => {
  await front.close();
  await s3.close();
});

const call = (path: string, { headers, ...init }: RequestInit = {}) =>
  fetch(`http://127.0.0.1:${front.port}${path}`, { ...init, headers: { authorization, ...headers } });
const keys = () => s3.objects('bucket').map(({ key }) => key);

describe('S3 over HTTP', () => {
  it('serves a presigned link, with the headers that it asks for', async () => {
    await call('/bucket/a%20b.jpg', { method: 'PUT', body: 'picture' });
    const link = `/bucket/a%20b.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=local%2F20261123%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Expires=60&X-Amz-Signature=0&response-content-type=image%2Fjpeg`;
    const response = await fetch(`http://127.0.0.1:${front.port}${link}`);
    expect([response.headers.get('content-type'), await response.text()]).toEqual(['image/jpeg', 'picture']);
  });

  it('refuses a body whose digest or length does not fit, and keeps nothing of it', async () => {
    const damaged = { 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' };
    expect(await (await call('/bucket/k', { method: 'PUT', headers: damaged, body: 'x' })).text()).toContain(
      'BadDigest',
    );
    const short = { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'x-amz-decoded-content-length': '9' };
    const chunked = await call('/bucket/k', { method: 'PUT', headers: short, body: '2\r\nab\r\n0\r\n\r\n' });
    expect(await chunked.text()).toContain('<Code>IncompleteBody</Code>');
    const malformed = await call('/bucket/k', { method: 'PUT', headers: short, body: 'zz\r\nab' });
    expect(malformed.status).toBe(400);
    const trailer = 'x-amz-checksum-crc32:AAAAAA==';
    const wrong = await call('/bucket/k', {
      method: 'PUT',
      headers: { ...short, 'x-amz-decoded-content-length': '2' },
      body: `2\r\nab\r\n0\r\n${trailer}\r\n\r\n`,
    });
    expect(await wrong.text()).toContain('x-amz-checksum-crc32');
    expect(keys()).toEqual([]);
  });

  it('keeps nothing of an upload whose client went away', async () => {
    const socket = connect(front.port, '127.0.0.1');
    const gone = new Promise((resolve) => socket.once('close', resolve));
    const head = `PUT /bucket/cut HTTP/1.1\r\nhost: localhost\r\nauthorization: ${authorization}\r\ncontent-length: 100\r\n\r\n`;
    socket.write(`${head}only this`, () => socket.destroy());
    await gone;
    await call('/bucket/after', { method: 'PUT', body: 'x' });
    expect(keys()).toEqual(['after']);
  });

  it('answers ranges, conditions and what it does not implement', async () => {
    await call('/bucket/k', { method: 'PUT', body: '0123456789' });
    const ranged = async (range: string) => {
      const response = await call('/bucket/k', { headers: { range } });
      return `${response.status} ${response.headers.get('content-range')} ${response.status < 300 ? await response.text() : ''}`;
    };
    expect(await ranged('bytes=2-3')).toBe('206 bytes 2-3/10 23');
    expect(await ranged('bytes=-3')).toBe('206 bytes 7-9/10 789');
    expect(await ranged('bytes=10-')).toBe('416 null ');
    expect(await ranged('lines=1-2')).toBe('200 null 0123456789');
    const etag = (await call('/bucket/k', { method: 'HEAD' })).headers.get('etag') ?? '';
    expect((await call('/bucket/k', { headers: { 'if-none-match': etag } })).status).toBe(304);
    expect((await call('/bucket/k', { method: 'PUT', headers: { 'if-none-match': '*' }, body: 'x' })).status).toBe(412);
    expect((await call('/bucket/k?uploads', { method: 'POST' })).status).toBe(501);
    expect((await call('/bucket', { method: 'DELETE' })).status).toBe(409);
    expect((await call('/No_Such', { method: 'PUT' })).status).toBe(400);
    expect((await call('/bucket?delete', { method: 'POST', body: '<nonsense' })).status).toBe(400);
  });
});

describe('a full disk', () => {
  it('is one named line when it begins and one when it ends, and an error that clients understand', async () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const full = Object.assign(new Error('write failed'), { cause: Object.assign(new Error('x'), { code: 'ENOSPC' }) });
    await expect(refusingDiskFull('S3', () => Promise.reject(full))).rejects.toMatchObject({
      status: 507,
      code: 'InsufficientStorage',
    });
    await expect(refusingDiskFull('S3', () => Promise.reject(full))).rejects.toMatchObject({ status: 507 });
    await refusingDiskFull('S3', async () => {});
    expect(stderr.mock.calls.flat()).toEqual([
      expect.stringContaining('LOCAL_DISK_FULL: S3'),
      expect.stringContaining('S3 stores requests again'),
    ]);
    stderr.mockRestore();
    await expect(refusingDiskFull('S3', () => Promise.reject(new TypeError('other')))).rejects.toThrow('other');
  });
});
