/** What calls the control loop and what watches it: registry mapping, schedules, storage of failures, alarms, API. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gatewayRoutes } from '../../functions/http-api.ts';
import { capacityEventTypes, rowStreamMapping } from '../../functions/triggers.ts';
import { contentSecurityPolicy as localPolicy } from '../../local/http/dashboard-server.ts';
import { graphOf, isSynthesised } from './graphs.ts';

/** The local cloud is triggered by the same values: it takes them, and no copy of them. */
const localStage = readFileSync(new URL('../../local/stage.ts', import.meta.url), 'utf8');
const lambda = 'aws:lambda/function:Function';
const functionNames = ['camera-changed', 'capacity-changed', 'http-api', 'reconcile'];

describe.skipIf(!isSynthesised)('functions', () => {
  it('are arm64 on the newest Node, traced, with a log of their own and no reserved concurrency', () => {
    const found = graphOf('test').all(lambda);
    expect(found.map(({ inputs }) => inputs.name).sort()).toEqual(
      functionNames.map((name) => `kvs-infer-test-${name}`),
    );
    for (const { inputs } of found) {
      expect(inputs, inputs.name).toMatchObject({
        architectures: ['arm64'],
        runtime: 'nodejs24.x',
        memorySize: 1024,
        timeout: 60,
        tracingConfig: { mode: 'Active' },
        loggingConfig: { logFormat: 'JSON', logGroup: `/aws/lambda/${inputs.name}` },
        environment: {
          variables: { KVS_INFER_STAGE: 'test', LOG_LEVEL: 'INFO', KVS_INFER_ACCOUNT_ID: '123456789012' },
        },
      });
      expect(inputs.reservedConcurrentExecutions).toBeUndefined();
    }
  });

  it('know the fleets, their limits and the chosen names', () => {
    const { variables } = graphOf('chosen').one(lambda, 'ReconcileFunction').inputs.environment;
    expect(variables).toMatchObject({
      KVS_INFER_FLEETS: 'default,docks',
      ECS_CLUSTER_NAME: 'shared-cluster',
      KDS_STREAM_NAME: 'detections',
      S3_BUCKET_NAME: 'team-snapshots',
    });
    expect(JSON.parse(variables.KVS_INFER_FLEET_POLICY)).toEqual({
      ...{ minWorkers: 1, maxWorkers: 4, onDemandBase: 1, spotPercent: 0 },
      ...{ instanceTypes: ['g5.xlarge', 'g6.2xlarge'], fallbackInstanceTypes: ['g4dn.2xlarge'] },
      ...{ usdPerDayMax: 120.5, dayTimeZone: 'Europe/Dublin' },
    });
  });

  it('registry: the mapping bisects, retries, forgets after an hour, and reports what failed', () => {
    const graph = graphOf('test');
    const { inputs } = graph.one('aws:lambda/eventSourceMapping:EventSourceMapping');
    expect(inputs).toMatchObject({
      eventSourceArn: graph.one('aws:dynamodb/table:Table', 'CamerasTable').state.streamArn,
      functionName: graph.one(lambda, 'CameraChangedFunction').state.arn,
      bisectBatchOnFunctionError: true,
      maximumRetryAttempts: 5,
      maximumRecordAgeInSeconds: 3_600,
      functionResponseTypes: ['ReportBatchItemFailures'],
      destinationConfig: {
        onFailure: { destinationArn: graph.one('aws:sqs/queue:Queue', 'RowFailuresQueue').state.arn },
      },
    });
    // The local cloud maps its stream alike.
    expect(inputs).toMatchObject(rowStreamMapping);
    expect(localStage).toContain('...rowStreamMapping');
    expect(localStage).toContain('rowStreamMapping.maximumRecordAgeInSeconds * 1000');
  });

  it('schedules: every minute, with a dead-letter queue', () => {
    const graph = graphOf('test');
    const deadLetters = graph.one('aws:sqs/queue:Queue', 'EventFailuresQueue').state.arn;
    expect(graph.one('aws:scheduler/schedule:Schedule').inputs).toMatchObject({
      name: 'kvs-infer-test-tick',
      scheduleExpression: 'rate(1 minute)',
      state: 'ENABLED',
      target: {
        arn: graph.one(lambda, 'ReconcileFunction').state.arn,
        deadLetterConfig: { arn: deadLetters },
      },
    });
    const configs = graph.all('aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig');
    expect(configs).toHaveLength(2);
    for (const { inputs } of configs) {
      expect(inputs).toMatchObject({
        maximumRetryAttempts: 0,
        destinationConfig: { onFailure: { destination: deadLetters } },
      });
    }
  });

  it('event rules: everything that changes machines or workers, of this stage', () => {
    const graph = graphOf('chosen');
    const patterns = graph
      .all('aws:cloudwatch/eventRule:EventRule')
      .map(({ inputs }) => JSON.parse(inputs.eventPattern));
    const types = patterns.flatMap((pattern) => pattern['detail-type']).sort();
    expect(types).toEqual([
      'Camera Released',
      'Cameras Changed',
      'EC2 Instance Launch Successful',
      'EC2 Instance Launch Unsuccessful',
      'EC2 Instance Rebalance Recommendation',
      'EC2 Instance Terminate Successful',
      'EC2 Instance Terminate Unsuccessful',
      'EC2 Spot Instance Interruption Warning',
      'ECS Container Instance State Change',
      'ECS Task State Change',
      'Model Failed',
      'Standby Ready',
      'Worker Drained',
      'Worker Ready',
    ]);
    // The local cloud delivers the same ones.
    expect(Object.values(capacityEventTypes).flat().sort()).toEqual(types);
    expect(localStage).toContain('Object.values(capacityEventTypes).flat()');
    const ecs = patterns.filter((pattern) => pattern.source[0] === 'aws.ecs');
    for (const { detail } of ecs)
      expect(detail.clusterArn).toEqual(['arn:aws:ecs:eu-west-1:123456789012:cluster/shared-cluster']);
    const scaling = patterns.find((pattern) => pattern.source[0] === 'aws.autoscaling');
    expect(scaling.detail.AutoScalingGroupName).toEqual([
      'kvs-infer-production-default-asg',
      'kvs-infer-production-docks-asg',
    ]);
    const workers = patterns.find((pattern) => pattern.source[0] === 'kvs-infer.worker');
    expect(workers).toMatchObject({
      resources: ['kvs-infer-production-workers'],
      detail: { fleet: ['default', 'docks'] },
    });
    const rules = graph.all('aws:cloudwatch/eventRule:EventRule');
    const targets = graph.all('aws:cloudwatch/eventTarget:EventTarget');
    expect(targets.map(({ inputs }) => inputs.rule).sort()).toEqual(rules.map(({ inputs }) => inputs.name).sort());
    for (const { inputs } of targets) {
      expect(inputs.arn).toBe(graph.one(lambda, 'CapacityChangedFunction').state.arn);
      expect(inputs.deadLetterConfig.arn).toBe(graph.one('aws:sqs/queue:Queue', 'EventFailuresQueue').state.arn);
    }
    const permissions = graph.all('aws:lambda/permission:Permission', /^Permission-/);
    expect(permissions.map(({ inputs }) => inputs.sourceArn).sort()).toEqual(
      rules.map(({ state }) => state.arn).sort(),
    );
  });

  it('what failed is kept encrypted for two weeks', () => {
    for (const { inputs } of graphOf('test').all('aws:sqs/queue:Queue')) {
      expect(inputs).toMatchObject({ sqsManagedSseEnabled: true, messageRetentionSeconds: 1_209_600 });
    }
  });
});

