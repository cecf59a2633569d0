/**
 * The least that watching a camera can cost with these two libraries: one thread that decodes every frame, scales those
 * that are wanted and runs the model, with nothing around it. No reading, no network, no tracks, no records.
 * Invariant: the calls are those that the worker makes in the end, so that the difference is the worker's own.
 */
import { AV_PIX_FMT_RGB24, type FFDecoderCodec, SWS_FAST_BILINEAR } from 'node-av/constants';
import { Codec, CodecContext, Frame, Packet, Rational, SoftwareScaleContext } from 'node-av/lib';
import ort from 'onnxruntime-node';
import type { H264Clip } from '../../local/kinesisvideo/clip-timeline.ts';
import { CANDIDATES_OUTPUT, FRAMES_INPUT } from '../../worker/detect/model-graph.ts';
import type { PreparedModel } from '../../worker/detect/prepare-model.ts';

type ScalerFormat = typeof AV_PIX_FMT_RGB24;

export class BareLoop {
  readonly #clip: H264Clip;
  readonly #model: PreparedModel;
  readonly #session: ort.InferenceSession;

  private constructor(clip: H264Clip, model: PreparedModel, session: ort.InferenceSession) {
    this.#clip = clip;
    this.#model = model;
    this.#session = session;
  }

  static async open(clip: H264Clip, model: PreparedModel): Promise<BareLoop> {
    const session = await ort.InferenceSession.create(model.path, {
      ...{ executionProviders: ['cpu'], intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 },
    });
    return new BareLoop(clip, model, session);
  }

  /** The clip once. @returns CPU seconds of this process per second of the clip. */
  async run(every: number): Promise<number> {
    const { inputWidth, inputHeight } = this.#model;
    const codec = Codec.findDecoderByName('h264' as FFDecoderCodec);
    if (codec === null) throw new Error('this FFmpeg has no H.264 decoder');
    const context = new CodecContext();
    context.allocContext3(codec);
    context.extraData = Buffer.from(this.#clip.codecPrivate);
    context.threadCount = 1;
    context.pktTimebase = new Rational(1, 1000);
    if (context.open2Sync(codec, null) < 0) throw new Error('the decoder refused the clip');
    const packet = new Packet();
    packet.alloc();
    const frame = new Frame();
    frame.alloc();
    const scaler = new SoftwareScaleContext();
    const { width, height } = this.#clip;
    const rows = Math.round((inputWidth * height) / width);
    const pixels = new Uint8Array(inputWidth * inputHeight * 3).fill(114);
    const target = Buffer.from(pixels.buffer, Math.floor((inputHeight - rows) / 2) * inputWidth * 3);
    let pictures = 0;
    let candidates = 0;
    const before = process.cpuUsage();
    const infer = async () => {
      if (pictures === 0) {
        const format = frame.format as ScalerFormat;
        scaler.getContext(width, height, format, inputWidth, rows, AV_PIX_FMT_RGB24 as ScalerFormat, SWS_FAST_BILINEAR);
      }
      scaler.scaleSync(frame.data ?? [], frame.linesize, 0, height, [target], [inputWidth * 3]);
      const tensor = new ort.Tensor('uint8', pixels, [1, inputHeight, inputWidth, 3]);
      const output = await this.#session.run({ [FRAMES_INPUT]: tensor });
      candidates += output[CANDIDATES_OUTPUT]?.data.length ?? 0;
    };
    for (const { data } of this.#clip.frames) {
      packet.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      context.sendPacketSync(packet);
      packet.unref();
      while (context.receiveFrameSync(frame) >= 0) {
        if (pictures % every === 0) await infer();
        pictures += 1;
        frame.unref();
      }
    }
    const { user, system } = process.cpuUsage(before);
    scaler.freeContext();
    context.freeContext();
    frame.free();
    packet.free();
    if (pictures < this.#clip.frames.length || candidates === 0) throw new Error(`only ${pictures} pictures came out`);
    return (user + system) / 1e6 / (this.#clip.durationMs / 1000);
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}
