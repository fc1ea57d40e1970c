// What every page can do: keys, the theme, the list of keys.

const THEMES = ['', 'dark', 'light'];
const TYPING = ['INPUT', 'TEXTAREA', 'SELECT'];
const PLACES = { s: '/', f: '/findings', u: '/usage', r: '/rules', b: '/breakpoints', h: '/health', c: '/call' };

const at = (id) => document.getElementById(id);
const shortcuts = new Map();
let leader = false;

/** Lets a key do something on this page, unless somebody types or holds another key down. */
export function onKey(key, act) {
  shortcuts.set(key, act);
}

function theme() {
  const root = document.documentElement;
  const next = THEMES[(THEMES.indexOf(root.dataset.theme ?? '') + 1) % THEMES.length];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  localStorage.setItem('theme', next);
}

function back() {
  if (document.activeElement && document.activeElement !== document.body) document.activeElement.blur();
}

function filter() {
  at('filter')?.focus();
  at('filter')?.select();
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || at('help').open) return;
  if (event.key === 'Escape') return (shortcuts.get('Escape') ?? back)(event);
  if (TYPING.includes(event.target.tagName)) return;
  if (leader) {
    leader = false;
    if (PLACES[event.key]) location.href = PLACES[event.key];
    return;
  }
  const act = shortcuts.get(event.key);
  if (act && act(event) !== false) event.preventDefault();
}

onKey('?', () => at('help').showModal());
onKey('/', filter);
onKey('t', theme);
onKey('g', () => { leader = true; });
at('keys').addEventListener('click', () => at('help').showModal());
at('theme').addEventListener('click', theme);
document.addEventListener('keydown', pressed);
