/**
 * The events that make the control loop quick: what ECS, EC2, Auto Scaling and the workers say of machines and workers.
 * Invariant: an event that cannot be delivered ends in the dead-letter queue; losing one costs at most a minute.
 */
import { fleetResourceNames, type ResourceNames } from '../../core/names.ts';
import { capacityEventTypes } from '../../functions/triggers.ts';
import type { Settings } from '../settings.ts';

type Rule = { name: string; pattern: Record<string, unknown> };

/** What reconcile wants to hear of, narrowed to this stage wherever the event says whose it is. */
function eventRules(
  { stage, region, fleets }: Settings,
  names: ResourceNames,
  accountId: $util.Output<string>,
): Rule[] {
  const clusterArn = [$interpolate`arn:aws:ecs:${region}:${accountId}:cluster/${names.cluster}`];
  const groups = fleets.map((fleet) => fleetResourceNames(stage, fleet).autoScalingGroup);
  const types = capacityEventTypes;
  return [
    {
      name: 'task-state',
      pattern: { source: ['aws.ecs'], 'detail-type': types.task, detail: { clusterArn } },
    },
    {
      name: 'container-instance-state',
      pattern: { source: ['aws.ecs'], 'detail-type': types.containerInstance, detail: { clusterArn } },
    },
    {
      name: 'spot-interruption',
      pattern: { source: ['aws.ec2'], 'detail-type': types.spotInterruption },
    },
    { name: 'rebalance', pattern: { source: ['aws.ec2'], 'detail-type': types.rebalance } },
    {
      name: 'auto-scaling',
      pattern: {
        source: ['aws.autoscaling'],
        'detail-type': types.autoScaling,
        detail: { AutoScalingGroupName: groups },
      },
    },
    {
      name: 'workers',
      pattern: {
        source: [names.eventSource],
        resources: [names.tables.workers],
        'detail-type': [...types.worker, ...types.rows],
        detail: { fleet: fleets },
      },
    },
  ];
}

export function capacityEvents(
  settings: Settings,
  names: ResourceNames,
  target: { function: sst.aws.Function },
  deadLetters: sst.aws.Queue,
): void {
  const accountId = aws.getCallerIdentityOutput().accountId;
  const rules = eventRules(settings, names, accountId).map(({ name, pattern }) => {
    const rule = new aws.cloudwatch.EventRule(`Rule-${name}`, {
      name: `kvs-infer-${settings.stage}-${name}`,
      eventPattern: $jsonStringify(pattern),
    });
    new aws.lambda.Permission(`Permission-${name}`, {
      action: 'lambda:InvokeFunction',
      function: target.function.name,
      principal: 'events.amazonaws.com',
      sourceArn: rule.arn,
    });
    new aws.cloudwatch.EventTarget(`Target-${name}`, {
      rule: rule.name,
      arn: target.function.arn,
      retryPolicy: { maximumEventAgeInSeconds: 300, maximumRetryAttempts: 3 },
      deadLetterConfig: { arn: deadLetters.arn },
    });
    return rule;
  });
  new aws.sqs.QueuePolicy('EventFailuresPolicy', {
    queueUrl: deadLetters.url,
    policy: aws.iam.getPolicyDocumentOutput({
      statements: [
        {
          sid: 'UndeliveredEvents',
          principals: [{ type: 'Service', identifiers: ['events.amazonaws.com'] }],
          actions: ['sqs:SendMessage'],
          resources: [deadLetters.arn],
          conditions: [{ test: 'ArnEquals', variable: 'aws:SourceArn', values: rules.map((rule) => rule.arn) }],
        },
      ],
    }).json,
  });
}
