/**
 * The end of the user data: the CloudWatch agent reports GPU load and GPU memory of each instance, summed up per Auto
 * Scaling group, because ECS itself counts neither. Invariant: an instance without these metrics still joins the cluster;
 * a failure here is a line in the boot log and a "GPU metrics missing" on the dashboard, not a dead instance.
 */
const reportEverySeconds = 60;
const configFile = '/opt/aws/amazon-cloudwatch-agent/etc/kvs-infer.json';

/** What the agent calls its GPU measurements in CloudWatch. */
export const gpuMetricNames = { load: 'nvidia_smi_utilization_gpu', memory: 'nvidia_smi_utilization_memory' };

export function gpuMetricsScript(namespace: string): string {
  const config = {
    agent: { metrics_collection_interval: reportEverySeconds, run_as_user: 'root' },
    metrics: {
      namespace,
      // biome-ignore lint/suspicious/noTemplateCurlyInString: the agent fills it in
      append_dimensions: { AutoScalingGroupName: '${aws:AutoScalingGroupName}' },
      aggregation_dimensions: [['AutoScalingGroupName']],
      metrics_collected: {
        nvidia_gpu: { measurement: ['utilization_gpu', 'utilization_memory', 'memory_used', 'memory_total'] },
      },
    },
  };
  return [
    '',
    '# GPU metrics: wanted, not needed.',
    'if dnf install -y amazon-cloudwatch-agent; then',
    `  mkdir -p "$(dirname ${configFile})"`,
    `  cat > ${configFile} <<'AGENT'`,
    JSON.stringify(config, null, 2),
    'AGENT',
    `  /opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s -c file:${configFile} ||`,
    '    echo "kvs-infer: the CloudWatch agent did not start: no GPU metrics from this instance" >&2',
    'else',
    '  echo "kvs-infer: no CloudWatch agent to install: no GPU metrics from this instance" >&2',
    'fi',
    '',
  ].join('\n');
}
