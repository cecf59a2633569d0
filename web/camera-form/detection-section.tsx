/** What is looked for in the picture, what is read, and which pictures are kept. */
import { CheckField, ChoiceField, type FormContext, NumberField, TextField, WordsField } from './fields.tsx';
import { valueAt } from './typed-row.ts';

export function DetectionSection({ form }: { form: FormContext }) {
  return (
    <fieldset className="card">
      <legend>Detection</legend>
      <div className="columns">
        <TextField {...{ form, path: 'detect.model', label: 'Model', placeholder: 'default' }} />
        <NumberField {...{ form, path: 'detect.fps', label: 'Frames per second', placeholder: '5' }} />
        <NumberField
          {...{ form, path: 'detect.confidence', label: 'Confidence', placeholder: '0.35', hint: '0 to 1' }}
        />
        <NumberField {...{ form, path: 'detect.iou', label: 'Overlap', placeholder: '0.5', hint: '0 to 1' }} />
        <WordsField {...{ form, path: 'detect.classes', label: 'Classes', hint: 'with commas; empty is all' }} />
      </div>
      <CheckField
        {...{ form, path: 'detect.motionGate.enabled', fallback: false }}
        label="Leave out frames in which nothing moves"
      />
      {valueAt(form.row, 'detect.motionGate.enabled') === true ? (
        <div className="columns">
          <NumberField
            {...{ form, path: 'detect.motionGate.maxSkipMs', label: 'Look again after (ms)', placeholder: '5000' }}
          />
          <NumberField
            {...{
              form,
              path: 'detect.motionGate.sensitivity',
              label: 'Sensitivity',
              placeholder: '0.5',
              hint: '0 to 1',
            }}
          />
        </div>
      ) : null}
      <CheckField {...{ form, path: 'text.enabled', fallback: false }} label="Read text and plates" />
      {valueAt(form.row, 'text') === undefined ? null : (
        <div className="columns">
          <WordsField
            {...{ form, path: 'text.classes', label: 'Read on', hint: 'classes with commas; empty is all' }}
          />
          <TextField {...{ form, path: 'text.charset', label: 'Characters', placeholder: 'A-Z0-9-' }} />
          <TextField
            {...{
              form,
              path: 'text.pattern',
              label: 'Pattern',
              placeholder: '[A-Z]{3}[0-9]{4}',
              hint: 'the whole text must match',
            }}
          />
        </div>
      )}
      <details>
        <summary>Snapshots and tracks</summary>
        <div className="columns">
          <ChoiceField
            {...{
              form,
              path: 'snapshots.on',
              label: 'Snapshots',
              choices: ['best', 'enter', 'never'],
              fallback: 'best',
            }}
          />
          <NumberField {...{ form, path: 'snapshots.maxPerMinute', label: 'At most a minute', placeholder: '12' }} />
          <NumberField {...{ form, path: 'smoothing.window', label: 'Vote over (frames)', placeholder: '5' }} />
          <NumberField
            {...{ form, path: 'smoothing.minHits', label: 'A track begins after (hits)', placeholder: '3' }}
          />
          <NumberField
            {...{ form, path: 'smoothing.maxMissMs', label: 'and ends unseen after (ms)', placeholder: '1000' }}
          />
        </div>
        <CheckField {...{ form, path: 'snapshots.annotate', fallback: true }} label="Draw boxes into the pictures" />
      </details>
    </fieldset>
  );
}
