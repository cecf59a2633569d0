/**
 * The site: the dashboard as web/build-site.ts builds it, in a private bucket behind CloudFront, which also stands in front of
 * the API, so that the page speaks to its own address alone. What it must know of the stage is in config.json.
 * Invariant: the bucket is read by this one distribution, over TLS; every page carries the security headers; answers of the
 * API are never kept.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { ResourceNames } from '../core/names.ts';
import type { Api } from './api.ts';
import { privateBucket } from './private-bucket.ts';
import type { Settings } from './settings.ts';
import type { SignIn } from './sign-in.ts';

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
/** AWS's managed policies: nothing kept, and everything of the request but its host handed on. */
const cachingDisabled = '4135ea2d-6df8-44a3-9df3-4b5a84be39ad';
const allViewerExceptHostHeader = 'b689b0a8-53d0-40ab-baf2-38738e2966ac';
/** Names of assets change with their content; the page itself must be looked at again at once. */
const cacheControlOf = (file: string) =>
  file.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
/** Pages are made in the browser: every address but those of files is the one page. */
const onePage = `function handler(event) {
  var request = event.request;
  if (!request.uri.startsWith('/assets/') && request.uri !== '/config.json') request.uri = '/index.html';
  return request;
}`;

/** Of Cognito's login page for this stage. */
export function loginDomain({ stage, region }: Settings, accountId: string): { prefix: string; host: string } {
  const prefix = `kvs-infer-${stage}-${accountId}`;
  return { prefix, host: `${prefix}.auth.${region}.amazoncognito.com` };
}

export function web(settings: Settings, accountId: string, names: ResourceNames, http: Api) {
  const prefix = `kvs-infer-${settings.stage}`;
  const bucketName = `${prefix}-web-${accountId}`;
  const headers = securityHeaders(prefix, settings, accountId, names);
  const router = new aws.cloudfront.Function('WebPages', {
    name: `${prefix}-web-pages`,
    runtime: 'cloudfront-js-2.0',
    publish: true,
    code: onePage,
  });
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
      {
        originId: 'api',
        domainName: http.url.apply((url) => url.replace(/^https:\/\//, '').replace(/\/.*$/, '')),
        customOriginConfig: {
          httpPort: 80,
          httpsPort: 443,
          originProtocolPolicy: 'https-only',
          originSslProtocols: ['TLSv1.2'],
        },
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
      functionAssociations: [{ eventType: 'viewer-request', functionArn: router.arn }],
    },
    orderedCacheBehaviors: [
      {
        pathPattern: '/api/*',
        targetOriginId: 'api',
        viewerProtocolPolicy: 'https-only',
        allowedMethods: ['GET', 'HEAD', 'OPTIONS', 'PUT', 'POST', 'PATCH', 'DELETE'],
        cachedMethods: ['GET', 'HEAD'],
        compress: true,
        cachePolicyId: cachingDisabled,
        originRequestPolicyId: allViewerExceptHostHeader,
      },
    ],
    restrictions: { geoRestriction: { restrictionType: 'none' } },
    viewerCertificate: { cloudfrontDefaultCertificate: true },
  });
  const bucket = privateBucket('WebFiles', { name: bucketName, readByDistribution: site.arn });
  for (const file of builtFiles()) {
    const contentType = contentTypes[extname(file)];
    if (contentType === undefined) continue;
    new aws.s3.BucketObjectv2(`Web-${file}`, {
      bucket: bucket.name,
      key: file,
      source: new $util.asset.FileAsset(join(siteFolder(), file)),
      contentType,
      cacheControl: cacheControlOf(file),
      serverSideEncryption: 'AES256',
    });
  }
  return { url: $interpolate`https://${site.domainName}`, bucket };
}

export type Site = ReturnType<typeof web>;

/** What the page must know before it can ask anybody who looks. */
export function siteConfig(settings: Settings, accountId: string, site: Site, { users }: Api, { client }: SignIn) {
  new aws.s3.BucketObjectv2('Web-config.json', {
    bucket: site.bucket.name,
    key: 'config.json',
    content: $jsonStringify({
      stage: settings.stage,
      region: settings.region,
      signIn: {
        authority: $interpolate`https://cognito-idp.${settings.region}.amazonaws.com/${users.id}`,
        clientId: client.id,
        hostedDomain: loginDomain(settings, accountId).host,
      },
    }),
    contentType: 'application/json',
    cacheControl: 'no-cache',
    serverSideEncryption: 'AES256',
  });
}

const siteFolder = () => join($cli.paths.root, 'web', 'dist');

let isBuilt = false;

/** Built by the project's own Node, whichever runs the deployment; once, also where many scenarios are put together. */
function builtFiles(): string[] {
  const { root } = $cli.paths;
  const node = join(root, 'node_modules', '.bin', 'node');
  if (!isBuilt) execFileSync(node, [join(root, 'web', 'build-site.ts')], { cwd: root });
  isBuilt = true;
  return readdirSync(siteFolder(), { recursive: true, encoding: 'utf8' }).sort();
}

/** Scripts from nowhere but the site, connections to its user pool alone, pictures from the bucket of the snapshots. */
function securityHeaders(prefix: string, settings: Settings, accountId: string, { resultBucket }: ResourceNames) {
  const { region } = settings;
  const policy = [
    "default-src 'self'",
    `connect-src 'self' https://cognito-idp.${region}.amazonaws.com https://${loginDomain(settings, accountId).host}`,
    `img-src 'self' data: https://${resultBucket}.s3.${region}.amazonaws.com`,
    ...["object-src 'none'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'"],
  ].join('; ');
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
