/**
 * What to synthesise: a stage and the settings of its environment. Scenarios run one after the other in one process,
 * because loading the deployment code takes longer than running it.
 */
export type Scenario = {
  stage: string;
  /** The settings (`.env.example` lists them); nothing else of the caller's environment is seen. */
  settings: Record<string, string>;
};