describe.skipIf(!isSynthesised)('api', () => {
  it('answers the routes of the function, each behind the token of this pool, throttled', () => {
    const graph = graphOf('test');
    const found = graph.all('aws:apigatewayv2/route:Route');
    expect(found.map(({ inputs }) => inputs.routeKey).sort()).toEqual([...gatewayRoutes]);
    const authorizer = graph.one('aws:apigatewayv2/authorizer:Authorizer');
    for (const { inputs } of found)
      expect(inputs).toMatchObject({ authorizationType: 'JWT', authorizerId: authorizer.id });
    const pool = graph.one('aws:cognito/userPool:UserPool');
    expect(authorizer.inputs).toMatchObject({
      authorizerType: 'JWT',
      jwtConfiguration: {
        issuer: `https://cognito-idp.ap-southeast-1.amazonaws.com/${pool.id}`,
        audiences: [graph.one('aws:cognito/userPoolClient:UserPoolClient').id],
      },
    });
    expect(graph.one('aws:apigatewayv2/stage:Stage').inputs.defaultRouteSettings).toEqual({
      throttlingRateLimit: 20,
      throttlingBurstLimit: 40,
    });
  });

  it('nobody signs up by himself', () => {
    expect(graphOf('test').one('aws:cognito/userPool:UserPool').inputs).toMatchObject({
      adminCreateUserConfig: { allowAdminCreateUserOnly: true },
      deletionProtection: 'INACTIVE',
    });
    expect(graphOf('production').one('aws:cognito/userPool:UserPool').inputs.deletionProtection).toBe('ACTIVE');
  });
});

