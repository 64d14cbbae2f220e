"use strict";
// What all exhibits need: pictures and plots on a canvas, dragging, and drawing once per frame.

const byId = (id) => document.getElementById(id);

// The colours of style.css, each "#rrggbb": of the data, of a generator, of a discriminator, ...
const rootStyle = getComputedStyle(document.documentElement);
const COLOURS = Object.fromEntries(
  ["real", "generated", "discriminator", "ink", "faint", "grid", "accent"].map((name) => [
    name,
    rootStyle.getPropertyValue(`--${name}`).trim(),
  ]),
);

// Return a function that calls f in the next frame: once, however often it is called before.
function oncePerFrame(f) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      f();
    });
  };
}

// Return a function that does a list of things, one in each frame, so that the page stays
// responsive. A later call stops an earlier one.
function onePerFrame() {
  let present = 0; // number of calls
  return (things) => {
    const call = ++present;
    let k = 0;
    function next() {
      if (call !== present) return;
      things[k++]();
      if (k < things.length) requestAnimationFrame(next);
    }
    next();
  };
}

// A sum as a text: formatSum([0.5, -0.2], ["a", "b"]) is "0.50 a − 0.20 b".
function formatSum(weights, terms) {
  const products = weights.map((w, k) => `${w.toFixed(2)} ${terms[k]}`);
  return products.join(" + ").replaceAll("+ -", "− ").replaceAll("-", "−");
}

// Whether the reader asked the system for less motion.
const wantsLessMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// ---- pictures

// The bytes of a picture (1 or 3, H, W) with numbers from `low` to `high`, for a canvas.
function toImageData(picture, low, high) {
  const [channels, height, width] = picture.shape;
  const image = new ImageData(width, height);
  const pixels = height * width;
  for (let p = 0; p < pixels; p++) {
    for (let c = 0; c < 3; c++) {
      const a = picture.data[(channels === 3 ? c : 0) * pixels + p];
      image.data[4 * p + c] = (255 * (a - low)) / (high - low); // ImageData clips and rounds
    }
    image.data[4 * p + 3] = 255;
  }
  return image;
}

// Draw a picture so that it fills the canvas, whatever the size of either.
function drawPicture(canvas, picture, low, high) {
  const small = document.createElement("canvas");
  [, small.height, small.width] = picture.shape;
  small.getContext("2d").putImageData(toImageData(picture, low, high), 0, 0);
  const context = canvas.getContext("2d");
  // The smoothed border is mixed with what was there before.
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
}

// ---- plots

// Give a canvas as many pixels as the screen shows of it. Return its context, in which one unit is
// one pixel of the page, with its width and height.
function preparePlot(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  context.font = `${0.875 * rem}px system-ui, sans-serif`;
  context.lineJoin = "round";
  return { context, width, height };
}

// Draw a line through the points (x[i], y[i]), given in pixels.
function drawLine(context, x, y, colour, { width = 2, dash = [], fill = null, base = 0 } = {}) {
  context.beginPath();
  for (let i = 0; i < x.length; i++) context.lineTo(x[i], y[i]);
  context.setLineDash(dash);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke();
  context.setLineDash([]);
  if (fill === null) return;
  context.lineTo(x[x.length - 1], base);
  context.lineTo(x[0], base);
  context.fillStyle = fill;
  context.fill();
}

// Write a text. y is its base line, and x its left end, its middle or its right end.
function drawText(context, text, x, y, { colour = COLOURS.ink, align = "left" } = {}) {
  context.textAlign = align;
  context.fillStyle = colour;
  context.fillText(text, x, y);
}

// Draw the numbers of a vector as bars, up from the middle if positive and down if negative.
function drawBars(canvas, numbers, limit) {
  const { context, width, height } = preparePlot(canvas);
  const step = width / numbers.length;
  numbers.forEach((a, i) => {
    const length = (Math.min(1, Math.abs(a) / limit) * height) / 2;
    context.fillStyle = a > 0 ? COLOURS.real : COLOURS.generated;
    context.fillRect(i * step + 1, height / 2 - (a > 0 ? length : 0), step - 2, length);
  });
  context.fillStyle = COLOURS.faint;
  context.fillRect(0, height / 2 - 0.5, width, 1);
}

// ---- dragging

// Let a place on a canvas be moved by mouse, finger or pen, and by the arrow keys.
//
// `move(x, y)` gets fractions of the width and the height; `place()` returns the present ones.
function makeDraggable(canvas, place, move) {
  const clip = (a) => Math.min(1, Math.max(0, a));
  const follow = (event) => {
    const box = canvas.getBoundingClientRect();
    move(
      clip((event.clientX - box.left) / box.width),
      clip((event.clientY - box.top) / box.height),
    );
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    canvas.focus({ preventScroll: true });
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) follow(event);
  });
  canvas.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 0.1 : 0.02;
    const directions = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    if (!(event.key in directions)) return;
    event.preventDefault(); // the page does not scroll
    const [dx, dy] = directions[event.key];
    const [x, y] = place();
    move(clip(x + dx), clip(y + dy));
  });
}
