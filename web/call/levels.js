// How loud a stream is, and a lane that draws the last seconds of it.

const QUIET = -60;
const BAR = 3;
const GAP = 2;

/** Reads the level of a MediaStream in dBFS; what is below -60 reads as -60. */
export class Ear {
  #analyser;
  #samples;
  #source;

  constructor(context, stream) {
    this.#analyser = new AnalyserNode(context, { fftSize: 1024 });
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source = context.createMediaStreamSource(stream);
    this.#source.connect(this.#analyser);
  }

  level() {
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / this.#samples.length;
    return Math.max(QUIET, 10 * Math.log10(power + 1e-12));
  }

  close() {
    this.#source.disconnect();
  }
}

/** A canvas with one bar per reading, newest on the right; also tells its level to those who do not see it. */
export class Lane {
  #canvas;
  #text;
  #bars;

  constructor(canvas, text) {
    this.#canvas = canvas;
    this.#text = text;
    this.#bars = new Array(Math.floor(canvas.width / (BAR + GAP))).fill(0);
    this.show(QUIET);
  }

  show(level, quiet = 'silent') {
    this.#bars.shift();
    this.#bars.push((level - QUIET) / -QUIET);
    this.#draw();
    this.#canvas.setAttribute('aria-valuenow', level.toFixed(0));
    this.#text.value = level > QUIET + 1 ? `${level.toFixed(0)} dB` : quiet;
  }

  #draw() {
    const { width, height } = this.#canvas;
    const pen = this.#canvas.getContext('2d');
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = getComputedStyle(this.#canvas).color;
    this.#bars.forEach((share, index) => {
      const x = width - (this.#bars.length - index) * (BAR + GAP);
      const tall = Math.max(2, share ** 1.6 * height);
      pen.globalAlpha = share > 0.05 ? 1 : 0.35;
      pen.fillRect(x, (height - tall) / 2, BAR, tall);
    });
  }
}
