// One text turn on any client that can send an event, and what came of it as one line of JSON on standard output.

const question = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Good morning' }] };

export const opening = [
  { type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } },
  { type: 'conversation.item.create', item: question },
  { type: 'response.create' },
];

export function report(seen) {
  process.stdout.write(`${JSON.stringify(seen)}\n`);
}

export function fail(error) {
  process.stderr.write(`${error.stack ?? error.message ?? error}\n`);
  process.exit(1);
}
