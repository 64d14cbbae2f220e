"use strict";
// Exhibit 5: diffusion on a line. The time can be dragged; exact densities stand next to it.

function startDiffusion() {
  const END = Math.PI / 2; // the time of pure noise
  const POINTS = 4000;
  const PATHS = 14; // of the points, drawn as lines
  const RANGE = 3; // x from -3 to 3
  const BINS = 60;
  const [plot, side] = [byId("diffusion-plot"), byId("diffusion-density")];
  const slider = byId("diffusion-time");
  let positions = []; // positions[k][i]: point i at the k-th time, from data to noise
  let times = [];
  let background = null;

  // The paths of all points, with the chosen way and number of steps.
  function simulate() {
    const steps = Number(byId("diffusion-steps").value);
    const way = byId("diffusion-way").value;
    const rng = new RNG(1);
    times = Array.from({ length: steps + 1 }, (_, k) => (k / steps) * END);
    if (way === "forward") {
      positions = [Array.from({ length: POINTS }, () => sampleMixture(rng))];
      for (let k = 1; k <= steps; k++) {
        const before = positions[k - 1];
        positions.push(before.map((x) => stepForward(x, times[k - 1], times[k], rng.normal())));
      }
      return;
    }
    positions = [rng.normals(POINTS)];
    for (let k = steps; k > 0; k--) {
      const [t, s] = [times[k], times[k - 1]];
      const step =
        way === "ancestral"
          ? (x) => stepAncestral(x, t, s, rng.normal())
          : (x) => stepDeterministic(x, t, s);
      positions.unshift(positions[0].map(step));
    }
  }

  // The densities of all times as shades of blue: one column for each time.
  function drawBackground() {
    const image = new ImageData(160, 120);
    for (let i = 0; i < image.width; i++) {
      const t = (i / (image.width - 1)) * END;
      for (let j = 0; j < image.height; j++) {
        const density = mixtureDensity(RANGE * (1 - (2 * (j + 0.5)) / image.height), t);
        const shade = Math.min(1, Math.sqrt(density / 0.9)); // the root shows small densities
        const pixel = [255 - 190 * shade, 255 - 130 * shade, 255 - 60 * shade, 255];
        image.data.set(pixel, 4 * (j * image.width + i));
      }
    }
    background = document.createElement("canvas");
    [background.width, background.height] = [image.width, image.height];
    background.getContext("2d").putImageData(image, 0, 0);
  }

  function drawPaths(t, points) {
    const { context, width, height } = preparePlot(plot);
    const toY = (x) => ((1 - x / RANGE) / 2) * height;
    context.drawImage(background, 0, 0, width, height);
    // Points in equal steps of their order at the end where they begin.
    const isForward = byId("diffusion-way").value === "forward";
    const begin = isForward ? positions[0] : positions[positions.length - 1];
    const order = begin.map((_, i) => i).sort((a, b) => begin[a] - begin[b]);
    const columns = times.map((time) => (time / END) * width);
    for (let i = 0; i < PATHS; i++) {
      const point = order[Math.floor(((i + 0.5) / PATHS) * POINTS)];
      const y = positions.map((row) => toY(row[point]));
      drawLine(context, columns, y, "rgba(28, 39, 51, 0.55)", { width: 1.5 });
      context.beginPath();
      context.arc((t / END) * width, toY(points[point]), 5, 0, 2 * Math.PI);
      context.fillStyle = COLOURS.generated;
      context.fill();
    }
    const x = (t / END) * width;
    drawLine(context, [x, x], [0, height], COLOURS.accent, { width: 3 });
    drawText(context, "data, t = 0", 8, height - 10);
    drawText(context, "noise, t = π/2", width - 8, height - 10, { align: "right" });
    drawText(context, `x = ${RANGE}`, 8, 20);
  }

  // The histogram of the points and the exact density, on the same axis of x as the paths.
  function drawDensity(t, points) {
    const { context, width, height } = preparePlot(side);
    const cell = (2 * RANGE) / BINS;
    const counts = histogram(points);
    const exact = Array.from({ length: 241 }, (_, i) => RANGE * (1 - i / 120));
    const densities = exact.map((x) => mixtureDensity(x, t));
    const scale = (0.92 * width) / Math.max(0.45, ...densities);
    context.fillStyle = `${COLOURS.generated}a0`;
    counts.forEach((count, i) => {
      const density = count / (POINTS * cell);
      context.fillRect(0, height - ((i + 1) * height) / BINS, scale * density, height / BINS - 1);
    });
    const y = exact.map((x) => ((1 - x / RANGE) / 2) * height);
    drawLine(context, densities.map((d) => scale * d), y, COLOURS.real, { width: 3 });
    drawText(context, "p_t(x) →", width - 6, height - 10, { align: "right" });
  }

  function histogram(points) {
    const counts = new Array(BINS).fill(0);
    for (const x of points) {
      const bin = Math.floor(((x + RANGE) / (2 * RANGE)) * BINS);
      if (bin >= 0 && bin < BINS) counts[bin]++;
    }
    return counts;
  }

  // Half the area between the histogram and the exact density: 0 is equal, 1 is disjoint.
  function totalVariation(t, points) {
    const cell = (2 * RANGE) / BINS;
    const counts = histogram(points);
    const differences = counts.map((count, i) => {
      let mass = 0; // of the exact density in this cell: a mean over four places
      for (let j = 0; j < 4; j++) {
        mass += (mixtureDensity(-RANGE + (i + (j + 0.5) / 4) * cell, t) * cell) / 4;
      }
      return Math.abs(count / POINTS - mass);
    });
    return differences.reduce((a, b) => a + b, 0) / 2;
  }

  function draw() {
    const k = Math.round(Number(slider.value) * (times.length - 1)); // the nearest step
    const [t, points] = [times[k], positions[k]];
    drawPaths(t, points);
    drawDensity(t, points);
    byId("diffusion-formula").textContent =
      `t = ${t.toFixed(2)}: x_t = ${Math.cos(t).toFixed(2)} x_0 + ${Math.sin(t).toFixed(2)} eps`;
    byId("diffusion-tv").textContent = totalVariation(t, points).toFixed(3);
  }

  const redraw = oncePerFrame(draw);
  const moveTo = (u) => {
    slider.value = u;
    redraw();
  };

  // Play: the whole way in four seconds, in its direction. What the reader moves stops it.
  const button = byId("diffusion-play");
  let frame = null; // the next one of the animation; null while it is stopped

  function stop() {
    cancelAnimationFrame(frame);
    frame = null;
    button.textContent = "Play";
  }

  function play() {
    const isForward = byId("diffusion-way").value === "forward";
    if (wantsLessMotion()) return moveTo(isForward ? 1 : 0);
    let start = null;
    button.textContent = "Stop";
    frame = requestAnimationFrame(function next(now) {
      start ??= now;
      const u = Math.min(1, (now - start) / 4000);
      moveTo(isForward ? u : 1 - u);
      if (u < 1) frame = requestAnimationFrame(next);
      else stop();
    });
  }

  button.addEventListener("click", () => (frame === null ? play() : stop()));
  slider.addEventListener("input", () => {
    stop();
    redraw();
  });
  makeDraggable(plot, () => [Number(slider.value), 0.5], (x) => {
    stop();
    moveTo(x);
  });
  for (const id of ["diffusion-way", "diffusion-steps"]) {
    byId(id).addEventListener("change", () => {
      stop();
      simulate();
      redraw();
    });
  }
  window.addEventListener("resize", redraw);
  drawBackground();
  simulate();
  draw();
}
