/** Alarms, logs and the dashboard: each alarm of seed.md by name, on metrics that something really reports. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alarmsOfStage } from '../../core/cost/forecast.ts';
import { controlMetrics } from '../../core/fleet-metrics.ts';
import { alarmViews } from '../../core/views/alarm-view.ts';
import type { Graph, Inputs } from '../../stacks/synthesis/graph.ts';
import { caseOf } from '../flow/alarm-cases.ts';
import { graphOf, isSynthesised } from './graphs.ts';

const alarmsOf = (graph: Graph): Record<string, Inputs> =>
  Object.fromEntries(graph.all('aws:cloudwatch/metricAlarm:MetricAlarm').map(({ inputs }) => [inputs.name, inputs]));

describe.skipIf(!isSynthesised)('alarms', () => {
  it.each([
    ['no-reconcile', { metricName: 'Invocations', period: 60, evaluationPeriods: 3, treatMissingData: 'breaching' }],
    ['errors-reconcile', { metricName: 'Errors', threshold: 0 }],
    ['errors-camera-changed', { metricName: 'Errors', threshold: 0 }],
    ['errors-capacity-changed', { metricName: 'Errors', threshold: 0 }],
    ['errors-http-api', { metricName: 'Errors', threshold: 0 }],
    ['api-failing', { namespace: 'AWS/ApiGateway', metricName: '5xx', period: 300, threshold: 4 }],
    ['queue-row-failures', { metricName: 'ApproximateNumberOfMessagesVisible', threshold: 0 }],
    ['queue-event-failures', { metricName: 'ApproximateNumberOfMessagesVisible', threshold: 0 }],
    ['iterator-age', { metricName: 'IteratorAge', threshold: 60_000 }],
    ['default-reconcile-failed', { metricName: 'ReconcileFailed', evaluationPeriods: 3 }],
    ['default-runs-not-whole', { metricName: 'ActionsFailed', threshold: 0, evaluationPeriods: 5 }],
    ['default-wanted-over-running', { evaluationPeriods: 10, threshold: 0 }],
    ['default-model-reverted', { metricName: 'ModelReverted', threshold: 0, evaluationPeriods: 1 }],
    ['default-no-capacity', { metricName: 'CapacityExhausted', threshold: 0, evaluationPeriods: 1 }],
    ['default-budget-shed', { metricName: 'CamerasShedByBudget', threshold: 0, evaluationPeriods: 1 }],
    ['default-window-missed', { metricName: 'WindowsMissed', threshold: 0 }],
    ['default-camera-blind', { metricName: 'CamerasBlind', threshold: 0 }],
    ['default-results-unstored', { metricName: 'WorkersUnstored', threshold: 0, evaluationPeriods: 3 }],
    ['default-scheduled-but-silent', { metricName: 'Cameras-silent', threshold: 0 }],
    ['default-live-but-unscheduled', { metricName: 'CamerasLiveUnscheduled', threshold: 0 }],
    ['default-cpu-high', { metricName: 'CPUUtilization', threshold: 90 }],
    ['default-memory-high', { metricName: 'MemoryUtilization', threshold: 90 }],
    ['default-running-below-desired', { evaluationPeriods: 10, threshold: 0 }],
    ['default-gpu-memory-high', { metricName: 'GpuMemoryPercent', threshold: 90 }],
    ['default-gpu-load-high', { metricName: 'GpuLoadPercent', threshold: 95 }],
    ['nat-bytes-high-1', { metricName: 'BytesInFromDestination', period: 3_600 }],
    ['nat-bytes-high-2', { metricName: 'BytesInFromDestination', period: 3_600 }],
  ])('%s', (name, expected) => {
    expect(alarmsOf(graphOf('test'))[`kvs-infer-test-${name}`]).toMatchObject(expected);
  });

  it('all of them ring on the one topic, say when it is over, and say what they mean', () => {
    const graph = graphOf('production');
    const topic = graph.one('aws:sns/topic:Topic').state.arn;
    const alarms = Object.entries(alarmsOf(graph));
    expect(alarms.length).toBeGreaterThanOrEqual(21);
    expect(Object.keys(alarmsOf(graphOf('test'))), 'as the forecast of costs counts them').toHaveLength(
      alarmsOfStage('nat'),
    );
    for (const [name, inputs] of alarms) {
      expect(inputs, name).toMatchObject({ alarmActions: [topic], okActions: [topic] });
      expect(inputs.alarmDescription, name).toMatch(/^[^\n]{10,}\.\n[^\n]{10,}\.$/);
    }
    expect(graph.one('aws:sns/topicSubscription:TopicSubscription').inputs).toMatchObject({
      protocol: 'email',
      endpoint: 'ops@example.com',
      topic,
    });
    expect(graphOf('test').all('aws:sns/topicSubscription:TopicSubscription')).toEqual([]);
  });

  it.each(['test', 'chosen', 'natInstance', 'existingNat'] as const)(
    'all of them have been seen to ring: %s',
    (scenario) => {
      const graph = graphOf(scenario);
      const fleets = scenario === 'chosen' ? ['default', 'docks'] : ['default'];
      for (const name of Object.keys(alarmsOf(graph))) {
        expect(caseOf(name.replace(`kvs-infer-${graph.stage}-`, ''), fleets), name).toBeDefined();
      }
    },
  );

  it('all of them are found by whoever asks for those of the stage, by fleet', () => {
    for (const [scenario, stage, fleets] of [
      ['test', 'test', ['default']],
      ['chosen', 'production', ['default', 'docks']],
    ] as const) {
      const names = Object.keys(alarmsOf(graphOf(scenario)));
      const stored = names.map((name) => ({ name, description: '', state: 'OK' as const, sinceMs: null }));
      const found = alarmViews(stored, stage, fleets).map(({ alarm }) => `kvs-infer-${stage}-${alarm}`);
      expect(found.sort()).toEqual(names.sort());
    }
  });

  it('our own metrics are ones that the control loop or the instances report, under the same dimensions', () => {
    const graph = graphOf('test');
    const script = Buffer.from(graph.one('aws:ec2/launchTemplate:LaunchTemplate').inputs.userData, 'base64').toString();
    for (const [name, inputs] of Object.entries(alarmsOf(graph))) {
      const metrics = inputs.metricQueries?.flatMap((query: { metric?: object }) => query.metric ?? []) ?? [inputs];
      for (const { namespace, metricName, dimensions } of metrics) {
        if (namespace !== 'KvsInfer') continue;
        if (metricName.startsWith('Gpu')) expect(script, name).toContain(`"${metricName}"`);
        else expect(controlMetrics, name).toContain(metricName);
        expect(dimensions, name).toEqual(
          metricName.startsWith('Gpu')
            ? { stage: 'test', fleet: 'default' }
            : { service: 'kvs-infer-control', stage: 'test', fleet: 'default' },
        );
      }
    }
  });

  it('each has its row of meaning, first look and fix in docs/operate.md', () => {
    const guide = readFileSync(new URL('../../docs/operate.md', import.meta.url), 'utf8');
    const rows = new Map(
      guide.split('\n').flatMap((line): [string, string[]][] => {
        const [, name, ...cells] = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
        return name?.startsWith('`') ? [[name.slice(1, -1), cells.slice(0, -1)]] : [];
      }),
    );
    for (const name of Object.keys(alarmsOf(graphOf('test')))) {
      const kind = name
        .replace('kvs-infer-test-', '')
        .replace(/^default-/, '<fleet>-')
        .replace(/^errors-.*/, 'errors-<function>')
        .replace(/^nat-bytes-high-\d+$/, 'nat-bytes-high-<n>');
      const cells = rows.get(kind);
      expect(cells, kind).toHaveLength(3);
      expect(
        cells?.every((cell) => cell.length > 10),
        kind,
      ).toBe(true);
    }
  });

  it('each fleet has its own, and a VPC of somebody else has no NAT of ours to watch', () => {
    const names = Object.keys(alarmsOf(graphOf('chosen')));
    for (const fleet of ['default', 'docks']) {
      expect(names).toContain(`kvs-infer-production-${fleet}-camera-blind`);
      const gpu = alarmsOf(graphOf('chosen'))[`kvs-infer-production-${fleet}-gpu-load-high`];
      expect(gpu?.dimensions).toEqual({ stage: 'production', fleet });
      const { inputs } = graphOf('chosen').one('aws:ec2/launchTemplate:LaunchTemplate', `LaunchTemplate-${fleet}`);
      expect(inputs.name).toBe(`kvs-infer-production-${fleet}-gpu`);
      expect(Buffer.from(inputs.userData, 'base64').toString()).toContain(`{"Name":"fleet","Value":"${fleet}"}`);
    }
    expect(Object.keys(alarmsOf(graphOf('existingNat'))).filter((name) => name.includes('nat-'))).toEqual([]);
    expect(alarmsOf(graphOf('natInstance'))['kvs-infer-test-nat-bytes-high-2']).toMatchObject({
      metricName: 'NetworkIn',
    });
  });
});

describe.skipIf(!isSynthesised)('logs and dashboard', () => {
  it('every log has the days of the settings', () => {
    for (const [scenario, days] of [
      ['test', 30],
      ['chosen', 90],
    ] as const) {
      const groups = graphOf(scenario).all('aws:cloudwatch/logGroup:LogGroup');
      expect(groups).toHaveLength(6);
      for (const { name, inputs } of groups) expect(inputs.retentionInDays, name).toBe(days);
    }
  });

  it('the dashboard shows capacity, cameras, GPUs and functions of every fleet', () => {
    const { inputs } = graphOf('chosen').one('aws:cloudwatch/dashboard:Dashboard');
    expect(inputs.dashboardName).toBe('kvs-infer-production');
    const { widgets } = JSON.parse(inputs.dashboardBody);
    expect(widgets).toHaveLength(11);
    const text = JSON.stringify(widgets);
    for (const words of [
      'docks WorkersServing',
      'CamerasBlind',
      'docks GpuLoadPercent',
      'kvs-infer-production-reconcile',
      'detections',
    ]) {
      expect(text).toContain(words);
    }
    expect(text).not.toContain('undefined');
    for (const name of controlMetrics) expect(text, name).toContain(`"${name}"`);
  });
});
