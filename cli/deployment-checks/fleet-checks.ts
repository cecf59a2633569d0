/**
 * What runs on the GPUs: the task definition of a fleet and its service.
 * Invariant: every item of the specification's lists is one line here; where it improves on the original, the expectation
 * says what holds now.
 */
import { registeredMemoryMib, shapeOf } from '../../stacks/instance-types.ts';
import type { Inputs } from '../../stacks/synthesis/graph.ts';
import { type DeploymentCheck, firstOf, holds, is, type Subject } from './item.ts';

const task = (subject: Subject) => firstOf(subject, 'aws:ecs/taskDefinition:TaskDefinition');
const container = (subject: Subject): Inputs => {
  const [only] = JSON.parse(task(subject).containerDefinitions) as Inputs[];
  if (only === undefined) throw new Error('the task definition has no container');
  return only;
};
const variable = (name: string) => (subject: Subject) =>
  (container(subject).environment as { name: string; value: string }[]).find((one) => one.name === name)?.value;
const mounts = (subject: Subject) =>
  (container(subject).mountPoints as Inputs[])
    .map(({ sourceVolume, containerPath, readOnly }) => {
      const volume = (task(subject).volumes as Inputs[]).find((one) => one.name === sourceVolume);
      return `${volume?.hostPath} -> ${containerPath} ${readOnly ? 'ro' : 'rw'}`;
    })
    .sort();

export const taskDefinitionCheck: DeploymentCheck = {
  name: 'ecs-task-definition',
  items: [
    holds(
      'family',
      'kvs-infer-<stage>-<fleet>-gpu',
      (subject) => String(task(subject).family),
      (family, { settings }) => family === `kvs-infer-${settings.stage}-${settings.fleets[0]}-gpu`,
    ),
    is('network mode', 'awsvpc', (subject) => task(subject).networkMode),
    is('compatibility', ['EC2'], (subject) => task(subject).requiresCompatibilities),
    holds(
      'CPU units',
      'those of the settings (4096 by default)',
      (subject) => Number(task(subject).cpu),
      (cpu, { settings }) => cpu === settings.task.cpuUnits,
    ),
    holds(
      'memory (MiB)',
      'less than the smallest allowed instance type registers',
      (subject) => Number(task(subject).memory),
      (memory, { settings }) =>
        settings.capacity.instanceTypes.every((type) => {
          const shape = shapeOf(type);
          return shape !== undefined && memory > 0 && memory <= registeredMemoryMib(shape);
        }),
    ),
    is('GPU', [{ type: 'GPU', value: '1' }], (subject) => container(subject).resourceRequirements),
    holds(
      'image',
      "the account's repository, by digest",
      (subject) => String(container(subject).image),
      (image) => /\.dkr\.ecr\.[^/]+\/.+@sha256:[0-9a-f]{64}$/.test(image),
    ),
    holds(
      'port',
      'HTTP_PORT/tcp',
      (subject) =>
        (container(subject).portMappings as Inputs[]).map((port) => `${port.containerPort}/${port.protocol}`),
      (ports, { settings }) => ports.join() === `${settings.task.httpPort}/tcp`,
    ),
    holds(
      'health check',
      'localhost:HTTP_PORT/healthz every 30 s',
      (subject) =>
        `${(container(subject).healthCheck.command as string[]).join(' ')} every ${container(subject).healthCheck.interval} s`,
      (text, { settings }) =>
        text.includes(`http://localhost:${settings.task.httpPort}/healthz`) && text.endsWith('every 30 s'),
    ),
    holds('AWS_REGION', 'the region', variable('AWS_REGION'), (region, { settings }) => region === settings.region),
    holds(
      'LOG_LEVEL',
      'of the settings (INFO by default)',
      variable('LOG_LEVEL'),
      (level, { settings }) => level === settings.logLevel,
    ),
    holds(
      'HTTP_PORT',
      'of the settings (8080 by default)',
      variable('HTTP_PORT'),
      (port, { settings }) => port === String(settings.task.httpPort),
    ),
    is('CUDA_VISIBLE_DEVICES', '0', variable('CUDA_VISIBLE_DEVICES')),
    is('CONFIG_FILE', '/app/config/cameras.yaml', variable('CONFIG_FILE')),
    is(
      'volumes',
      [
        '/opt/kvs-infer/cache -> /app/.cache rw',
        '/opt/kvs-infer/config -> /app/config ro',
        '/opt/kvs-infer/models -> /app/models ro',
      ],
      mounts,
    ),
    holds(
      'log',
      'awslogs to a group of the deployment, stream prefix ecs',
      (subject) => container(subject).logConfiguration as Inputs,
      (log, { graph }) =>
        log.logDriver === 'awslogs' &&
        log.options['awslogs-stream-prefix'] === 'ecs' &&
        String(log.options['awslogs-group']).startsWith('/ecs/kvs-infer') &&
        graph
          .all('aws:cloudwatch/logGroup:LogGroup')
          .some(({ inputs }) => inputs.name === log.options['awslogs-group']),
    ),
    holds(
      'placement',
      'the allowed GPU families',
      (subject) => (task(subject).placementConstraints as Inputs[]).map((one) => one.expression as string).join(),
      (expression, { settings }) =>
        settings.capacity.instanceTypes.every((type) =>
          expression.includes(`attribute:ecs.instance-type =~ ${type.split('.')[0]}.*`),
        ),
    ),
  ],
};

