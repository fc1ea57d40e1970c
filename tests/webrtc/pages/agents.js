// A call as the Agents SDK for browsers makes it; a test drives it through `call`.

const { OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession, tool } = window.OpenAIAgentsRealtime;

const weather = tool({
  name: 'get_weather',
  description: 'The weather of a city, now.',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false },
  strict: true,
  execute: async ({ city }) => `sunny and 21 degrees in ${city}`,
});

window.call = {
  events: [],
  errors: [],
  closed: false,

  async start(baseUrl, secret) {
    const transport = new OpenAIRealtimeWebRTC({
      baseUrl: `${baseUrl}/realtime/calls`,
      changePeerConnection: (peer) => (this.peer = peer),
    });
    const agent = new RealtimeAgent({ name: 'assistant', instructions: 'Answer in one sentence.', tools: [weather] });
    const audio = { input: { transcription: { model: 'whisper-1' }, turnDetection: { type: 'server_vad', silenceDurationMs: 1000 } } };
    this.session = new RealtimeSession(agent, { transport, model: 'gpt-realtime', config: { audio } });
    this.session.on('error', (error) => this.errors.push(error));
    transport.on('*', (event) => this.events.push(event));
    transport.on('connection_change', (status) => (this.closed = status === 'disconnected'));
    await this.session.connect({ apiKey: secret });
    return transport.callId;
  },

  ask(text) {
    this.session.sendMessage(text);
  },

  mute(muted) {
    this.session.mute(muted);
  },

  figures() {
    return window.figures(this.peer);
  },

  history() {
    return this.session.history;
  },

  hangUp() {
    this.session.close();
  },
};
