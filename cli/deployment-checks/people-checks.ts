/**
 * What people see of a deployment: alarms, dashboard and logs, the API and the web site.
 * Invariant: every item of the specification's lists is one line here.
 */
import type { Inputs } from '../../stacks/synthesis/graph.ts';
import { type DeploymentCheck, firstOf, holds, type Subject } from './item.ts';

/** What the specification wants watched, and how an alarm of it is recognised: by its name or what it measures. */
const watched: [what: string, pattern: RegExp][] = [
  ['no reconcile for 5 min', /no-reconcile/i],
  ['errors in any function', /Errors/],
  ['HTTP API answers with errors', /5xx/],
  ['dead-letter queue not empty', /ApproximateNumberOfMessagesVisible/],
  ['iterator age', /IteratorAge/],
  ['wanted more than running', /wanted-over-running/i],
  ['no capacity is left to try', /no-capacity/i],
  ['budget keeps cameras unwatched', /budget-shed/i],
  ['window missed its ready-by', /missed|ready-?by/i],
  ['camera blind', /blind/i],
  ['scheduled but silent', /silent/i],
  ['live but unscheduled', /unscheduled|unasked/i],
  ['GPU memory or load high', /gpu|nvidia/i],
  ['CPU high', /cpu/i],
  ['ECS running less than desired', /running-below-desired/i],
  ['NAT bytes high', /nat-bytes/i],
];
const ofAFleet = [
  ...['reconcile-failed', 'wanted-over-running', 'window-missed', 'camera-blind', 'scheduled-but-silent'],
  ...['no-capacity', 'budget-shed', 'runs-not-whole', 'model-reverted', 'results-unstored'],
  ...['live-but-unscheduled', 'running-below-desired', 'cpu-high', 'memory-high', 'gpu-memory-high', 'gpu-load-high'],
];
const alarms = ({ graph }: Subject) => graph.all('aws:cloudwatch/metricAlarm:MetricAlarm').map(({ inputs }) => inputs);

export const alarmsCheck: DeploymentCheck = {
  name: 'alarms',
  items: [
    ...watched.map(([what, pattern]) =>
      holds(
        what,
        what.startsWith('NAT') ? 'an alarm, where a NAT gateway is made' : 'an alarm',
        (subject) =>
          alarms(subject)
            .filter((alarm) => pattern.test(JSON.stringify([alarm.name, alarm.metricName, alarm.metricQueries])))
            .map((alarm) => alarm.name as string),
        (names, { graph }) =>
          names.length > 0 || (what.startsWith('NAT') && graph.all('aws:ec2/natGateway:NatGateway').length === 0),
      ),
    ),
    holds(
      'each fleet',
      `all ${ofAFleet.length} that look at a fleet`,
      (subject) => {
        const names = new Set(alarms(subject).map((alarm) => alarm.name as string));
        return subject.settings.fleets.map((fleet) => {
          const absent = ofAFleet.filter((name) => !names.has(`kvs-infer-${subject.settings.stage}-${fleet}-${name}`));
          return `${fleet} ${absent.length === 0 ? 'all' : `without ${absent.join(' ')}`}`;
        });
      },
      (fleets) => fleets.length > 0 && fleets.every((one) => one.endsWith(' all')),
    ),
    holds(
      'topic',
      'every alarm tells one SNS topic',
      (subject) => [...new Set(alarms(subject).map((alarm) => ((alarm.alarmActions ?? []) as string[]).join()))],
      (topics) => topics.length === 1 && /:sns:/.test(topics[0] ?? ''),
    ),
    holds(
      'dashboard',
      'one',
      ({ graph }) =>
        graph.all('aws:cloudwatch/dashboard:Dashboard').map(({ inputs }) => inputs.dashboardName as string),
      (names) => names.length === 1,
    ),
    holds(
      'log retention',
      'every log group',
      ({ graph }) =>
        graph.all('aws:cloudwatch/logGroup:LogGroup').map(({ inputs }) => Number(inputs.retentionInDays ?? 0)),
      (days) => days.length > 0 && days.every((one) => one > 0),
    ),
  ],
};

export const apiCheck: DeploymentCheck = {
  name: 'api',
  items: [
    holds(
      'HTTP API',
      'one',
      ({ graph }) => graph.all('aws:apigatewayv2/api:Api').map(({ inputs }) => inputs.protocolType as string),
      (types) => types.join() === 'HTTP',
    ),
    holds(
      'authorizer',
      'JWT, of a Cognito user pool',
      ({ graph }) =>
        graph.all('aws:apigatewayv2/authorizer:Authorizer').map(({ inputs }) => inputs.authorizerType as string),
      (types, { graph }) => types.includes('JWT') && graph.all('aws:cognito/userPool:UserPool').length === 1,
    ),
    holds(
      'throttling',
      'a rate and a burst',
      (subject) => firstOf(subject, 'aws:apigatewayv2/stage:Stage').defaultRouteSettings as Inputs,
      (limits) => limits.throttlingRateLimit > 0 && limits.throttlingBurstLimit > 0,
    ),
  ],
};

export const webCheck: DeploymentCheck = {
  name: 'web',
  items: [
    holds(
      'site',
      'a CloudFront distribution',
      ({ graph }) => graph.all('aws:cloudfront/distribution:Distribution').length,
      (sites) => sites >= 1,
    ),
    holds(
      'security headers',
      'HSTS, content type, frames',
      (subject) =>
        Object.keys(
          (firstOf(subject, 'aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy').securityHeadersConfig ??
            {}) as Inputs,
        ),
      (headers) =>
        ['strictTransportSecurity', 'contentTypeOptions', 'frameOptions'].every((header) => headers.includes(header)),
    ),
  ],
};
