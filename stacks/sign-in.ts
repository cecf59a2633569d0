/**
 * How people get from the site to the API: Cognito's login page, the client that the site is, and the routes that take its
 * tokens. It stands apart from both because the client names the site, and the site stands in front of the API.
 * Invariants: no route answers without a valid token of this stage's pool; codes are handed to the site alone.
 */
import type { Api } from './api.ts';
import type { Settings } from './settings.ts';
import { loginDomain, type Site } from './web.ts';

/** functions/http-api.ts takes the same; test/deploy compares the two. */
const routes = ['ANY /api/{proxy+}'];

export function signIn(settings: Settings, accountId: string, { users, gateway, server }: Api, site: Site) {
  const prefix = `kvs-infer-${settings.stage}`;
  new aws.cognito.UserPoolDomain('UsersDomain', {
    userPoolId: users.id,
    domain: loginDomain(settings, accountId).prefix,
  });
  const home = $interpolate`${site.url}/`;
  const client = new aws.cognito.UserPoolClient('UsersClient', {
    name: `${prefix}-dashboard`,
    userPoolId: users.id,
    // A page cannot keep a secret: it proves itself by PKCE.
    generateSecret: false,
    preventUserExistenceErrors: 'ENABLED',
    explicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
    enableTokenRevocation: true,
    allowedOauthFlowsUserPoolClient: true,
    allowedOauthFlows: ['code'],
    allowedOauthScopes: ['openid', 'email'],
    supportedIdentityProviders: ['COGNITO'],
    callbackUrls: [home],
    logoutUrls: [home],
  });
  const authorizer = gateway.addAuthorizer({
    name: 'users',
    jwt: {
      issuer: $interpolate`https://cognito-idp.${settings.region}.amazonaws.com/${users.id}`,
      audiences: [client.id],
    },
  });
  for (const route of routes) {
    gateway.route(route, server.function.arn, { auth: { jwt: { authorizer: authorizer.id } } });
  }
  return { client };
}

export type SignIn = ReturnType<typeof signIn>;
