// A table whose rows come and change while they are looked at, the newest first; the keyboard stays where it is.

import { parsed } from './parts.js';

export class Rows {
  #table;
  #body;
  #nothing;
  #settled;

  /** `settled` is called whenever rows have changed. */
  constructor(table, nothing, settled = () => {}) {
    this.#table = table;
    this.#body = table.tBodies[0];
    this.#nothing = nothing;
    this.#settled = settled;
  }

  /** `place` says whether it belongs into this list: `new`, `known` where it does when it is there already, `gone`. */
  change({ id, html, place }) {
    const old = document.getElementById(id);
    if (place === 'gone') old?.remove();
    else if (old) replace(old, parsed(html)[0]);
    else if (place === 'new' && this.#table.dataset.top) this.#insert(parsed(html)[0]);
    this.#settle();
  }

  /** As a page that was made just now has them. */
  renew(page) {
    const fresh = [...page.getElementById(this.#table.id).tBodies[0].rows];
    const sequence = (list) => [...list].map((row) => row.id).join();
    if (sequence(fresh) === sequence(this.#body.rows)) {
      for (const row of fresh) if (document.getElementById(row.id).outerHTML !== row.outerHTML) replace(document.getElementById(row.id), row);
    } else {
      const focused = document.activeElement.closest?.('tr')?.id;
      this.#body.replaceChildren(...fresh);
      if (focused) document.getElementById(focused)?.querySelector('a')?.focus({ preventScroll: true });
    }
    this.#settle();
  }

  #insert(row) {
    const before = [...this.#body.rows].find((other) => other.dataset.at <= row.dataset.at);
    this.#body.insertBefore(row, before ?? null);
    row.classList.add('new');
    while (this.#body.rows.length > Number(this.#table.dataset.limit)) this.#body.lastElementChild.remove();
  }

  #settle() {
    this.#table.hidden = this.#body.rows.length === 0;
    this.#nothing.hidden = !this.#table.hidden;
    this.#settled();
  }
}

function replace(old, row) {
  const focused = old.contains(document.activeElement);
  old.replaceWith(row);
  if (focused) row.querySelector('a')?.focus({ preventScroll: true });
}
