/** The part of cli-progress that the command line uses; the package brings no types. */
declare module 'cli-progress' {
  export type ProgressOptions = {
    format?: string;
    stream?: NodeJS.WritableStream;
    clearOnComplete?: boolean;
    fps?: number;
  };
  export type ProgressPreset = { format: string; barCompleteChar: string; barIncompleteChar: string };
  export const Presets: Record<'legacy' | 'rect' | 'shades_classic' | 'shades_grey', ProgressPreset>;
  export class SingleBar {
    constructor(options: ProgressOptions, preset?: ProgressPreset);
    start(total: number, startValue: number, payload?: Record<string, unknown>): void;
    update(value: number, payload?: Record<string, unknown>): void;
    increment(step?: number): void;
    setTotal(total: number): void;
    stop(): void;
  }
}