describe.skipIf(!isSynthesised)('web', () => {
  it('is read over TLS by everybody, and from its bucket by the one distribution', () => {
    const graph = graphOf('test');
    const site = graph.one('aws:cloudfront/distribution:Distribution');
    expect(site.inputs).toMatchObject({
      defaultRootObject: 'index.html',
      defaultCacheBehavior: {
        viewerProtocolPolicy: 'redirect-to-https',
        allowedMethods: ['GET', 'HEAD'],
        responseHeadersPolicyId: graph.one('aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy').id,
      },
    });
    const api = graph.one('aws:apigatewayv2/api:Api').state.apiEndpoint as string;
    expect(site.inputs.origins).toMatchObject([
      { domainName: 'kvs-infer-test-web-123456789012.s3.ap-southeast-1.amazonaws.com' },
      { domainName: new URL(api).hostname, customOriginConfig: { originProtocolPolicy: 'https-only' } },
    ]);
    // Managed-CachingDisabled: an answer of the API is for whoever asked.
    expect(site.inputs.orderedCacheBehaviors).toMatchObject([
      { pathPattern: '/api/*', targetOriginId: 'api', cachePolicyId: '4135ea2d-6df8-44a3-9df3-4b5a84be39ad' },
    ]);
    const policy = JSON.parse(graph.one('aws:s3/bucketPolicy:BucketPolicy', /WebFiles/).inputs.policy);
    expect(policy.Statement).toContainEqual(
      expect.objectContaining({
        Effect: 'Allow',
        Principal: { Service: 'cloudfront.amazonaws.com' },
        Action: 's3:GetObject',
        Condition: { StringEquals: { 'aws:SourceArn': site.state.arn } },
      }),
    );
  });

  it('answers with the security headers, and knows its API and user pool', () => {
    const graph = graphOf('test');
    const { securityHeadersConfig } = graph.one('aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy').inputs;
    expect(securityHeadersConfig).toMatchObject({
      strictTransportSecurity: { accessControlMaxAgeSec: 31_536_000, includeSubdomains: true },
      contentTypeOptions: { override: true },
      frameOptions: { frameOption: 'DENY' },
      referrerPolicy: { referrerPolicy: 'no-referrer' },
    });
    const { contentSecurityPolicy } = securityHeadersConfig.contentSecurityPolicy;
    const login = 'kvs-infer-test-123456789012.auth.ap-southeast-1.amazoncognito.com';
    expect(contentSecurityPolicy).toContain(
      `connect-src 'self' https://cognito-idp.ap-southeast-1.amazonaws.com https://${login};`,
    );
    expect(contentSecurityPolicy).toMatch(/img-src 'self' data: https:\/\/[\w-]+\.s3\.ap-southeast-1\.amazonaws\.com;/);
    expect(contentSecurityPolicy).not.toContain('unsafe');
    // What the browser tests see refused on a laptop is refused in AWS.
    const deployed = new Map<string, string>(
      contentSecurityPolicy.split('; ').map((part: string) => [part.split(' ')[0], part.split(' ').slice(1).join(' ')]),
    );
    const { imgSrc: _, ...same } = localPolicy;
    const local = Object.entries(same).map(([name, values]): [string, string] => [
      name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
      values.join(' '),
    ]);
    for (const [directive, values] of local) expect(deployed.get(directive), directive).toBe(values);
    expect([...deployed.keys()].sort()).toEqual([...local.map(([name]) => name), 'connect-src', 'img-src'].sort());
    const files = graph.all('aws:s3/bucketObjectv2:BucketObjectv2', /^Web-/).map(({ inputs }) => inputs);
    const keys = files.map(({ key }) => key as string);
    expect(keys).toEqual(expect.arrayContaining(['config.json', 'index.html']));
    expect(keys.some((key) => /^assets\/index-[\w-]+\.js$/.test(key))).toBe(true);
    for (const { key, cacheControl } of files) {
      expect(cacheControl, key).toBe(key.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache');
    }
    const client = graph.one('aws:cognito/userPoolClient:UserPoolClient');
    const pool = graph.one('aws:cognito/userPool:UserPool');
    const config = graph.one('aws:s3/bucketObjectv2:BucketObjectv2', 'Web-config.json').inputs.content;
    expect(JSON.parse(config)).toEqual({
      stage: 'test',
      region: 'ap-southeast-1',
      signIn: {
        authority: `https://cognito-idp.ap-southeast-1.amazonaws.com/${pool.id}`,
        ...{ clientId: client.id, hostedDomain: login },
      },
    });
  });

  it('gets codes of the login page for itself alone, without a secret', () => {
    const graph = graphOf('test');
    const client = graph.one('aws:cognito/userPoolClient:UserPoolClient').inputs;
    const { domainName } = graph.one('aws:cloudfront/distribution:Distribution').state;
    const home = [`https://${domainName}/`];
    expect(client).toMatchObject({
      ...{ generateSecret: false, allowedOauthFlows: ['code'], callbackUrls: home, logoutUrls: home },
    });
  });
});
