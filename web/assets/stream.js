// What happens, as the server tells it; says on the page whether it does. While nobody looks there is no connection: a browser has but six.

import { heard } from './paused.js';

const sign = document.getElementById('stream');

/** Calls `handlers[kind]` with each change; `again` after each connection, since something may have happened before it.
 *  Every stream tells of paused messages too; a `quiet` one is not shown. */
export function follow(url, handlers, again, { quiet = false } = {}) {
  let source = null;
  let refused = false;
  const show = quiet ? () => {} : shown;

  function open() {
    if (source || refused || document.hidden) return;
    source = new EventSource(url);
    show('connecting');
    source.addEventListener('open', () => {
      show('live');
      again();
    });
    source.addEventListener('error', ({ target }) => target === source && show(source.readyState === EventSource.CLOSED ? 'off' : 'connecting'));
    source.addEventListener('refused', () => {
      refused = true;
      close();
      show('off');
    });
    for (const [kind, handle] of Object.entries({ ...heard, ...handlers })) source.addEventListener(kind, ({ data }) => handle(JSON.parse(data)));
  }

  function close() {
    source?.close();
    source = null;
  }

  document.addEventListener('visibilitychange', () => (document.hidden ? close() : open()));
  window.addEventListener('pagehide', close);
  window.addEventListener('pageshow', open);
  open();
}

const WORDS = { live: 'live', connecting: 'connecting', off: 'not live: load the page again' };

function shown(state) {
  sign.hidden = false;
  sign.value = WORDS[state];
  sign.dataset.state = state;
}
