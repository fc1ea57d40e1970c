// Which messages are paused now, as the server tells it; how many there are stands on every page.

const badge = document.getElementById('paused');

/** Paused messages by id, the oldest first. */
export const paused = new Map();

/** `paused` with a message, `resumed` with what became of one, `standing` when all are told anew. */
export const changes = new EventTarget();

let ahead = 0;

/** Milliseconds until a message goes on by itself. */
export const left = ({ until }) => Math.max(0, Date.parse(until) - Date.now() - ahead);

function tell(name, detail) {
  badge.hidden = paused.size === 0;
  badge.textContent = paused.size;
  badge.title = `${paused.size} paused`;
  changes.dispatchEvent(new CustomEvent(name, { detail }));
}

/** What every stream of a page says besides its own. */
export const heard = {
  standing({ now, paused: all }) {
    ahead = Date.parse(now) - Date.now();
    paused.clear();
    for (const one of all) paused.set(one.id, one);
    tell('standing', all);
  },
  paused(one) {
    ahead = Date.parse(one.at) - Date.now();
    paused.set(one.id, one);
    tell('paused', one);
  },
  resumed(end) {
    paused.delete(end.id);
    tell('resumed', end);
  },
};
