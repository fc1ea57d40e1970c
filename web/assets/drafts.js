// Messages to begin with, by dialect and side; what is in capitals is to be filled in.

const GREETING = 'Please answer in one short sentence.';
const item = { type: 'message', role: 'user', content: [{ type: 'input_text', text: GREETING }] };
const openai = {
  client: [
    { type: 'response.create' },
    { type: 'response.cancel' },
    { type: 'conversation.item.create', item },
    { type: 'session.update', session: { type: 'realtime', instructions: GREETING } },
    { type: 'input_audio_buffer.clear' },
  ],
  server: [
    { type: 'input_audio_buffer.speech_started', event_id: 'event_made', audio_start_ms: 0, item_id: 'item_made' },
    { type: 'error', event_id: 'event_made', error: { type: 'server_error', code: 'made', message: 'MESSAGE', param: null, event_id: null } },
  ],
};

const DRAFTS = {
  openai,
  'openai-live': {
    client: [{ type: 'session.update', session: { instructions: GREETING } }, { type: 'response.item.create', item }],
    server: openai.server.slice(1),
  },
  'openai-translation': {
    client: [{ type: 'session.update', session: { audio: { output: { language: 'es' } } } }],
    server: openai.server.slice(1),
  },
  vllm: {
    client: [{ type: 'session.update', model: 'MODEL' }, { type: 'input_audio_buffer.commit' }],
    server: [{ type: 'error', error: 'MESSAGE' }],
  },
  gemini: {
    client: [
      { clientContent: { turns: [{ role: 'user', parts: [{ text: GREETING }] }], turnComplete: true } },
      { realtimeInput: { text: GREETING } },
      { realtimeInput: { audioStreamEnd: true } },
    ],
    server: [{ serverContent: { interrupted: true } }, { goAway: { timeLeft: '10s' } }],
  },
  elevenlabs: {
    client: [{ type: 'user_message', text: GREETING }, { type: 'contextual_update', text: GREETING }, { type: 'user_activity' }],
    server: [{ type: 'interruption', interruption_event: { event_id: 1 } }],
  },
};

const nameOf = (message) => message.type ?? Object.keys(message)[0];

/** `[name, text]` of each, for a side of a dialect. */
export const drafts = (dialect, side) => (DRAFTS[dialect] ?? openai)[side].map((message) => [nameOf(message), JSON.stringify(message, null, 2)]);
