// The messages of a session: a list that draws only what is seen, however long it is, and one message at a time as JSON.

import { fetched } from './parts.js';
import { clock } from './timeline.js';

const TALL = 24;
const LONG = 1000;
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const ARROWS = { client: '→', server: '←' };

/** Text in which nothing is hidden: what cannot be seen is written as JSON would. */
const plain = (text) => text.replace(UNSEEN, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
const lines = (text) => text.split('\n').map(plain).join('\n');

const made = (name, className, text = '') => Object.assign(document.createElement(name), { className, textContent: text });
const bytes = (size) => (size < 1000 ? `${size} B` : size < 1e6 ? `${(size / 1000).toFixed(1)} kB` : `${(size / 1e6).toFixed(1)} MB`);
const span = (ms) => (ms < 0 ? 'meanwhile' : ms < 1000 ? `+${ms} ms` : `+${(ms / 1000).toFixed(1)} s`);

export class Messages extends EventTarget {
  #path;
  #box;
  #room;
  #view;
  #says;
  #rows = [];
  #folds = true;
  #chosen = -1;
  #loaded = false;

  constructor(path, { box, view, says }) {
    super();
    this.#path = path;
    this.#box = box;
    this.#view = view;
    this.#says = says;
    this.#room = made('div', 'room');
    box.append(this.#room);
    box.addEventListener('scroll', () => this.#draw());
    box.addEventListener('click', (event) => {
      const row = event.target.closest('[data-row]');
      if (row) this.open(Number(row.dataset.row));
    });
    new ResizeObserver(() => this.#draw()).observe(box);
  }

  /** Reads the list; again where the session went on. */
  async load() {
    const answer = await fetch(`${this.#path}/messages.json${this.#folds ? '' : '?fold=no'}`);
    const found = await answer.json();
    this.#loaded = true;
    this.#rows = found.rows ?? [];
    this.#says.textContent = found.error?.message ?? (found.more ? 'These are not all: the page can hold no more.' : '');
    this.#room.style.setProperty('height', `${this.#rows.length * TALL}px`);
    this.#draw();
  }

  get loaded() { return this.#loaded; }
  get folds() { return this.#folds; }

  /** Folds pieces of one thing, or no longer. */
  async fold() {
    const at = this.#rows[this.#chosen]?.[2] ?? this.#rows[this.#first]?.[2];
    this.#folds = !this.#folds;
    this.#chosen = -1;
    await this.load();
    if (at !== undefined) this.reveal(at / 1000);
  }

  /** Brings what crossed at a moment into sight. */
  reveal(seconds) {
    const index = this.#rows.findIndex((row) => row[2] >= seconds * 1000);
    this.#box.scrollTop = Math.max(0, (index < 0 ? this.#rows.length : index) - 3) * TALL;
  }

  walk(step) {
    const index = this.#chosen < 0 ? this.#first : Math.max(0, Math.min(this.#rows.length - 1, this.#chosen + step));
    const top = index * TALL;
    if (top < this.#box.scrollTop) this.#box.scrollTop = top;
    else if (top + TALL > this.#box.scrollTop + this.#box.clientHeight) this.#box.scrollTop = top + TALL - this.#box.clientHeight;
    return this.open(index);
  }

  /** Shows a message as JSON, sound by its size. */
  async open(index) {
    const row = this.#rows[index];
    if (!row) return;
    this.#chosen = index;
    this.#draw();
    this.dispatchEvent(new CustomEvent('open', { detail: { seconds: row[2] / 1000, turn: row[10] } }));
    const message = await (await fetch(`${this.#path}/messages/${row[0]}.json`)).json();
    if (this.#chosen !== index) return;
    const { payload, data, ...envelope } = message;
    const why = Object.assign(made('button', 'why', 'Explain'), { type: 'button', title: 'What the policies of today make of it (e)' });
    why.addEventListener('click', () => this.explain());
    this.#view.replaceChildren(why, made('pre', 'envelope', plain(facts(envelope))), made('pre', '', lines(body(payload, data, message.elided))));
    this.#view.hidden = false;
  }

  /** Says what the policies of today make of the message that is open, or no longer. */
  async explain() {
    const [number] = this.#rows[this.#chosen] ?? [];
    const shown = this.#view.querySelector('#event-explained');
    if (number === undefined || shown) return shown?.remove();
    const page = await fetched(`/rules/explain?session=${this.#path.split('/').at(-1)}&event=${number}`);
    if (this.#rows[this.#chosen]?.[0] !== number) return;
    this.#view.querySelector('.envelope')?.before(page?.getElementById('event-explained') ?? made('p', 'bad', 'It cannot be explained: its content was not recorded.'));
  }

  get #first() { return Math.floor(this.#box.scrollTop / TALL); }

  #draw() {
    const count = Math.ceil(this.#box.clientHeight / TALL) + 1;
    const shown = this.#rows.slice(this.#first, this.#first + count).map((row, at) => this.#row(row, this.#first + at));
    this.#room.replaceChildren(...shown);
  }

  #row([, count, at, gap, from, type, size, words, outcome, findings], index) {
    const row = made('div', `message ${from}${index === this.#chosen ? ' chosen' : ''}${outcome === 'passed' ? '' : ' touched'}`);
    row.dataset.row = index;
    row.style.setProperty('top', `${index * TALL}px`);
    const said = made('span', 'type');
    said.append(made('b', '', plain(type || '(no type)')), count > 1 ? made('span', 'times', ` × ${count}`) : '', words ? made('span', 'soft', ` ${plain(words)}`) : '');
    row.append(
      made('span', 'n num', this.#rows[index][0]),
      made('span', 'num', clock(at / 1000)),
      made('span', 'side', ARROWS[from]),
      said,
      made('span', 'marks', [outcome === 'passed' ? '' : outcome, ...findings.map((one) => `${one.policy ?? one.kind}: ${one.action}`)].filter(Boolean).join(' ')),
      made('span', 'num size', bytes(size)),
      made('span', 'num gap', span(gap)),
    );
    return row;
  }
}

function facts({ n, at, from, size, by, outcome, turn, was, findings, elided, masked, lost }) {
  const parts = [
    `${n}`, `${(at / 1e6).toFixed(3)} s`, from, `${size} bytes`, outcome !== 'passed' && outcome, by !== 'side' && `by ${by}`, turn && `turn ${turn}`,
    was && `was ${was.type}, ${was.size} bytes`, masked && 'masked', lost && `${lost} before it are not on record`,
    ...elided.map((sound) => `sound of ${sound.size} bytes${sound.format ? `, ${sound.format}` : ''} left out`),
    ...findings.map((one) => `${one.policy ?? one.kind}: ${one.action}${one.why ? `, ${one.why}` : ''}`),
  ];
  return parts.filter(Boolean).join('  ·  ');
}

function body(payload, data, elided) {
  if (payload === null) return data === null ? 'Its content is not kept.' : `${data.length} characters of base64`;
  try {
    const event = JSON.parse(payload);
    for (const sound of elided) mark(event, sound);
    return JSON.stringify(event, (name, value) => (typeof value === 'string' && value.length > LONG ? `${value.slice(0, 60)}… (${value.length} characters)` : value), 2);
  } catch {
    return payload;
  }
}

/** Where sound was left out, says so. */
function mark(event, { path, size, format }) {
  const holder = path.slice(0, -1).reduce((inner, name) => inner?.[name], event);
  const name = path.at(-1);
  if (holder && name in holder) holder[name] = `‹sound, ${bytes(size)}${format ? `, ${format}` : ''}›`;
}
