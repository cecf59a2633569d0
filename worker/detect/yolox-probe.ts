/**
 * Do the boxes of a YOLOX export come in pixels, or as offsets within grid cells? Its export script has a flag for it and
 * writes down nowhere which was chosen, so the model is run once on a grey picture.
 * Invariant: the model is not changed; the answer is kept with the prepared model, so a model is asked once.
 */
import onnxProto from 'onnx-proto';
import ort from 'onnxruntime-node';
import { type ModelProto, messageOf, modelUnusable } from './model-file.ts';
import { CANDIDATES_OUTPUT, FRAMES_INPUT, rewriteGraph } from './model-graph.ts';
import type { BoxForm, ModelLayout } from './model-layout.ts';

/**
 * A cell's offset to the centre of its object is trained within 2.5 cells, and log(640 / 8) is 4.4. In pixels, of 300 boxes
 * spread over a picture, nearly all have centres beyond.
 */
const OFFSET_MAX = 16;

/** @throws KvsInferError MODEL_UNUSABLE */
export async function probeBoxForm(modelPath: string, model: ModelProto, layout: ModelLayout): Promise<BoxForm> {
  const { ModelProto } = onnxProto.onnx;
  const copy = ModelProto.decode(ModelProto.encode(model).finish());
  const batch = layout.batch === 'dynamic' ? 1 : layout.batch;
  rewriteGraph(copy, { ...layout, boxes: 'pixels' });
  try {
    const session = await ort.InferenceSession.create(ModelProto.encode(copy).finish(), {
      executionProviders: ['cpu'],
      logSeverityLevel: 4,
    });
    try {
      const { inputHeight, inputWidth } = layout;
      const grey = new Uint8Array(batch * inputHeight * inputWidth * 3).fill(114);
      const frames = new ort.Tensor('uint8', grey, [batch, inputHeight, inputWidth, 3]);
      const output = (await session.run({ [FRAMES_INPUT]: frames }))[CANDIDATES_OUTPUT];
      if (!(output?.data instanceof Float32Array)) throw new Error('the model gave no candidates');
      // Rows: centre x, centre y, width, height, score, class.
      const rows = output.dims[2] ?? 0;
      return output.data.slice(0, 2 * rows).every((centre) => Math.abs(centre) <= OFFSET_MAX) ? 'grid' : 'pixels';
    } finally {
      await session.release();
    }
  } catch (cause) {
    throw modelUnusable(
      modelPath,
      'a model that runs',
      messageOf(cause),
      'export it again with a current opset',
      cause,
    );
  }
}
