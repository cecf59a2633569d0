/**
 * Unit prices in US dollars, on demand, without free tier, reservation or tax, as they stood in November 2026.
 * Each line says where it was read and of which date that source is; what no source confirmed for a region says so.
 * Prices change: override them with `--prices` before money is decided on.
 */
import type { Price, PriceTable } from './price-table.ts';

type Row = Record<string, number>;

const usEast = 'us-east-1';
const singapore = 'ap-southeast-1';

function from(source: string, asOf: string, rows: Row, verified = true): Record<string, Price> {
  return Object.fromEntries(Object.entries(rows).map(([name, usd]) => [name, { usd, source, asOf, verified }]));
}

/** Karpenter's generated price tables, themselves from the AWS Price List; vantage.sh's of 2026-08-26 agree. */
const karpenter = 'karpenter-provider-aws price tables (from the AWS Price List)';
const spotSource = 'karpenter-provider-aws, typical Spot price; Spot changes by the hour and by zone';
const onPricingPage = (path: string) => `https://aws.amazon.com/${path}/pricing/`;
/** A published reading of the AWS Price List API by usage type (APS1-…). */
const priceList = (usageTypes: string) => `AWS Price List API, usage types ${usageTypes}`;
const standIn = 'no source for this region was found: the price of us-east-1';

const originalEstimate = "the original deployment's estimate";
const insightsSource = `${originalEstimate}; enhanced observability is billed by metric and costs more`;
const unread = 'from memory of the price list; no source was at hand';

const unreadControl: Row = { 'dynamodb.millionReads': 0.125, 'cloudwatch.metricMonth': 0.3 };
const lambdaArm: Row = { 'lambda.gbSecond': 0.0000133334, 'lambda.millionRequests': 0.2 };
const usEastKinesis: Row = {
  'kinesis.shardHour': 0.015,
  'kinesis.millionPuts': 0.014,
  'kinesis.onDemandStreamHour': 0.04,
  'kinesis.onDemandGbIn': 0.08,
};
const usEastVideo: Row = { 'kvs.gbIn': 0.0085, 'kvs.gbOut': 0.0085, 'kvs.gbMonth': 0.023 };