const service = (subject: Subject) => firstOf(subject, 'aws:ecs/service:Service');

export const serviceCheck: DeploymentCheck = {
  name: 'ecs-service',
  items: [
    holds(
      'one per fleet',
      'kvs-infer-<stage>-<fleet>-service',
      ({ graph }) => graph.all('aws:ecs/service:Service').map(({ inputs }) => inputs.name as string),
      (names, { settings }) =>
        settings.fleets.every((fleet) => names.includes(`kvs-infer-${settings.stage}-${fleet}-service`)),
    ),
    is('strategy', 'REPLICA', (subject) => service(subject).schedulingStrategy),
    holds(
      'capacity',
      'through a capacity provider of the deployment',
      (subject) =>
        (service(subject).capacityProviderStrategies as Inputs[]).map((one) => one.capacityProvider as string),
      (providers, { graph }) =>
        providers.length === 1 &&
        graph.all('aws:ecs/capacityProvider:CapacityProvider').some(({ inputs }) => inputs.name === providers[0]),
    ),
    holds(
      'desired count',
      'ignored as a change, so that a redeploy keeps it',
      ({ graph }) => graph.all('aws:ecs/service:Service').map((one) => one.ignoreChanges.join()),
      (ignored) => ignored.length > 0 && ignored.every((one) => one.includes('desiredCount')),
    ),
    holds(
      'subnets',
      'private ones, two or more',
      (subject) => (service(subject).networkConfiguration?.subnets ?? []) as string[],
      (subnets, { graph, settings }) => {
        const own =
          settings.network.existing?.privateSubnetIds ??
          graph.all('aws:ec2/subnet:Subnet', /Private/).map((subnet) => subnet.id);
        return subnets.length >= 2 && subnets.every((subnet) => own.includes(subnet));
      },
    ),
    is('public IP', false, (subject) => service(subject).networkConfiguration?.assignPublicIp),
    holds(
      'security group',
      'no way in',
      ({ graph }) =>
        graph.all('aws:ec2/securityGroup:SecurityGroup', /Worker/).flatMap(({ inputs }) => inputs.ingress as unknown[]),
      (ingress) => ingress.length === 0,
    ),
    is('circuit breaker', { enable: true, rollback: true }, (subject) => service(subject).deploymentCircuitBreaker),
    is(
      'deployment',
      '100 % to 200 %',
      (subject) =>
        `${service(subject).deploymentMinimumHealthyPercent} % to ${service(subject).deploymentMaximumPercent} %`,
    ),
    is('spread', ['attribute:ecs.availability-zone', 'instanceId'], (subject) =>
      (service(subject).orderedPlacementStrategies as Inputs[]).map((one) => one.field),
    ),
    is('ECS Exec', true, (subject) => service(subject).enableExecuteCommand),
    is('tags', 'SERVICE', (subject) => service(subject).propagateTags),
    is('health check grace (s)', 60, (subject) => service(subject).healthCheckGracePeriodSeconds),
  ],
};
