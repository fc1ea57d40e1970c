// Messages that are paused, each with its text to change, the time that is left, and what can be done with it.

import { compact, indented, wrongWith } from './jsontext.js';
import { changes, left, paused } from './paused.js';

const WAYS = { client: 'app → provider', server: 'provider → app' };
const CAUSES = {
  resumed: 'Somebody else let it go', edited: 'Somebody else changed it', dropped: 'Somebody else dropped it', timed_out: 'Its time was up',
  removed: 'Its breakpoint was removed', full: 'Too much waited behind it', session_ended: 'The session was about to end',
};
const WENT = { passed: ': it went on as it came', changed: ': it went on, changed', dropped: ': nothing of it went on' };
const OUTCOMES = {
  resumed: { passed: 'It went on as it came.', changed: 'It went on, changed by a policy.', dropped: 'A policy or a limit stopped it.' },
  edited: { passed: 'It went on as you wrote it.', changed: 'It went on as you wrote it, changed by a policy.', dropped: 'A policy or a limit stopped what you wrote.' },
  dropped: { dropped: 'Nothing of it went on.' },
};
const LINGERS = 5000;

const made = (name, className = '', text = '') => Object.assign(document.createElement(name), { className, textContent: text });
const bytes = (size) => (size < 1000 ? `${size} B` : size < 1e6 ? `${(size / 1000).toFixed(1)} kB` : `${(size / 1e6).toFixed(1)} MB`);
const plain = (text) => text.replace(/[^\x20-\x7e]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);

async function post(path, body) {
  const answer = await fetch(path, { method: 'POST', body: JSON.stringify(body) });
  return { ok: answer.ok, late: answer.status === 409 || answer.status === 404, ...(await answer.json()) };
}

/** One paused message. */
class Stop {
  #stop;
  #path;
  #element;
  #shown = null;
  #kept = new Map();
  #content = null;
  #busy = false;
  #over = false;

  constructor(stop, single) {
    this.#stop = stop;
    this.#path = `/api/paused/${stop.id}`;
    this.#build(stop, single);
    this.#read();
  }

