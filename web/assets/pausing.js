// Breakpoints of all sessions or of one: set and removed, with the messages that wait, and messages that are made.

import { drafts } from './drafts.js';
import { compact, wrongWith } from './jsontext.js';
import { onKey } from './page.js';
import { calmly, fetched, renewed } from './parts.js';
import { changes, paused } from './paused.js';
import { Stops } from './stops.js';

const LOOK_MS = 2000;

async function asked(method, path, body) {
  const answer = await fetch(path, { method, body: body && JSON.stringify(body) });
  return { ok: answer.ok, ...(await answer.json()) };
}

/** Makes a section with the breakpoints of a page work. */
export function pausing(root) {
  const [session, set] = [root.dataset.session, root.querySelector('#set')];
  if (!set) return;
  const stops = new Stops(root.querySelector('#stops'), session);
  const query = session ? `?session=${encodeURIComponent(session)}` : '';
  const points = calmly(async () => {
    const page = await fetched(`/breakpoints${query}`);
    if (page) renewed(page, 'points');
  });
  points();

  set.addEventListener('submit', (event) => add(event, set, session, points));
  root.addEventListener('click', async ({ target }) => {
    if (!target.dataset.remove) return;
    target.disabled = true;
    await asked('DELETE', `/api/breakpoints/${target.dataset.remove}`);
    points();
  });
  for (const kind of ['paused', 'resumed']) changes.addEventListener(kind, points);
  const busy = () => !session || paused.size > 0 || root.querySelector('#points tbody') !== null;
  setInterval(() => !document.hidden && busy() && look(query, stops, points), LOOK_MS);

  onKey('b', () => show(root.querySelector('#setting'), set.q));
  onKey('w', () => stops.first?.focus());
  onKey('r', () => stops.first?.resume());
  onKey('x', () => stops.first?.drop());
  if (session) compose(root, session);
}

function show(box, field) {
  if (box) box.open = true;
  field.focus();
}

async function add(event, form, session, points) {
  event.preventDefault();
  const q = [session && `session=${session}`, form.q.value.trim()].filter(Boolean).join(' ');
  const answer = await asked('POST', '/api/breakpoints', { q, timeout: form.timeout.valueAsNumber, once: form.once.checked });
  const wrong = document.getElementById('set-wrong');
  wrong.hidden = answer.ok;
  wrong.textContent = answer.error?.message ?? '';
  form.q.toggleAttribute('aria-invalid', !answer.ok);
  if (!answer.ok) return;
  form.q.value = '';
  form.q.blur();
  points();
}

/** What nobody tells of: breakpoints that others set, and how many messages wait behind those that are paused. */
async function look(query, stops, points) {
  const found = await fetch(`/breakpoints.json${query}`).then((answer) => answer.json()).catch(() => null);
  if (!found?.breakpoints) return;
  stops.renew(found.paused);
  const here = [...document.querySelectorAll('#points tbody tr')].map((row) => row.id).join();
  if (here !== found.breakpoints.map((point) => point.id).join()) points();
}

function compose(root, session) {
  const [box, form, says] = [root.querySelector('#composer'), root.querySelector('#make'), root.querySelector('#make-says')];
  const say = (words, wrong) => {
    says.textContent = words;
    says.classList.toggle('bad', Boolean(wrong));
  };
  const fill = () => { form.payload.value = form.template.value; };
  const offer = () => {
    form.template.replaceChildren(...drafts(root.dataset.dialect, form.from.value).map(([name, text]) => new Option(name, text)));
    fill();
  };
  form.from.addEventListener('change', offer);
  form.template.addEventListener('change', fill);
  form.payload.addEventListener('input', () => {
    const wrong = wrongWith(form.payload.value);
    say(wrong && `This is no message: ${wrong}`, wrong);
    form.payload.toggleAttribute('aria-invalid', Boolean(wrong));
  });
  form.payload.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const sent = form.payload.value;
    if (wrongWith(sent)) return;
    say('');
    const answer = await asked('POST', `/api/sessions/${encodeURIComponent(session)}/inject`, { from: form.from.value, payload: compact(sent) });
    if (!answer.ok) say(answer.error.message, true);
    else if (form.payload.value === sent) say(answer.waits ? 'It waits behind the message that is paused.' : `Made: ${answer.size} bytes. Policies and limits judge it as if that side had said it.`);
  });
  onKey('i', () => show(box, form.payload));
  offer();
}
