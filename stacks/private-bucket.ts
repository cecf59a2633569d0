/**
 * A bucket as this deployment makes all of them. Invariant: private, owner-enforced, encrypted with S3's own keys, and
 * reachable over TLS alone, whoever else is let in.
 */
type LifecycleRule = { id: string; prefix: string; expiresIn: `${number} days` };

export type BucketSettings = {
  /** Physical name. */
  name: string;
  lifecycle?: LifecycleRule[];
  /** The one distribution that may read it. */
  readByDistribution?: $util.Output<string>;
};

export function privateBucket(logicalName: string, { name, lifecycle = [], readByDistribution }: BucketSettings) {
  const bucket = new sst.aws.Bucket(logicalName, {
    enforceHttps: true,
    cors: false,
    lifecycle,
    ...(readByDistribution === undefined
      ? {}
      : {
          policy: [
            {
              principals: [{ type: 'service', identifiers: ['cloudfront.amazonaws.com'] }],
              actions: ['s3:GetObject'],
              paths: ['*'],
              conditions: [{ test: 'StringEquals', variable: 'aws:SourceArn', values: [readByDistribution] }],
            },
          ],
        }),
    transform: {
      bucket: (args) => {
        args.bucket = name;
      },
    },
  });
  new aws.s3.BucketOwnershipControls(`${logicalName}Ownership`, {
    bucket: bucket.name,
    rule: { objectOwnership: 'BucketOwnerEnforced' },
  });
  new aws.s3.BucketServerSideEncryptionConfiguration(`${logicalName}Encryption`, {
    bucket: bucket.name,
    rules: [{ applyServerSideEncryptionByDefault: { sseAlgorithm: 'AES256' } }],
  });
  return bucket;
}
