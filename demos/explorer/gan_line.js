"use strict";
// Exhibit 6: a GAN on a line, which trains in the page (demos/gan_1d.py).

const LINE_DATA = { weights: [0.5, 0.5], means: [-1.2, 1.5], stds: [0.5, 0.7] };
const LR_D = 0.1;
const LR_G = 0.05;

// One iteration of Algorithm 1 (Goodfellow et al., 2014): k steps of D, one step of G.
//
// settings: k, momentum, and isSaturating for the loss of G. `sampleData(m)` and `sampleNoise(m)`
// return m numbers. D computes a logit l, and D(x) = sigmoid(l).
function trainStep(G, D, settings, m, sampleData, sampleNoise) {
  for (let i = 0; i < settings.k; i++) {
    // Ascend log D(x) + log(1 - D(G(z))). Its derivatives in the logits are 1 - D(x) and -D(G(z)).
    const real = sampleData(m);
    const fake = G.forward(sampleNoise(m));
    const logits = D.forward([...real, ...fake]);
    D.backward(logits.map((l, j) => (j < m ? sigmoid(l) - 1 : sigmoid(l)) / m));
    D.step(LR_D, settings.momentum);
  }
  // Descend log(1 - D(G(z))), with the derivative -D; or -log D(G(z)), with D - 1.
  const logits = D.forward(G.forward(sampleNoise(m)));
  const gradient = logits.map((l) => (settings.isSaturating ? -sigmoid(l) : sigmoid(l) - 1) / m);
  G.backward(D.backward(gradient)); // through D, whose own step is not taken
  G.step(LR_G, settings.momentum);
}

// The density of G's samples in the cells of a grid, from G itself and not from samples: the mass
// of the noise between two neighbouring z is spread evenly between their images.
function densityOfImages(z, images, low, cell, cells) {
  const q = new Float64Array(cells);
  for (let i = 0; i + 1 < z.length; i++) {
    const mass = gaussian((z[i] + z[i + 1]) / 2, 0, 1) * (z[i + 1] - z[i]);
    const middle = (images[i] + images[i + 1]) / 2;
    const width = Math.max(Math.abs(images[i + 1] - images[i]), 3 * cell); // else q is jagged
    const [a, b] = [(middle - width / 2 - low) / cell, (middle + width / 2 - low) / cell];
    for (let k = Math.max(0, Math.floor(a)); k < Math.min(cells, Math.ceil(b)); k++) {
      const overlap = Math.min(b, k + 1) - Math.max(a, k); // in cells
      q[k] += (mass * overlap) / (b - a) / cell;
    }
  }
  return q;
}

