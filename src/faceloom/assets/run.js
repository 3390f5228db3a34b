"use strict";
const grids = [...document.querySelectorAll(".grid-at")];
const button = document.getElementById("play");
const seek = document.getElementById("seek");
const PAUSE_MS = 350;
let timer = 0;

function show(index) {
  grids.forEach((grid, at) => { grid.hidden = at !== index; });
  seek.value = String(index);
  seek.setAttribute("aria-valuetext", `step ${grids[index].dataset.step}`);
}

function stop() {
  clearInterval(timer);
  timer = 0;
  button.textContent = "Play";
}

function play() {
  if (Number(seek.value) === grids.length - 1) show(0);
  button.textContent = "Pause";
  timer = setInterval(() => {
    const next = Number(seek.value) + 1;
    if (next < grids.length) show(next);
    if (next >= grids.length - 1) stop();
  }, PAUSE_MS);
}

if (grids.length > 1) {
  document.documentElement.classList.add("live");
  button.addEventListener("click", () => (timer ? stop() : play()));
  seek.addEventListener("input", () => { stop(); show(Number(seek.value)); });
  show(grids.length - 1);
}
