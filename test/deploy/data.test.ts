import { describe, expect, it } from 'vitest';
import { graphOf, isSynthesised } from './graphs.ts';

const table = 'aws:dynamodb/table:Table';

describe.skipIf(!isSynthesised)('tables', () => {
  it('have the keys of the data model, named so that people can type them', () => {
    const found = graphOf('test')
      .all(table)
      .map(({ inputs }) => [inputs.name, inputs.hashKey, inputs.rangeKey, inputs.ttl?.attributeName]);
    expect(found.sort()).toEqual([
      ['kvs-infer-test-camera-states', 'fleet', 'cameraId', undefined],
      ['kvs-infer-test-cameras', 'cameraId', undefined, undefined],
      ['kvs-infer-test-decisions', 'fleet', 'at', 'expiresAt'],
      ['kvs-infer-test-detections', 'cameraId', 'at#trackId', 'expiresAt'],
      ['kvs-infer-test-fleets', 'fleet', undefined, undefined],
      ['kvs-infer-test-ledger', 'cameraId', 'hour', 'expiresAt'],
      ['kvs-infer-test-workers', 'fleet', 'workerId', 'expiresAt'],
    ]);
  });

  it('are on demand, recoverable and encrypted; only the rows are streamed', () => {
    for (const { name, inputs } of graphOf('test').all(table)) {
      expect(inputs, name).toMatchObject({
        billingMode: 'PAY_PER_REQUEST',
        pointInTimeRecovery: { enabled: true },
        serverSideEncryption: { enabled: true },
      });
      expect(inputs.streamEnabled ?? false, name).toBe(name === 'CamerasTable');
    }
    expect(graphOf('test').one(table, 'CamerasTable').inputs.streamViewType).toBe('NEW_AND_OLD_IMAGES');
  });

  it('production keeps its data and guards it; other stages leave nothing behind', () => {
    for (const kind of [table, 'aws:s3/bucket:Bucket', 'aws:kinesis/stream:Stream', 'aws:cognito/userPool:UserPool']) {
      expect(graphOf('production').all(kind).length).toBeGreaterThan(0);
      for (const resource of graphOf('production').all(kind)) expect(resource.retainOnDelete, resource.name).toBe(true);
      for (const resource of graphOf('test').all(kind)) expect(resource.retainOnDelete, resource.name).toBe(false);
    }
    for (const { inputs } of graphOf('production').all(table)) expect(inputs.deletionProtectionEnabled).toBe(true);
    for (const { inputs } of graphOf('test').all(table)) expect(inputs.deletionProtectionEnabled).toBe(false);
  });
});

describe.skipIf(!isSynthesised)('buckets', () => {
  const names = ['Snapshots', 'Models', 'WebFiles'];

  it.each(names)('%s is private, owner-enforced and encrypted', (name) => {
    const graph = graphOf('production');
    expect(graph.one('aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock', new RegExp(name)).inputs).toMatchObject({
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    expect(graph.one('aws:s3/bucketOwnershipControls:BucketOwnershipControls', new RegExp(name)).inputs.rule).toEqual({
      objectOwnership: 'BucketOwnerEnforced',
    });
    const encryption = 'aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration';
    expect(graph.one(encryption, new RegExp(name)).inputs.rules).toMatchObject([
      { applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } },
    ]);
    expect(graph.all('aws:s3/bucketCorsConfiguration:BucketCorsConfiguration')).toEqual([]);
  });

  it.each(names)('%s answers over TLS alone', (name) => {
    const { inputs } = graphOf('production').one('aws:s3/bucketPolicy:BucketPolicy', new RegExp(name));
    expect(JSON.parse(inputs.policy).Statement).toContainEqual(
      expect.objectContaining({
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
    );
  });

  it('snapshots go after the days of the settings', () => {
    const lifecycle = 'aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration';
    const rule = { expiration: { days: 90 }, filter: { prefix: 'snapshots/' }, status: 'Enabled' };
    expect(graphOf('test').one(lifecycle).inputs.rules).toMatchObject([rule]);
    const chosen = { ...rule, expiration: { days: 7 }, filter: { prefix: 'pictures/eu/' } };
    expect(graphOf('chosen').one(lifecycle).inputs.rules).toMatchObject([chosen]);
  });

  it('a model lies under its hash', () => {
    const object = graphOf('test').one('aws:s3/bucketObjectv2:BucketObjectv2', 'Model-default');
    expect(object.inputs.key).toMatch(/^models\/[0-9a-f]{64}\.onnx$/);
    expect(object.inputs.bucket).toBe('kvs-infer-test-models-123456789012');
  });
});

describe.skipIf(!isSynthesised)('result stream', () => {
  it('is encrypted and on demand, and carries the chosen name', () => {
    const stream = 'aws:kinesis/stream:Stream';
    expect(graphOf('test').one(stream).inputs).toMatchObject({
      name: 'kvs-infer-test-results',
      encryptionType: 'KMS',
      streamModeDetails: { streamMode: 'ON_DEMAND' },
    });
    expect(graphOf('chosen').one(stream).inputs.name).toBe('detections');
    expect(graphOf('chosen').one('aws:s3/bucket:Bucket', /Snapshots/).inputs.bucket).toBe('team-snapshots');
  });
});