function startGanLine() {
  const [LOW, HIGH, CELLS, BATCH] = [-5, 5, 250, 128];
  const cell = (HIGH - LOW) / CELLS;
  const X = Array.from({ length: CELLS }, (_, i) => LOW + (i + 0.5) * cell);
  const Z = Array.from({ length: 801 }, (_, i) => -4 + i / 100);
  const P = X.map((x) => mixtureDensity(x, 0, LINE_DATA));
  const button = byId("gan-run");
  let [seed, step, isRunning] = [1, 0, false];
  let rng, G, D, history;

  function reset() {
    rng = new RNG(seed);
    G = new MLP([1, 32, 32, 1], rng);
    D = new MLP([1, 32, 32, 1], rng);
    step = 0;
    history = [];
  }

  const settings = () => ({
    k: Number(byId("gan-k").value),
    momentum: Number(byId("gan-momentum").value),
    isSaturating: byId("gan-loss").value === "saturating",
  });

  function train() {
    trainStep(G, D, settings(), BATCH, sampleLine, (m) => rng.normals(m));
    step++;
  }

  const sampleLine = (m) =>
    Array.from({ length: m }, () => {
      const k = rng.uniform() < LINE_DATA.weights[0] ? 0 : 1;
      return LINE_DATA.means[k] + LINE_DATA.stds[k] * rng.normal();
    });

  // What is known exactly: q, D on the grid, the total variation, and the value V(D, G).
  function measure() {
    const images = Array.from(G.forward(Z));
    const q = Array.from(densityOfImages(Z, images, LOW, cell, CELLS));
    const logits = Array.from(D.forward(X));
    const overlap = X.reduce((sum, _, i) => sum + Math.min(P[i], q[i]) * cell, 0);
    const softplus = (a) => Math.log1p(Math.exp(-Math.abs(a))) + Math.max(a, 0);
    // V = E_p[log D] + E_q[log(1 - D)], where log D = -softplus(-l) and log(1 - D) = -softplus(l)
    const value = logits.reduce(
      (sum, l, i) => sum - (P[i] * softplus(-l) + q[i] * softplus(l)) * cell,
      0,
    );
    return { images, q, d: logits.map(sigmoid), totalVariation: 1 - overlap, value };
  }

  function draw() {
    const m = measure();
    if (!history.length || history[history.length - 1][0] !== step) {
      history.push([step, m.totalVariation]);
    }
    drawGame(m);
    drawHistory();
    byId("gan-step").textContent = step;
    byId("gan-tv").textContent = m.totalVariation.toFixed(2);
    byId("gan-value").textContent = m.value.toFixed(2).replace("-", "−");
    byId("gan-k-value").textContent = byId("gan-k").value;
    byId("gan-momentum-value").textContent = Number(byId("gan-momentum").value).toFixed(1);
  }

  // Above: densities (their axis on the left) and D (its axis on the right, from 0 to 1). Below:
  // lines from noise z to G(z).
  function drawGame({ images, q, d }) {
    const { context, width, height } = preparePlot(byId("gan-plot"));
    const base = height * 0.74; // where the density is 0
    const toX = (x) => ((x - LOW) / (HIGH - LOW)) * width;
    const toDensity = (y) => base - Math.min(1.15, y / 0.6) * (base - 26);
    const toProbability = (y) => base - y * (base - 26);
    const columns = X.map(toX);
    context.fillStyle = COLOURS.ink;
    for (const [level, text] of [[1, "D = 1"], [0.5, "1/2"], [0, "0"]]) {
      const y = toProbability(level);
      drawLine(context, [0, width], [y, y], COLOURS.grid, { width: 1 });
      context.textAlign = "right";
      context.fillText(text, width - 6, y - 4);
      context.textAlign = "left";
    }
    for (const [density, colour, fill] of [
      [P, COLOURS.real, "rgba(43, 108, 176, 0.2)"],
      [q, COLOURS.generated, "rgba(232, 121, 28, 0.3)"],
    ]) {
      drawLine(context, columns, density.map(toDensity), colour, { width: 2.5, fill, base });
    }
    const known = X.map((_, i) => i).filter((i) => P[i] + q[i] > 1e-4); // elsewhere D* is 0/0
    drawLine(
      context,
      known.map((i) => columns[i]),
      known.map((i) => toProbability(P[i] / (P[i] + q[i]))),
      COLOURS.ink,
      { width: 2, dash: [3, 5] },
    );
    if (byId("gan-bayes").checked) {
      const y = known.map((i) => toProbability(Math.max(P[i], q[i]) / (P[i] + q[i])));
      drawLine(context, known.map((i) => columns[i]), y, COLOURS.faint, { width: 2 });
    }
    drawLine(context, columns, d.map(toProbability), COLOURS.discriminator, { width: 3.5 });
    // From z (below) to G(z) (above), for 33 z between -2.4 and 2.4
    const bottom = height - 20;
    for (let z = -2.4; z <= 2.401; z += 0.15) {
      const ends = [toX(z), toX(images[Math.round((z + 4) * 100)])];
      drawLine(context, ends, [bottom, base + 3], "rgba(192, 90, 0, 0.5)", { width: 1.5 });
    }
    context.fillStyle = COLOURS.ink;
    context.fillText("x = G(z)", 6, base + 18);
    context.fillText("z from N(0, 1)", 6, height - 5);
  }

  function drawHistory() {
    const { context, width, height } = preparePlot(byId("gan-history"));
    const last = Math.max(300, step);
    const x = history.map(([k]) => 4 + (k / last) * (width - 8));
    const y = history.map(([, tv]) => 6 + (1 - tv) * (height - 12));
    for (const level of [0, 0.5, 1]) {
      const row = 6 + (1 - level) * (height - 12);
      drawLine(context, [0, width], [row, row], COLOURS.grid, { width: 1 });
    }
    drawLine(context, x, y, COLOURS.ink);
    context.fillStyle = COLOURS.ink;
    context.textAlign = "right";
    context.fillText(`total variation, up to step ${last}`, width - 6, 20);
    context.textAlign = "left";
  }

  // Train in slices of 12 milliseconds, and draw after each.
  function run() {
    if (!isRunning) return;
    const end = performance.now() + 12;
    do train();
    while (performance.now() < end && step % 5);
    draw();
    requestAnimationFrame(run);
  }

  function setRunning(value) {
    isRunning = value;
    button.textContent = isRunning ? "Pause" : "Train";
    if (isRunning) requestAnimationFrame(run);
  }

  const redraw = oncePerFrame(draw);
  button.addEventListener("click", () => setRunning(!isRunning));
  byId("gan-one").addEventListener("click", () => {
    setRunning(false);
    train();
    draw();
  });
  byId("gan-reset").addEventListener("click", () => {
    seed++;
    reset();
    redraw();
  });
  for (const id of ["gan-k", "gan-momentum"]) byId(id).addEventListener("input", redraw);
  byId("gan-bayes").addEventListener("change", redraw);
  window.addEventListener("resize", redraw);
  // A page in the background does not train.
  document.addEventListener("visibilitychange", () => document.hidden && setRunning(false));
  reset();
  draw();
}
