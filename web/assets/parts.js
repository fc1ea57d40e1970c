// Parts of a page in the place of older ones; the page is asked for again no more often than it can be made cheaply.

const LEAST_MS = 1000;
const SHARE = 4;

/** The elements of a piece of HTML. */
export function parsed(html) {
  const holder = document.createElement('template');
  holder.innerHTML = html.trim();
  return [...holder.content.children];
}

/** This page as the server makes it now; null where it does not. */
export async function fetched(address = location.href) {
  const answer = await fetch(address, { headers: { accept: 'text/html' } }).catch(() => null);
  return answer?.ok ? new DOMParser().parseFromString(await answer.text(), 'text/html') : null;
}

/** Puts what a page has under these ids in the place of what is here, where it differs. */
export function renewed(page, ...ids) {
  for (const id of ids) {
    const [old, fresh] = [document.getElementById(id), page.getElementById(id)];
    if (old.outerHTML === fresh.outerHTML) continue;
    const link = old.contains(document.activeElement) && document.activeElement.getAttribute('href');
    old.replaceWith(fresh);
    if (link) [...fresh.querySelectorAll('a')].find((one) => one.getAttribute('href') === link)?.focus({ preventScroll: true });
  }
}

/** Calls `act` when it is asked to: once a second at most, less often where it takes long, and only while somebody looks. */
export function calmly(act) {
  let [wanted, busy, free, timer] = [false, false, 0, 0];
  async function run() {
    timer = 0;
    if (document.hidden) return;
    [wanted, busy] = [false, true];
    const begun = performance.now();
    await act();
    const now = performance.now();
    [busy, free] = [false, now + Math.max(LEAST_MS, SHARE * (now - begun))];
    next();
  }
  function next() {
    if (wanted && !busy && !timer && !document.hidden) timer = setTimeout(run, Math.max(0, free - performance.now()));
  }
  document.addEventListener('visibilitychange', next);
  return () => {
    wanted = true;
    next();
  };
}
