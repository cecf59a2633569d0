/**
 * What a loaded detector takes of the device's memory, in advance from its file and afterwards from what it is. The runtime
 * does not say; these are estimates on the high side, held against measurements of resident memory on the CPU: the bundled
 * detector 72 to 124 MB (estimated 97), a quantised YOLOv8n at 640×640 96 to 98 MB (estimated 111).
 */
import type { Provider } from '../detect/detector.ts';

const MIB = 1024 * 1024;
/** Thread, runtime and workspace of a session. */
const SESSION_BYTES = 45 * MIB;
/** File, parsed weights, and weights packed for the kernels. */
const WEIGHT_COPIES = 3;
/** Activations of a nano model per pixel of one frame. */
const ACTIVATION_BYTES_PER_PIXEL = 150;
/** A float32 YOLOv8n. Width, and with it activations, grows about with the root of the weights. */
const NANO_FILE_BYTES = 12.5 * MIB;
/** Assumed until the model has been read. */
const ASSUMED_PIXELS = 640 * 640;
const ASSUMED_BATCH: Record<Provider, number> = { cuda: 16, cpu: 1 };

export function estimatedModelBytes(model: { fileBytes: number; pixels: number; batchSizeMax: number }): number {
  const width = Math.max(1, Math.sqrt(model.fileBytes / NANO_FILE_BYTES));
  const activations = ACTIVATION_BYTES_PER_PIXEL * model.pixels * model.batchSizeMax * width;
  return Math.round(SESSION_BYTES + WEIGHT_COPIES * model.fileBytes + activations);
}

/** Before it is loaded, from its file alone. */
export function assumedModelBytes(fileBytes: number, provider: Provider): number {
  return estimatedModelBytes({ fileBytes, pixels: ASSUMED_PIXELS, batchSizeMax: ASSUMED_BATCH[provider] });
}
