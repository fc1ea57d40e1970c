// The lanes of a session over its time: who spoke, what ran, what was found, and how long the user waited. A canvas that zooms and seeks.

const LANES = { ruler: 22, you: 56, wait: 20, model: 56, tools: 22, found: 22 };
const NAMES = { you: 'user', model: 'model', tools: 'tools', found: 'findings' };
const LEFT = 72;
const LEAST = 2;
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 28800];
const SLOW = 1.2;
const HATCH = 7;

const tops = {};
export const HEIGHT = Object.entries(LANES).reduce((top, [name, tall]) => {
  tops[name] = top;
  return top + tall;
}, 0) + 6;

export const clock = (seconds) => `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, '0')}`;

export class Timeline extends EventTarget {
  #canvas;
  #pen;
  #data = { seconds: 1, turns: [], findings: [], silenced: [] };
  #peaks = null;
  #view = { begin: 0, end: 1 };
  #at = 0;
  #chosen = null;
  #colours = {};
  #drawn = false;
  #moved = false;

  constructor(canvas) {
    super();
    this.#canvas = canvas;
    this.#pen = canvas.getContext('2d');
    this.#listen();
    new ResizeObserver(() => this.#resize()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#recolour());
    new MutationObserver(() => this.#recolour()).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  }

  get seconds() { return this.#data.seconds; }
  get turns() { return this.#data.turns; }

  /** Lanes as `timeline.json` has them; with peaks the sound itself says who was heard when. */
  show(data, peaks = this.#peaks) {
    const whole = this.#view.begin <= 0 && this.#view.end >= this.#data.seconds - 0.001;
    const heard = new Map((peaks?.turns ?? []).map((turn) => [turn.turn, turn]));
    const turns = data.turns.map((turn) => ({ ...turn, user: heard.get(turn.index)?.user ?? turn.user, model: heard.get(turn.index)?.model ?? turn.model }));
    this.#data = { ...data, turns };
    this.#peaks = peaks;
    this.#canvas.setAttribute('aria-valuemax', data.seconds.toFixed(1));
    if (whole) this.whole();
    else this.#clamp();
  }

  /** Moves the line that says where we are; the view goes with it when it leaves. */
  move(seconds, follow = false) {
    this.#at = seconds;
    this.#canvas.setAttribute('aria-valuenow', seconds.toFixed(1));
    this.#canvas.setAttribute('aria-valuetext', clock(seconds));
    const width = this.#view.end - this.#view.begin;
    if (follow && (seconds < this.#view.begin || seconds > this.#view.end - width * 0.05)) this.#look(seconds - width * 0.15, width);
    this.#redraw();
  }

  choose(index) {
    this.#chosen = index;
    this.#redraw();
  }

  whole() {
    this.#view = { begin: 0, end: this.#data.seconds };
    this.#redraw();
  }

  /** Closer for factors below 1, around a moment. */
  zoom(factor, around = this.#at) {
    const { begin, end } = this.#view;
    const middle = around >= begin && around <= end ? around : (begin + end) / 2;
    const width = Math.min(this.#data.seconds, Math.max(LEAST, (end - begin) * factor));
    this.#look(middle - ((middle - begin) / (end - begin)) * width, width);
  }

  /** Brings a span into sight. */
  reveal(begin, end) {
    const width = this.#view.end - this.#view.begin;
    if (begin >= this.#view.begin && end <= this.#view.end) return;
    this.#look(begin - Math.max(0.5, (width - (end - begin)) / 4), Math.max(width, (end - begin) * 1.3));
  }

  #look(begin, width) {
    this.#view = { begin, end: begin + width };
    this.#clamp();
  }

  #clamp() {
    const width = Math.min(this.#view.end - this.#view.begin, this.#data.seconds);
    const begin = Math.max(0, Math.min(this.#view.begin, this.#data.seconds - width));
    this.#view = { begin, end: begin + width };
    this.#redraw();
  }

  #listen() {
    let held = null;
    this.#canvas.addEventListener('pointerdown', (event) => {
      held = { x: event.offsetX, view: this.#view };
      this.#moved = false;
      this.#canvas.setPointerCapture(event.pointerId);
    });
    this.#canvas.addEventListener('pointermove', (event) => {
      if (!held) return;
      const by = ((held.x - event.offsetX) / this.#room) * (held.view.end - held.view.begin);
      if (Math.abs(held.x - event.offsetX) > 4) this.#moved = true;
      if (this.#moved) this.#look(held.view.begin + by, held.view.end - held.view.begin);
    });
    this.#canvas.addEventListener('pointerup', (event) => {
      if (held && !this.#moved) this.#clicked(event);
      held = null;
    });
    this.#canvas.addEventListener('wheel', (event) => {
      const sideways = event.deltaX || (event.shiftKey && event.deltaY);
      if (event.ctrlKey || event.metaKey) this.zoom(Math.exp(event.deltaY / 200), this.#time(event.offsetX));
      else if (sideways) this.#look(this.#view.begin + (sideways / this.#room) * (this.#view.end - this.#view.begin), this.#view.end - this.#view.begin);
      else return;
      event.preventDefault();
    }, { passive: false });
  }

  #clicked(event) {
    const seconds = Math.max(0, Math.min(this.#data.seconds, this.#time(event.offsetX)));
    const turn = this.turnAt(seconds);
    this.dispatchEvent(new CustomEvent('seek', { detail: { seconds, turn: turn?.index ?? null } }));
  }

  /** The turn that a moment falls into, or the last one before it. */
  turnAt(seconds) {
    const begun = this.#data.turns.filter((turn) => Math.min(...this.span(turn)) <= seconds + 0.01);
    return begun.findLast((turn) => this.span(turn)[1] >= seconds) ?? begun.at(-1);
  }

  /** From the first to the last that was heard of a turn. */
  span(turn) {
    const spans = [turn.user, turn.model].filter(Boolean);
    return spans.length ? [Math.min(...spans.map(([begin]) => begin)), Math.max(...spans.map(([, end]) => end))] : [turn.at, turn.at];
  }

  get #room() { return this.#canvas.clientWidth - LEFT; }
  #time(x) { return this.#view.begin + ((x - LEFT) / this.#room) * (this.#view.end - this.#view.begin); }
  #x(seconds) { return LEFT + ((seconds - this.#view.begin) / (this.#view.end - this.#view.begin)) * this.#room; }

  #resize() {
    const scale = devicePixelRatio || 1;
    this.#canvas.width = Math.round(this.#canvas.clientWidth * scale);
    this.#canvas.height = Math.round(HEIGHT * scale);
    this.#pen.setTransform(scale, 0, 0, scale, 0, 0);
    this.#recolour();
  }

  #recolour() {
    const probe = document.createElement('span');
    this.#canvas.after(probe);
    for (const name of ['you', 'model', 'tool', 'bad', 'soft', 'line', 'ink', 'raised', 'card']) {
      probe.className = `colour-${name}`;
      this.#colours[name] = getComputedStyle(probe).color;
    }
    probe.remove();
    this.#redraw();
  }

  #redraw() {
    if (this.#drawn) return;
    this.#drawn = true;
    requestAnimationFrame(() => {
      this.#drawn = false;
      this.#draw();
    });
  }

  #draw() {
    const pen = this.#pen;
    pen.clearRect(0, 0, this.#canvas.clientWidth, HEIGHT);
    pen.font = '11px system-ui, sans-serif';
    pen.textBaseline = 'middle';
    this.#names();
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 0, this.#room, HEIGHT);
    pen.clip();
    this.#ruler();
    const seen = this.#data.turns.filter((turn) => {
      const [begin, end] = this.span(turn);
      return end >= this.#view.begin - 5 && begin <= this.#view.end + 5;
    });
    for (const turn of seen) this.#shade(turn);
    for (const side of ['user', 'model']) this.#wave(side);
    for (const part of this.#data.silenced) this.#silence(part);
    for (const turn of seen) this.#turn(turn);
    this.#data.findings.forEach((finding, index, all) => this.#finding(finding, all[index + 1]));
    this.#cursor();
    pen.restore();
  }

  #fill(colour, alpha, x, y, wide, tall, round = 0) {
    const pen = this.#pen;
    pen.globalAlpha = alpha;
    pen.fillStyle = this.#colours[colour];
    pen.beginPath();
    pen.roundRect(x, y, Math.max(1, wide), tall, round);
    pen.fill();
    pen.globalAlpha = 1;
  }

  #names() {
    const pen = this.#pen;
    pen.textAlign = 'left';
    for (const [lane, words] of Object.entries(NAMES)) {
      pen.fillStyle = this.#colours[{ you: 'you', model: 'model' }[lane] ?? 'soft'];
      pen.fillText(words, 14, tops[lane] + LANES[lane] / 2);
    }
  }

  #ruler() {
    const pen = this.#pen;
    const width = this.#view.end - this.#view.begin;
    const step = STEPS.find((one) => (one / width) * this.#room > 64) ?? 86400;
    pen.textAlign = 'left';
    for (let at = Math.floor(this.#view.begin / step) * step; at <= this.#view.end; at += step) {
      const x = Math.round(this.#x(at)) + 0.5;
      this.#fill('line', 0.8, x, 0, 1, HEIGHT);
      pen.fillStyle = this.#colours.soft;
      const shown = step < 1 ? clock(at) : clock(at).slice(0, -2);
      pen.fillText(shown, x + 5, LANES.ruler / 2);
    }
  }

  #shade(turn) {
    if (turn.index === this.#chosen) {
      const [begin, end] = this.span(turn);
      this.#fill('ink', 0.05, this.#x(begin), LANES.ruler, this.#x(end) - this.#x(begin), HEIGHT - LANES.ruler, 4);
    }
    for (const [side, lane] of [['user', 'you'], ['model', 'model']]) {
      if (!turn[side]) continue;
      const [begin, end] = turn[side].map((at) => this.#x(at));
      this.#fill(lane, this.#peaks ? 0.1 : 0.42, begin, tops[lane] + (this.#peaks ? 2 : 16), end - begin, LANES[lane] - (this.#peaks ? 4 : 32), 5);
    }
    if (turn.barged !== null) {
      const end = Math.max(turn.barged + 0.15, turn.model?.[1] ?? turn.barged);
      this.#fill('bad', 0.16, this.#x(turn.barged), tops.you, this.#x(end) - this.#x(turn.barged), tops.tools - tops.you, 2);
      this.#fill('bad', 0.9, this.#x(turn.barged), tops.you, 1.5, tops.tools - tops.you);
    }
  }

  #wave(side) {
    const found = this.#peaks?.[side];
    if (!found?.max?.length) return;
    const lane = side === 'user' ? 'you' : 'model';
    const [middle, half] = [tops[lane] + LANES[lane] / 2, LANES[lane] / 2 - 4];
    const pen = this.#pen;
    pen.fillStyle = this.#colours[lane];
    pen.beginPath();
    const bucket = this.#peaks.bucket_seconds;
    for (let x = LEFT; x < LEFT + this.#room; x += 1) {
      const from = Math.max(0, Math.floor(this.#time(x) / bucket));
      const to = Math.min(found.max.length, Math.max(from + 1, Math.floor(this.#time(x + 1) / bucket)));
      let [low, high] = [0, 0];
      for (let at = from; at < to; at += 1) {
        low = Math.min(low, found.min[at]);
        high = Math.max(high, found.max[at]);
      }
      if (to <= from || (low > -2 && high < 2)) continue;
      const [up, down] = [Math.max(1, (high / 128) ** 0.7 * half), Math.max(1, (-low / 128) ** 0.7 * half)];
      pen.rect(x, middle - up, 1, up + down);
    }
    pen.fill();
  }

  /** Sound that is not kept because of its words: hatched, with the policies where there is room. Without turns it is the whole side. */
  #silence({ turn, side, policies }) {
    const found = this.#data.turns.find((one) => one.index === turn);
    const span = found ? found[side] ?? [found.at, found.at] : this.#data.turns.length ? null : [0, this.#data.seconds];
    if (!span || span[1] < this.#view.begin || span[0] > this.#view.end) return;
    const [pen, lane] = [this.#pen, side === 'user' ? 'you' : 'model'];
    const [begin, end] = span.map((at) => this.#x(at));
    const [top, bottom] = [tops[lane] + 6, tops[lane] + LANES[lane] - 6];
    pen.save();
    pen.beginPath();
    pen.rect(begin, top, Math.max(3, end - begin), bottom - top);
    pen.clip();
    this.#fill('card', 0.75, begin, top, end - begin, bottom - top);
    pen.strokeStyle = this.#colours.bad;
    pen.globalAlpha = 0.55;
    pen.beginPath();
    for (let x = Math.max(begin, LEFT) - HATCH * 8; x < Math.min(end, LEFT + this.#room); x += HATCH) {
      pen.moveTo(x, bottom);
      pen.lineTo(x + bottom - top, top);
    }
    pen.stroke();
    pen.restore();
    const words = policies.length ? `not kept: ${policies.join(', ')}` : 'not kept';
    if (end - begin < pen.measureText(words).width + 14) return;
    const [wide, middle] = [pen.measureText(words).width + 8, (top + bottom) / 2];
    const from = Math.max(begin, LEFT) + 6;
    this.#fill('card', 0.92, from - 4, middle - 9, wide, 18, 4);
    pen.fillStyle = this.#colours.bad;
    pen.textAlign = 'left';
    pen.fillText(words, from, middle);
  }

  #turn(turn) {
    const pen = this.#pen;
    if (turn.waited) this.#wait(turn);
    for (const tool of turn.tools) {
      const [begin, end] = [this.#x(tool.begin), this.#x(tool.end ?? tool.begin)];
      this.#fill('tool', 0.85, begin, tops.tools + 5, Math.max(4, end - begin), LANES.tools - 10, 3);
      pen.fillStyle = this.#colours.tool;
      pen.textAlign = 'left';
      if (this.#room / (this.#view.end - this.#view.begin) > 12) pen.fillText(tool.name.slice(0, 24), Math.max(begin + 4, end) + 5, tops.tools + LANES.tools / 2);
    }
  }

  /** From the end of speech to the first sound: a bridge between the lanes, with its milliseconds where they have room. */
  #wait(turn) {
    const pen = this.#pen;
    const [begin, end] = turn.waited.map((at) => this.#x(at));
    const seconds = turn.waited_ms / 1000;
    const colour = seconds > SLOW ? 'bad' : 'soft';
    const y = tops.wait + LANES.wait / 2;
    this.#fill(colour, 0.9, begin, y - 0.5, end - begin, 1.5);
    this.#fill(colour, 0.9, begin, y - 4, 1.5, 8);
    this.#fill(colour, 0.9, end - 1, y - 4, 1.5, 8);
    if (this.#room / (this.#view.end - this.#view.begin) < 14 && seconds <= SLOW) return;
    pen.fillStyle = this.#colours[colour];
    pen.textAlign = 'left';
    pen.fillText(`${Math.round(turn.waited_ms)} ms`, end + 5, y);
  }

  /** A mark, with its name where it ends before the next one begins. */
  #finding(finding, next) {
    const x = this.#x(finding.at);
    const y = tops.found + LANES.found / 2;
    const pen = this.#pen;
    pen.fillStyle = this.#colours[['high', 'critical'].includes(finding.severity) ? 'bad' : 'tool'];
    pen.beginPath();
    pen.moveTo(x, y - 6);
    pen.lineTo(x + 6, y);
    pen.lineTo(x, y + 6);
    pen.lineTo(x - 6, y);
    pen.fill();
    pen.textAlign = 'left';
    const name = (finding.policy ?? finding.kind).slice(0, 24);
    const room = next ? this.#x(next.at) - x : Infinity;
    if (room > 20 && pen.measureText(name).width + 17 < room) pen.fillText(name, x + 9, y);
  }

  #cursor() {
    const x = this.#x(this.#at);
    this.#fill('ink', 0.9, x - 0.75, 0, 1.5, HEIGHT);
    this.#fill('ink', 0.9, x - 4, 0, 8, 5, 2);
  }
}
