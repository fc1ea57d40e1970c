"use strict";
// Only where sound is in the page: a turn is played from its number, a moment from the timeline.
const sound = document.getElementById("sound");
const play = (at) => {
  sound.currentTime = at;
  sound.play();
};
const begins = new Map();
for (const shape of document.querySelectorAll("[data-at][data-turn]")) {
  const at = Number(shape.dataset.at);
  if (shape.dataset.turn) begins.set(shape.dataset.turn, Math.min(at, begins.get(shape.dataset.turn) ?? at));
  shape.addEventListener("click", () => play(at));
}
for (const turn of document.querySelectorAll(".turn")) {
  const button = turn.querySelector(".play");
  if (!button || !begins.has(turn.dataset.index)) continue;
  button.hidden = false;
  button.addEventListener("click", () => play(begins.get(turn.dataset.index)));
}
