/**
 * The end of the user data: once a minute each instance reports how busy its GPU is and how full its memory, because
 * neither ECS nor EC2 counts either. Invariant: wanted, not needed: an instance without these metrics works all the same,
 * and nothing here runs before it has joined the cluster.
 */
import { gpuMetrics } from '../../core/fleet-metrics.ts';

export type GpuMetricsSettings = { namespace: string; stage: string; fleet: string; region: string };

export function gpuMetricsScript({ namespace, stage, fleet, region }: GpuMetricsSettings): string {
  const dimensions = `"Dimensions":[{"Name":"stage","Value":"${stage}"},{"Name":"fleet","Value":"${fleet}"}],"Unit":"Percent"`;
  return `
# GPU metrics, once a minute (stacks/fleet/gpu-metrics.ts).
install -d "$root/usr/local/bin" "$root/etc/systemd/system"
cat > "$root/usr/local/bin/kvs-infer-gpu-metrics" <<'METRICS'
#!/bin/bash
nvidia-smi --query-gpu=utilization.gpu,memory.used,memory.total --format=csv,noheader,nounits |
  while IFS=', ' read -r load used total; do
    aws cloudwatch put-metric-data --region '${region}' --namespace '${namespace}' --metric-data \\
      '[{"MetricName":"${gpuMetrics.load}","Value":'"$load"',${dimensions}},{"MetricName":"${gpuMetrics.memory}","Value":'"$((100 * used / total))"',${dimensions}}]'
  done
METRICS
chmod 0755 "$root/usr/local/bin/kvs-infer-gpu-metrics"
cat > "$root/etc/systemd/system/kvs-infer-gpu-metrics.service" <<'UNIT'
[Unit]
Description=Report GPU load and memory to CloudWatch
[Service]
Type=oneshot
ExecStart=/usr/local/bin/kvs-infer-gpu-metrics
TimeoutStartSec=50
UNIT
cat > "$root/etc/systemd/system/kvs-infer-gpu-metrics.timer" <<'UNIT'
[Timer]
OnActiveSec=60
OnUnitActiveSec=60
[Install]
WantedBy=timers.target
UNIT
systemctl daemon-reload && systemctl enable --now kvs-infer-gpu-metrics.timer || say 'no GPU metrics from this instance'
exit 0
`;
}
