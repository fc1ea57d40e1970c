// JSON as text: indented to be read and written, each number and word kept as it is spelled; what cannot be seen is written by its number.

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/gs;
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const LONG = 2000;
const CODED = /^"[\w+/=-]*"$/;

const numbered = (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** Why a text is not the JSON object that a message has to be; '' where it is one. */
export function wrongWith(text) {
  try {
    const value = JSON.parse(text);
    return value && typeof value === 'object' && !Array.isArray(value) ? '' : 'a message is a JSON object: { … }';
  } catch (error) {
    return error.message;
  }
}

/** A text of JSON over several lines; `kept` takes what is left out of it, sound mostly, under the words that stand for it. */
export function indented(text, kept = new Map()) {
  const tokens = text.match(TOKEN) ?? [];
  const out = [];
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  for (const [index, token] of tokens.entries()) {
    const empty = '{['.includes(tokens[index - 1]) && '}]'.includes(token);
    if ('}]'.includes(token)) {
      depth -= 1;
      out.push(empty ? token : line() + token);
    } else if ('{['.includes(token)) {
      depth += 1;
      out.push('}]'.includes(tokens[index + 1]) ? token : token + line());
    } else if (token === ',') out.push(token + line());
    else out.push(token === ':' ? ': ' : shortened(token, text, kept));
  }
  return out.join('');
}

function shortened(token, text, kept) {
  if (token.length < LONG || !CODED.test(token)) return token.replace(UNSEEN, numbered);
  let words = '';
  for (let number = kept.size + 1; !words || text.includes(words); number += 1) words = `"‹${number}: ${token.length - 2} characters, sent as they are›"`;
  kept.set(words, token);
  return words;
}

/** The text that is sent: in one line, with what was left out. */
export function compact(text, kept = new Map()) {
  return (text.match(TOKEN) ?? []).map((token) => kept.get(token) ?? token).join('');
}
