// What was said, by item: lines appear in the order in which the server names them and are filled as words come.

const element = (name, className, text = '') => Object.assign(document.createElement(name), { className, textContent: text });

export class Transcript {
  #list;
  #lines = new Map();
  #answers = new Map();

  constructor(list) {
    this.#list = list;
  }

  clear() {
    this.#list.replaceChildren();
    this.#lines.clear();
    this.#answers.clear();
  }

  /** Take note of an event, of either side. */
  note(event) {
    READERS[event.type]?.(this, event);
  }

  line(id, who, text = '') {
    if (!this.#lines.has(id)) {
      const line = element('li', who);
      line.append(element('b', 'who', who), element('span', 'words', text));
      this.#list.append(line);
      this.#lines.set(id, line);
    }
    return this.#lines.get(id);
  }

  words(id, who, change) {
    const words = this.line(id, who).querySelector('.words');
    words.textContent = change(words.textContent);
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  belongs(item, response) {
    this.#answers.set(response, [...(this.#answers.get(response) ?? []), item]);
  }

  cut(response) {
    for (const id of this.#answers.get(response) ?? []) this.#lines.get(id)?.classList.add('cut');
  }
}

const whole = (text) => () => text;
const more = (delta) => (text) => text + delta;

const READERS = {
  'input_audio_buffer.speech_started': (log, { item_id }) => log.line(item_id, 'you'),
  'conversation.item.input_audio_transcription.completed': (log, { item_id, transcript }) => log.words(item_id, 'you', whole(transcript)),
  'conversation.item.added': (log, { item }) => {
    const typed = item.content?.find((part) => part.type === 'input_text')?.text;
    if (item.role === 'user' && typed) log.words(item.id, 'you', whole(typed));
    if (item.type === 'function_call_output') log.words(item.call_id, 'tool', (text) => `${text} = ${item.output}`);
  },
  'response.output_item.added': (log, { item, response_id }) => {
    if (item.type !== 'message') return;
    log.line(item.id, 'model');
    log.belongs(item.id, response_id);
  },
  'response.output_audio_transcript.delta': (log, { item_id, delta }) => log.words(item_id, 'model', more(delta)),
  'response.output_text.delta': (log, { item_id, delta }) => log.words(item_id, 'model', more(delta)),
  'response.function_call_arguments.done': (log, { call_id, name, arguments: given }) => log.words(call_id, 'tool', whole(`${name ?? ''}(${given})`)),
  'response.done': (log, { response }) => {
    if (response.status === 'cancelled') log.cut(response.id);
  },
  'output_audio_buffer.cleared': (log, { response_id }) => log.cut(response_id),
};
