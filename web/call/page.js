// The page: its key from the fragment, its buttons and shortcuts, and the figures of the call.

import { Call } from './call.js';
import { EventLog } from './events.js';
import { Ear, Lane } from './levels.js';
import { Transcript } from './transcript.js';

const at = (id) => document.getElementById(id);
const HEARD = -45;
const STATES = { idle: 'not connected', connecting: 'connecting', connected: 'connected', ended: 'ended' };
const TYPING = ['INPUT', 'TEXTAREA'];

const transcript = new Transcript(at('transcript'));
const events = new EventLog(at('events'), at('count'));
const lanes = { you: new Lane(at('you'), at('you-level')), them: new Lane(at('them'), at('them-level')) };

let call = null;
let sound = null;
let ears = {};
let clock = { began: 0, connected: 0, asked: 0 };
let speaking = { answer: false, sound: false };

function takeFragment() {
  const given = new URLSearchParams(location.hash.slice(1));
  for (const name of ['key', 'model']) if (given.get(name)) at(name).value = given.get(name);
  if (location.hash) history.replaceState(null, '', location.pathname);
}

async function findGateway() {
  at('gateway').value = (await (await fetch('call/gateway.json')).json()).url;
  at('call').disabled = false;
  at(at('key').value ? 'call' : 'key').focus();
}

function show(state) {
  const [live, connected] = [state === 'connecting' || state === 'connected', state === 'connected'];
  at('state').dataset.state = state;
  at('state').value = STATES[state];
  at('setup').hidden = live;
  at('actions').hidden = !live;
  at('words').disabled = at('send').disabled = !connected;
  at('call').textContent = state === 'ended' ? 'Call again' : 'Call';
}

function warn(message) {
  at('alert').textContent = message ?? '';
  at('alert').hidden = !message;
}

async function start(event) {
  event.preventDefault();
  if (call) return;
  transcript.clear();
  events.clear();
  warn();
  for (const id of ['first-audio', 'setup-time', 'round-trip', 'lost', 'duration']) at(id).textContent = '–';
  clock = { began: performance.now(), connected: 0, asked: 0 };
  follow({ type: 'response.done' });
  follow({ type: 'output_audio_buffer.stopped' });
  sound = new AudioContext();
  call = new Call({ gateway: at('gateway').value, key: at('key').value.trim(), model: at('model').value.trim() });
  listen(call);
  await call.start().then(connected, (error) => warn(error.message));
}

function listen(made) {
  made.addEventListener('state', ({ detail }) => show(detail));
  made.addEventListener('event', ({ detail }) => note(detail));
  made.addEventListener('sound', ({ detail }) => hear(detail));
  made.addEventListener('ended', ({ detail }) => ended(detail));
}

function connected() {
  clock.connected = performance.now();
  at('setup-time').textContent = `${Math.round(clock.connected - clock.began)} ms`;
  ears.you = new Ear(sound, call.microphone);
  at('words').focus();
}

function hear(stream) {
  at('sound').srcObject = stream;
  ears.them = new Ear(sound, stream);
}

function ended(reason) {
  for (const ear of Object.values(ears)) ear.close();
  ears = {};
  sound.close();
  at('sound').srcObject = null;
  at('state').value = `ended: ${reason}`;
  at('mute').setAttribute('aria-pressed', 'false');
  call = null;
  at('call').focus();
}

function note({ from, event }) {
  events.note(from, event);
  transcript.note(event);
  follow(event);
  for (const id of ['empty', 'no-events']) at(id).hidden = true;
  if (event.type === 'error') warn(event.error?.message);
  if (event.type === 'input_audio_buffer.speech_stopped' || (from === 'client' && event.type === 'response.create')) clock.asked = performance.now();
}

const SPEAKING = {
  'response.created': { answer: true },
  'response.done': { answer: false },
  'output_audio_buffer.started': { sound: true },
  'output_audio_buffer.stopped': { sound: false },
  'output_audio_buffer.cleared': { sound: false },
};

/** Sound is still on its way when an answer is complete; either can be interrupted. */
function follow({ type }) {
  speaking = { ...speaking, ...SPEAKING[type] };
  at('interrupt').disabled = !speaking.answer && !speaking.sound;
}

function levels() {
  for (const side of ['you', 'them']) {
    const level = ears[side]?.level();
    if (level === undefined) continue;
    lanes[side].show(level, side === 'you' && muted() ? 'muted' : 'silent');
    if (side === 'them' && level > HEARD && clock.asked) firstAudio();
  }
}

function firstAudio() {
  at('first-audio').textContent = `${Math.round(performance.now() - clock.asked)} ms`;
  clock.asked = 0;
}

async function figures() {
  if (!clock.connected || !call) return;
  at('duration').textContent = `${Math.round((performance.now() - clock.connected) / 1000)} s`;
  const { roundTrip, lost, received } = await call.figures();
  if (roundTrip !== undefined) at('round-trip').textContent = `${(roundTrip * 1000).toFixed(1)} ms`;
  if (received) at('lost').textContent = `${lost} of ${lost + received}`;
}

const muted = () => at('mute').getAttribute('aria-pressed') === 'true';

function mute() {
  at('mute').setAttribute('aria-pressed', String(!muted()));
  call?.mute(muted());
}

function say(event) {
  event.preventDefault();
  const text = at('words').value.trim();
  if (text) call?.say(text);
  at('words').value = '';
}

const ACTIONS = { mute, interrupt: () => call?.interrupt(speaking), hangup: () => call?.end() };
const SHORTCUTS = { m: 'mute', i: 'interrupt', h: 'hangup' };

function shortcut(event) {
  const name = SHORTCUTS[event.key.toLowerCase()];
  if (!name || !call || event.ctrlKey || event.metaKey || event.altKey || TYPING.includes(event.target.tagName)) return;
  event.preventDefault();
  at(name).click();
}

at('setup').addEventListener('submit', start);
at('say').addEventListener('submit', say);
for (const [id, act] of Object.entries(ACTIONS)) at(id).addEventListener('click', act);
document.addEventListener('keydown', shortcut);
window.addEventListener('hashchange', takeFragment);
window.addEventListener('pagehide', () => call?.end());
setInterval(levels, 40);
setInterval(figures, 1000);
takeFragment();
await findGateway();
