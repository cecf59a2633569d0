/// <reference path="./.sst/platform/config.d.ts" />
/**
 * The deployment's table of contents: `sst deploy` creates what these parts say, in this order of need.
 * Invariant: settings are read and checked as a whole before the first resource.
 */
export default $config({
  async app(input) {
    const { parseSettings } = await import('./stacks/settings.ts');
    const { region, isProduction } = parseSettings(process.env, input.stage);
    return {
      name: 'kvs-infer',
      home: 'aws',
      removal: isProduction ? 'retain' : 'remove',
      protect: isProduction,
      providers: {
        aws: { region, version: '7.20.0', defaultTags: { tags: { 'kvs-infer:stage': input.stage } } },
        'docker-build': '0.0.14',
      },
    };
  },
  async run() {
    const { parseSettings } = await import('./stacks/settings.ts');
    const { resourceNames } = await import('./core/names.ts');
    const { network } = await import('./stacks/network.ts');
    const { registry } = await import('./stacks/registry.ts');
    const { readModels, storage } = await import('./stacks/storage.ts');
    const { fleet } = await import('./stacks/fleet/fleet.ts');
    const { control } = await import('./stacks/control/control.ts');
    const { api } = await import('./stacks/api.ts');
    const { siteConfig, web } = await import('./stacks/web.ts');
    const { signIn } = await import('./stacks/sign-in.ts');
    const { observability } = await import('./stacks/observability/observability.ts');

    const settings = parseSettings(process.env, $app.stage);
    const models = readModels(settings, $cli.paths.root);
    const { accountId } = await aws.getCallerIdentity();
    const names = resourceNames($app.stage, accountId, settings.names);

    const net = network(settings);
    const { tables } = registry(settings, names);
    const store = storage(settings, names, accountId, models);
    const gpus = fleet(settings, { accountId, names, net, store, models });
    const loop = control(settings, { accountId, names, tables });
    const http = api(settings, names, accountId);
    const site = web(settings, accountId, names, http);
    const login = signIn(settings, accountId, http, site);
    siteConfig(settings, accountId, site, http, login);
    const eyes = observability(settings, {
      names,
      accountId,
      net,
      gpus,
      loop,
      functions: [...loop.functions, http.server],
      apiId: http.gateway.nodes.api.id,
    });
    return {
      cameras: tables.cameras.name,
      results: store.results.name,
      snapshots: store.snapshots.name,
      cluster: gpus.cluster.name,
      repository: gpus.repository.repositoryUrl,
      reconcile: loop.reconcile.name,
      site: site.url,
      api: http.url,
      userPool: http.users.id,
      userPoolClient: login.client.id,
      dashboard: eyes.dashboard.dashboardName,
      alarms: eyes.topic.name,
    };
  },
});
