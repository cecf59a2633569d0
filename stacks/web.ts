/**
 * The static site: the files of web/ in a private bucket behind CloudFront, with the addresses that they need in
 * config.json. Invariant: the bucket is read by this one distribution, over TLS, and every answer carries the security
 * headers.
 */
import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Api } from './api.ts';
import { privateBucket } from './private-bucket.ts';
import type { Settings } from './settings.ts';

const contentTypes: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const hstsSeconds = 31_536_000;
/** AWS's managed policy: a short cache, compressed, keyed by the path alone. */
const cachingOptimized = '658327ea-f89d-4fab-a63d-7e88639e58f6';
/** Names change with every build; the page itself must be looked at again at once. */
const cacheControl = 'no-cache';

export function web(settings: Settings, accountId: string, http: Api) {
  const prefix = `kvs-infer-${settings.stage}`;
  const bucketName = `${prefix}-web-${accountId}`;
  const headers = securityHeaders(prefix, settings, http);
  const access = new aws.cloudfront.OriginAccessControl('WebAccess', {
    name: `${prefix}-web`,
    originAccessControlOriginType: 's3',
    signingBehavior: 'always',
    signingProtocol: 'sigv4',
  });
  const site = new aws.cloudfront.Distribution('Web', {
    enabled: true,
    comment: `${prefix} dashboard`,
    httpVersion: 'http2and3',
    isIpv6Enabled: true,
    defaultRootObject: 'index.html',
    origins: [
      {
        originId: 'web',
        domainName: `${bucketName}.s3.${settings.region}.amazonaws.com`,
        originAccessControlId: access.id,
      },
    ],
    defaultCacheBehavior: {
      targetOriginId: 'web',
      viewerProtocolPolicy: 'redirect-to-https',
      allowedMethods: ['GET', 'HEAD'],
      cachedMethods: ['GET', 'HEAD'],
      compress: true,
      cachePolicyId: cachingOptimized,
      responseHeadersPolicyId: headers.id,
    },
    restrictions: { geoRestriction: { restrictionType: 'none' } },
    viewerCertificate: { cloudfrontDefaultCertificate: true },
  });
  const bucket = privateBucket('WebFiles', { name: bucketName, readByDistribution: site.arn });
  const folder = join($cli.paths.root, 'web');
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const contentType = contentTypes[extname(file)];
    if (contentType === undefined) continue;
    new aws.s3.BucketObjectv2(`Web-${file}`, {
      bucket: bucket.name,
      key: file,
      source: new $util.asset.FileAsset(join(folder, file)),
      contentType,
      cacheControl,
      serverSideEncryption: 'AES256',
    });
  }
  new aws.s3.BucketObjectv2('Web-config.json', {
    bucket: bucket.name,
    key: 'config.json',
    content: $jsonStringify({
      stage: settings.stage,
      region: settings.region,
      api: http.url,
      userPool: http.users.id,
      userPoolClient: http.client.id,
    }),
    contentType: 'application/json',
    cacheControl,
    serverSideEncryption: 'AES256',
  });
  return { url: $interpolate`https://${site.domainName}` };
}

/** Scripts and connections from nowhere but the site, its API and its user pool. */
function securityHeaders(prefix: string, { region }: Settings, http: Api) {
  const policy = $interpolate`default-src 'self'; connect-src 'self' ${http.url} https://cognito-idp.${region}.amazonaws.com; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'`;
  return new aws.cloudfront.ResponseHeadersPolicy('WebHeaders', {
    name: `${prefix}-web`,
    securityHeadersConfig: {
      strictTransportSecurity: { accessControlMaxAgeSec: hstsSeconds, includeSubdomains: true, override: true },
      contentTypeOptions: { override: true },
      frameOptions: { frameOption: 'DENY', override: true },
      referrerPolicy: { referrerPolicy: 'no-referrer', override: true },
      contentSecurityPolicy: { contentSecurityPolicy: policy, override: true },
    },
    customHeadersConfig: {
      items: [{ header: 'Permissions-Policy', value: 'camera=(), microphone=(), geolocation=()', override: true }],
    },
  });
}
