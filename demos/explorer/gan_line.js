"use strict";
// Exhibit 6: a GAN on a line, which trains in the page. game.js has the training and its measures.

function startGanLine() {
  const BATCH = 128;
  const MAX_HISTORY = 1000; // numbers of the curve below; with more, every second one is dropped
  const button = byId("gan-run");
  let rng, G, D, step, history;
  let frame = null; // the next one of the training; null while it is paused

  // The seed decides the initial weights, the batches and the noise.
  function reset() {
    rng = new RNG(Number(byId("gan-seed").value));
    G = createNetwork(rng);
    D = createNetwork(rng);
    step = 0;
    history = [];
  }

  const settings = () => ({
    k: Number(byId("gan-k").value),
    momentum: Number(byId("gan-momentum").value),
    isSaturating: byId("gan-loss").value === "saturating",
  });

  function train() {
    const sampleData = (m) => Array.from({ length: m }, () => sampleMixture(rng, LINE_DATA));
    trainStep(G, D, settings(), BATCH, sampleData, (m) => rng.normals(m));
    step++;
  }

  function draw() {
    const measures = measureGame(G, D);
    if (!history.length || history[history.length - 1][0] !== step) {
      history.push([step, measures.totalVariation]);
      if (history.length > MAX_HISTORY) history = history.filter((_, i) => i % 2 === 0);
    }
    drawGame(measures);
    drawHistory();
    byId("gan-step").textContent = step;
    byId("gan-tv").textContent = measures.totalVariation.toFixed(2);
    byId("gan-value").textContent = measures.value.toFixed(2).replace("-", "−");
    byId("gan-k-value").textContent = byId("gan-k").value;
    byId("gan-momentum-value").textContent = Number(byId("gan-momentum").value).toFixed(1);
  }

  // Above: densities (their axis on the left) and D (its axis on the right, from 0 to 1). Below:
  // lines from noise z to G(z).
  function drawGame({ images, q, d, left, right }) {
    const { context, width, height } = preparePlot(byId("gan-plot"));
    const base = height * 0.74; // where the density is 0
    const toX = (x) => ((x - LOW) / (HIGH - LOW)) * width;
    const toDensity = (y) => base - Math.min(1.15, y / 0.6) * (base - 26);
    const toProbability = (y) => base - y * (base - 26);
    const columns = X.map(toX);
    const drawProbability = (f, colour, style) => {
      const known = X.map((_, i) => i).filter((i) => P[i] + q[i] > 1e-4); // elsewhere it is 0/0
      const y = known.map((i) => toProbability(f(P[i], q[i])));
      drawLine(context, known.map((i) => columns[i]), y, colour, style);
    };
    for (const [level, text] of [[1, "D = 1"], [0.5, "1/2"], [0, "0"]]) {
      const y = toProbability(level);
      drawLine(context, [0, width], [y, y], COLOURS.grid, { width: 1 });
      drawText(context, text, width - 6, y - 4, { align: "right" });
    }
    for (const [density, colour] of [[P, COLOURS.real], [q, COLOURS.generated]]) {
      const style = { width: 2.5, fill: `${colour}40`, base };
      drawLine(context, columns, density.map(toDensity), colour, style);
    }
    drawProbability((p, q) => p / (p + q), COLOURS.ink, { width: 2, dash: [3, 5] });
    if (byId("gan-bayes").checked) {
      drawProbability((p, q) => Math.max(p, q) / (p + q), COLOURS.faint);
    }
    drawLine(context, columns, d.map(toProbability), COLOURS.discriminator, { width: 3.5 });
    // Names at the curves: no reader has to tell the colours.
    const highest = (density) => density.indexOf(Math.max(...density));
    const name = (text, i, y, colour) =>
      drawText(context, text, columns[i], Math.max(18, y - 7), { colour, align: "center" });
    name("p", highest(P), toDensity(P[highest(P)]), COLOURS.real);
    name("q", highest(q), toDensity(q[highest(q)]), COLOURS.generated);
    name("D", 12, toProbability(d[12]), COLOURS.discriminator);
    // From z (below) to G(z) (above), for 31 z between -2.4 and 2.4
    const bottom = height - 22;
    for (let i = 80; i <= 320; i += 8) {
      const ends = [toX(Z[i]), toX(images[i])];
      drawLine(context, ends, [bottom, base + 3], `${COLOURS.generated}80`, { width: 1.5 });
    }
    drawText(context, "x = G(z)", 6, base + 18);
    drawText(context, "z from N(0, 1)", 6, height - 5);
    const style = { colour: COLOURS.generated };
    const percent = (a) => `${Math.round(100 * a)}% of q`;
    if (left > 0.01) drawText(context, `← ${percent(left)}`, 6, base - 8, style);
    style.align = "right";
    if (right > 0.01) drawText(context, `${percent(right)} →`, width - 6, base - 24, style);
  }

  function drawHistory() {
    const { context, width, height } = preparePlot(byId("gan-history"));
    const last = Math.max(300, step);
    const toY = (totalVariation) => 6 + (1 - totalVariation) * (height - 12);
    for (const level of [0, 0.5, 1]) {
      drawLine(context, [0, width], [toY(level), toY(level)], COLOURS.grid, { width: 1 });
    }
    const x = history.map(([k]) => 4 + (k / last) * (width - 8));
    drawLine(context, x, history.map(([, totalVariation]) => toY(totalVariation)), COLOURS.ink);
    const text = `total variation, up to step ${last}`;
    drawText(context, text, width - 6, 20, { align: "right" });
  }

  // Train in slices of 12 milliseconds, or of 5 steps on a fast computer, and draw after each.
  function run() {
    const end = performance.now() + 12;
    do train();
    while (performance.now() < end && step % 5);
    draw();
    frame = requestAnimationFrame(run);
  }

  function start() {
    frame = requestAnimationFrame(run);
    button.textContent = "Pause";
  }

  function pause() {
    cancelAnimationFrame(frame);
    frame = null;
    button.textContent = "Train";
  }

  const redraw = oncePerFrame(draw);
  const restart = () => {
    reset();
    redraw();
  };
  button.addEventListener("click", () => (frame === null ? start() : pause()));
  byId("gan-one").addEventListener("click", () => {
    pause();
    train();
    draw();
  });
  byId("gan-reset").addEventListener("click", restart);
  byId("gan-seed").addEventListener("change", restart);
  for (const id of ["gan-k", "gan-momentum"]) byId(id).addEventListener("input", redraw);
  byId("gan-bayes").addEventListener("change", redraw);
  window.addEventListener("resize", redraw);
  // A page in the background does not train.
  document.addEventListener("visibilitychange", () => document.hidden && pause());
  reset();
  draw();
}