  get element() { return this.#element; }
  get #changed() { return this.area.value !== this.#shown; }

  #build(stop, single) {
    this.#element = made('article', `stop ${stop.from}`);
    this.#element.id = stop.id;
    const head = made('header');
    this.clock = made('output', 'num left');
    this.behind = made('span', 'soft behind');
    head.append(made('span', 'side', WAYS[stop.from]), made('b', '', plain(stop.type || '(no type)')), made('span', 'soft', bytes(stop.size)), this.behind);
    if (!single) {
      const link = made('a', '', plain(stop.key ?? stop.session));
      link.href = `/sessions/${encodeURIComponent(stop.session)}`;
      head.append(link);
    }
    head.append(this.clock);
    this.bar = Object.assign(made('progress'), { max: Math.max(1, Date.parse(stop.until) - Date.parse(stop.at)) });
    this.area = Object.assign(made('textarea'), { rows: 4, spellcheck: false, autocomplete: 'off', disabled: true });
    this.area.setAttribute('aria-label', `The message, ${WAYS[stop.from]}`);
    this.area.addEventListener('input', () => this.#judge());
    this.area.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        this.resume();
      }
    });
    this.says = made('p', 'says soft');
    this.says.setAttribute('role', 'status');
    const acts = made('div', 'acts');
    this.go = Object.assign(made('button', 'go', 'Resume'), { title: 'Ctrl+Enter in the text, or r' });
    this.drops = made('button', 'danger', 'Drop');
    this.undo = made('button', 'plain', 'undo changes');
    this.undo.hidden = true;
    for (const [button, act] of [[this.go, () => this.resume()], [this.drops, () => this.drop()], [this.undo, () => this.#reset()]]) {
      button.type = 'button';
      button.addEventListener('click', act);
    }
    acts.append(this.go, this.drops, this.undo);
    this.#element.append(head, this.bar, this.area, this.says, acts);
    this.renew(stop);
    this.tick();
  }

  async #read() {
    const answer = await fetch(this.#path);
    if (!answer.ok) return;
    this.#content = await answer.json();
    this.#shown = this.#content.payload === undefined ? this.#content.data : wrongWith(this.#content.payload) ? this.#content.payload : indented(this.#content.payload, this.#kept);
    this.area.disabled = false;
    this.#reset();
  }

  #reset() {
    this.area.value = this.#shown;
    this.#shown = this.area.value;
    this.area.rows = Math.min(24, Math.max(3, this.area.value.split('\n').length + 1));
    this.#judge();
  }

  /** What is wrong with what was written; a message that came as something else than JSON may be anything. */
  get #wrong() {
    const { payload } = this.#content;
    return this.#changed && payload !== undefined && !wrongWith(payload) ? wrongWith(this.area.value) : '';
  }

  #judge() {
    const [changed, wrong] = [this.#changed, this.#wrong];
    this.area.toggleAttribute('aria-invalid', Boolean(wrong));
    this.go.textContent = changed ? 'Resume changed' : 'Resume';
    this.go.disabled = Boolean(wrong);
    this.undo.hidden = !changed;
    const binary = this.#content.payload === undefined ? 'Its bytes are no text; here they are in base64. ' : '';
    this.#say(wrong ? `This is no message: ${wrong}` : changed ? 'What you wrote goes on in its place, if policies and limits let it: they judge it as if that side had said it.' : `${binary}Unchanged, it goes on byte for byte as it came.`, wrong);
  }

  #say(words, wrong = false) {
    this.says.textContent = words;
    this.says.classList.toggle('bad', Boolean(wrong));
  }

  renew(stop) {
    this.behind.textContent = stop.n_behind ? `${stop.n_behind} wait behind it` : '';
  }

  tick() {
    if (this.#over) return;
    const ms = left(this.#stop);
    this.bar.value = ms;
    this.clock.value = `${(ms / 1000).toFixed(1)} s`;
    this.#element.classList.toggle('soon', ms < 3000);
  }

  focus() {
    this.area.focus();
    this.area.setSelectionRange(0, 0);
    this.#element.scrollIntoView({ block: 'nearest' });
  }

  resume() {
    if (this.go.disabled || this.area.disabled) return undefined;
    const text = this.area.value;
    const body = !this.#changed ? {} : this.#content.payload === undefined ? { data: text.trim() } : { payload: wrongWith(text) ? text : compact(text, this.#kept) };
    return this.#act('resume', body);
  }

  /** Nothing of it is sent. */
  drop() {
    return this.#act('drop', {});
  }

  async #act(what, body) {
    if (this.#busy || this.#over) return;
    this.#busy = true;
    const answer = await post(`${this.#path}/${what}`, body);
    this.#busy = false;
    if (answer.ok) this.end(OUTCOMES[answer.reason][answer.outcome], true);
    else if (answer.late) this.gone(answer.error.message.split(': ').at(-1));
    else this.#say(answer.error.message, true);
  }

  /** It is not paused any more. What was written and not sent stays to be read. */
  end(words, sent = false) {
    if (this.#over || this.#busy) return;
    this.#over = true;
    const unsent = !sent && this.#content && this.#changed;
    this.#element.classList.add('over');
    this.area.readOnly = true;
    this.clock.value = '';
    this.bar.value = 0;
    this.undo.hidden = this.drops.hidden = true;
    this.#say(unsent ? `${words} What you wrote was not sent.` : words, unsent);
    this.go.disabled = false;
    this.go.replaceWith(Object.assign(this.go.cloneNode(), { textContent: 'Close', onclick: () => this.#element.remove() }));
    if (!unsent) setTimeout(() => this.#element.remove(), LINGERS);
  }

  gone(reason, outcome) {
    this.end(`${CAUSES[reason] ?? 'It is not paused any more'}${WENT[outcome] ?? ''}.`);
  }
}

/** All that are paused, or those of one session, in a box. */
export class Stops {
  #box;
  #session;
  #all = new Map();

  /** `session` is an id, or undefined for those of all. */
  constructor(box, session) {
    this.#box = box;
    this.#session = session;
    changes.addEventListener('paused', ({ detail }) => this.#add(detail));
    changes.addEventListener('resumed', ({ detail }) => this.#end(detail.id, detail.reason, detail.outcome));
    changes.addEventListener('standing', () => this.#agree());
    this.#agree();
    setInterval(() => this.#all.forEach((one) => one.tick()), 100);
  }

  /** The one that waits longest. */
  get first() { return [...this.#all.values()][0]; }

  /** How many wait behind messages that are here. */
  renew(all) {
    for (const stop of all) this.#all.get(stop.id)?.renew(stop);
  }

  #add(stop) {
    if (this.#session && stop.session !== this.#session) return;
    if (this.#all.has(stop.id)) return this.#all.get(stop.id).renew(stop);
    const one = new Stop(stop, Boolean(this.#session));
    this.#all.set(stop.id, one);
    this.#box.append(one.element);
  }

  #end(id, reason, outcome) {
    const one = this.#all.get(id);
    this.#all.delete(id);
    // What is done here is answered a moment after it is told of.
    if (one) setTimeout(() => one.gone(reason, outcome), 300);
  }

  #agree() {
    for (const id of this.#all.keys()) if (!paused.has(id)) this.#end(id);
    for (const stop of paused.values()) this.#add(stop);
  }
}