export const priceTable: PriceTable = {
  [usEast]: {
    ...from(karpenter, '2026-07-01', {
      'ec2.g4dn.xlarge.onDemandHour': 0.526,
      'ec2.g4dn.2xlarge.onDemandHour': 0.752,
    }),
    ...from('https://instances.vantage.sh', '2026-08-26', { 'ec2.g4dn.4xlarge.onDemandHour': 1.204 }),
    ...from(karpenter, '2026-02-09', {
      'ec2.g4dn.8xlarge.onDemandHour': 2.176,
      'ec2.g4dn.16xlarge.onDemandHour': 4.352,
      'ec2.g5.xlarge.onDemandHour': 1.006,
      'ec2.g5.2xlarge.onDemandHour': 1.212,
      'ec2.g5.4xlarge.onDemandHour': 1.624,
      'ec2.g5.8xlarge.onDemandHour': 2.448,
      'ec2.g5.16xlarge.onDemandHour': 4.096,
      'ec2.g6.xlarge.onDemandHour': 0.8048,
      'ec2.g6.2xlarge.onDemandHour': 0.9776,
      'ec2.g6.4xlarge.onDemandHour': 1.3232,
      'ec2.g6.8xlarge.onDemandHour': 2.0144,
      'ec2.g6.16xlarge.onDemandHour': 3.3968,
      'ec2.g6e.xlarge.onDemandHour': 1.861,
      'ec2.g6e.2xlarge.onDemandHour': 2.24208,
      'ec2.g6e.4xlarge.onDemandHour': 3.00424,
      'ec2.g6e.8xlarge.onDemandHour': 4.52856,
      'ec2.g6e.16xlarge.onDemandHour': 7.57719,
      'natInstance.hour': 0.0042,
    }),
    ...from(spotSource, '2026-07-01', { 'ec2.g4dn.xlarge.spotHour': 0.21 }, false),
    ...from(unread, '2026-11-23', { 'ebs.gp3.gbMonth': 0.08, ...unreadControl }, false),
    ...from(priceList('NatGateway-Hours, NatGateway-Bytes'), '2025-10-28', { 'nat.hour': 0.045, 'nat.gb': 0.045 }),
    ...from('https://cloudburn.io/blog/aws-nat-gateway-pricing', '2026-02-24', { 'publicIpv4.hour': 0.005 }),
    ...from('https://aws.amazon.com/privatelink/pricing/ (per GB), cloudcostkit.com (per hour)', '2026-01-29', {
      'endpoint.hour': 0.01,
      'endpoint.gb': 0.01,
    }),
    ...from(
      'https://www.factualminds.com/blog/amazon-cloudwatch-pricing-metrics-logs-alarms-dashboards/',
      '2026-06-13',
      {
        'logs.ingestGb': 0.5,
      },
    ),
    ...from(
      'the price of ap-southeast-1, from the AWS Price List API',
      '2026-08-12',
      {
        'logs.storeGbMonth': 0.03,
        'cloudwatch.alarmMonth': 0.1,
      },
      false,
    ),
    ...from(insightsSource, '2025-10-13', { 'containerInsights.taskMonth': 0.3 }, false),
    ...from('https://cloudburn.io/blog/amazon-ecr-pricing (US East)', '2026-03-01', { 'ecr.gbMonth': 0.1 }),
    ...from(originalEstimate, '2025-10-13', { 's3.gbMonth': 0.023 }, false),
    ...from(
      'the price of ap-southeast-1, from the AWS Price List API',
      '2026-08-12',
      { 's3.thousandPuts': 0.005 },
      false,
    ),
    ...from('https://airbyte.com/data-engineering-resources/dynamodb-pricing', '2025-07-21', {
      'dynamodb.millionWrites': 0.625,
    }),
    ...from(onPricingPage('kinesis/data-streams'), '2026-05-04', usEastKinesis),
    ...from(onPricingPage('kinesis/video-streams'), '2026-10-07', usEastVideo),
    ...from('the price of ap-southeast-1, from the AWS Price List API', '2026-08-12', lambdaArm, false),
  },
  [singapore]: {
    ...from(karpenter, '2026-07-01', {
      'ec2.g4dn.xlarge.onDemandHour': 0.736,
      'ec2.g4dn.2xlarge.onDemandHour': 1.052,
    }),
    ...from('https://instances.vantage.sh', '2026-08-26', { 'ec2.g4dn.4xlarge.onDemandHour': 1.685 }),
    ...from(spotSource, '2026-07-01', { 'ec2.g4dn.xlarge.spotHour': 0.31 }, false),
    ...from(priceList('APS1-EBS:VolumeUsage.gp3'), '2026-08-12', { 'ebs.gp3.gbMonth': 0.096 }),
    ...from(priceList('APS1-NatGateway-Hours, APS1-NatGateway-Bytes'), '2026-08-12', {
      'nat.hour': 0.059,
      'nat.gb': 0.059,
    }),
    ...from('https://cloudburn.io/blog/aws-nat-gateway-pricing', '2026-02-24', { 'publicIpv4.hour': 0.005 }),
    ...from(unread, '2026-11-23', { 'natInstance.hour': 0.0053, ...unreadControl }, false),
    ...from(priceList('APS1-VpcEndpoint-Hours, APS1-VpcEndpoint-Bytes'), '2026-08-12', {
      'endpoint.hour': 0.013,
      'endpoint.gb': 0.01,
    }),
    ...from(priceList('APS1-DataProcessing-Bytes'), '2026-08-12', { 'logs.ingestGb': 0.7 }),
    ...from(priceList('APS1-TimedStorage-ByteHrs, APS1-CW:AlarmMonitorUsage'), '2026-08-12', {
      'logs.storeGbMonth': 0.03,
      'cloudwatch.alarmMonth': 0.1,
    }),
    ...from(insightsSource, '2025-10-13', { 'containerInsights.taskMonth': 0.3 }, false),
    ...from(originalEstimate, '2025-10-13', { 'ecr.gbMonth': 0.1 }, false),
    ...from(priceList('APS1-TimedStorage-ByteHrs, APS1-Requests-Tier1'), '2026-08-12', {
      's3.gbMonth': 0.025,
      's3.thousandPuts': 0.005,
    }),
    ...from(standIn, '2025-07-21', { 'dynamodb.millionWrites': 0.625 }, false),
    ...from(standIn, '2026-05-04', usEastKinesis, false),
    ...from(standIn, '2026-10-07', usEastVideo, false),
    ...from(priceList('APS1-Lambda-GB-Second-ARM, APS1-Request-ARM'), '2026-08-12', lambdaArm),
  },
};
