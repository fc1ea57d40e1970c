// The events of both sides as they cross, newest last; repeated deltas are counted in one row. Bounded.

const MOST = 400;

export class EventLog {
  #list;
  #count;
  #total = 0;
  #last = { type: '', times: 0 };
  #began = 0;

  constructor(list, count) {
    this.#list = list;
    this.#count = count;
  }

  clear() {
    this.#list.replaceChildren();
    this.#began = performance.now();
    this.#total = 0;
    this.#last = { type: '', times: 0 };
  }

  note(from, event) {
    this.#count.value = String(++this.#total);
    const bottom = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 24;
    if (event.type === this.#last.type && event.type.endsWith('.delta')) this.#repeat(event);
    else this.#add(from, event);
    if (this.#list.childElementCount > MOST) this.#list.firstElementChild.remove();
    if (bottom) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #add(from, event) {
    const seconds = ((performance.now() - this.#began) / 1000).toFixed(2);
    const details = document.createElement('details');
    const title = document.createElement('summary');
    const body = document.createElement('pre');
    title.append(part('time', seconds), part('side', from === 'client' ? '→' : '←', from), part('type', event.type), part('times', ''));
    details.append(title, body);
    const row = document.createElement('li');
    row.className = event.type === 'error' ? 'error' : from;
    row.append(details);
    this.#list.append(row);
    this.#last = { type: event.type, times: 1, title, event };
    const shown = this.#last;
    details.addEventListener('toggle', () => (body.textContent = JSON.stringify(shown.event, null, 2)));
  }

  #repeat(event) {
    this.#last.event = event;
    this.#last.times += 1;
    this.#last.title.querySelector('.times').textContent = `×${this.#last.times}`;
  }
}

function part(className, text, label) {
  const made = Object.assign(document.createElement('span'), { className, textContent: text });
  if (label) made.title = label;
  return made;
}
