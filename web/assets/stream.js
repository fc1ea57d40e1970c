// What happens, as the server tells it; says on the page whether it does.

const sign = document.getElementById('stream');

/** Calls `handlers[kind]` with each change; `again` after each connection, since something may have happened before it. */
export function follow(url, handlers, again) {
  const source = new EventSource(url);
  show('connecting');
  source.addEventListener('open', () => {
    show('live');
    again();
  });
  source.addEventListener('error', () => show(source.readyState === EventSource.CLOSED ? 'off' : 'connecting'));
  source.addEventListener('refused', () => {
    source.close();
    show('off');
  });
  for (const [kind, handle] of Object.entries(handlers)) source.addEventListener(kind, ({ data }) => handle(JSON.parse(data)));
  window.addEventListener('pagehide', () => source.close());
}

const WORDS = { live: 'live', connecting: 'connecting', off: 'not live: load the page again' };

function show(state) {
  sign.hidden = false;
  sign.value = WORDS[state];
  sign.dataset.state = state;
}
