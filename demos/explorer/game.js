"use strict";
// A GAN on a line: Algorithm 1, and what is known exactly about its two networks. As
// demos/gan_1d.py, with the same data, networks, learning rates and losses.

const LINE_DATA = { weights: [0.5, 0.5], means: [-1.2, 1.5], stds: [0.5, 0.7] };
const LR_D = 0.1;
const LR_G = 0.05;

const createNetwork = (rng) => new MLP([1, 32, 32, 1], rng); // G and D alike

// One iteration of Algorithm 1 (Goodfellow et al., 2014): k steps of D, one step of G.
//
// settings: k, momentum, and isSaturating for the loss of G. `sampleData(m)` and `sampleNoise(m)`
// return m numbers. D computes a logit l, and D(x) = sigmoid(l).
function trainStep(G, D, settings, m, sampleData, sampleNoise) {
  for (let i = 0; i < settings.k; i++) {
    // Ascend log D(x) + log(1 - D(G(z))). Its derivatives in the logits are 1 - D(x) and -D(G(z)).
    // D.step() descends, so both have the other sign.
    const real = sampleData(m);
    const generated = G.forward(sampleNoise(m));
    const logits = D.forward([...real, ...generated]);
    D.backward(logits.map((l, j) => (j < m ? sigmoid(l) - 1 : sigmoid(l)) / m));
    D.step(LR_D, settings.momentum);
  }
  // Descend log(1 - D(G(z))), with the derivative -D; or -log D(G(z)), with D - 1.
  const logits = D.forward(G.forward(sampleNoise(m)));
  const gradient = logits.map((l) => (settings.isSaturating ? -sigmoid(l) : sigmoid(l) - 1) / m);
  G.backward(D.backward(gradient)); // through D, whose own step is not taken
  G.step(LR_G, settings.momentum);
}

// The picture reaches from LOW to HIGH. X are the middles of its cells, and Z fine steps of noise.
const [LOW, HIGH, CELLS] = [-5, 5, 250];
const CELL = (HIGH - LOW) / CELLS;
const X = Array.from({ length: CELLS }, (_, i) => LOW + (i + 0.5) * CELL);
const Z = Array.from({ length: 401 }, (_, i) => -4 + i / 50);
const P = X.map((x) => mixtureDensity(x, 0, LINE_DATA)); // the density of the data

// The density of G's samples in the cells, from G itself and not from samples: the mass of the
// noise between two neighbouring z is spread evenly between their images, from a to b.
function densityOfImages(images) {
  const q = new Array(CELLS).fill(0);
  for (let i = 0; i + 1 < Z.length; i++) {
    const mass = gaussian((Z[i] + Z[i + 1]) / 2, 0, 1) * (Z[i + 1] - Z[i]);
    const middle = (images[i] + images[i + 1]) / 2;
    const width = Math.max(Math.abs(images[i + 1] - images[i]), 0.01 * CELL); // never 0
    const [a, b] = [(middle - width / 2 - LOW) / CELL, (middle + width / 2 - LOW) / CELL];
    for (let k = Math.max(0, Math.floor(a)); k < Math.min(CELLS, Math.ceil(b)); k++) {
      const overlap = Math.min(b, k + 1) - Math.max(a, k); // in cells
      q[k] += (mass * overlap) / (b - a) / CELL;
    }
  }
  // The mean of three cells: else q has a jag where G turns round.
  return q.map((a, k) => ((q[k - 1] ?? 0) + a + (q[k + 1] ?? 0)) / 3);
}

// log(1 + e^a): -log D = softplus(-l), and -log(1 - D) = softplus(l)
const softplus = (a) => Math.log1p(Math.exp(-Math.abs(a))) + Math.max(a, 0);

// Return the images of Z, the density q, D on X, how much of q lies left and right of the picture,
// the total variation between p and q, and V(D, G) = E[log D(x)] + E[log(1 - D(G(z)))].
function measureGame(G, D) {
  const images = Array.from(G.forward(Z));
  const q = densityOfImages(images);
  const logits = Array.from(D.forward(X));
  const meanOverX = (f) => X.reduce((sum, _, i) => sum + P[i] * f(i) * CELL, 0);
  const meanOverZ = (f) => Z.reduce((sum, z, i) => sum + gaussian(z, 0, 1) * f(i) * 0.02, 0);
  const logitsOfImages = D.forward(images); // also of those outside of the picture
  return {
    images,
    q,
    d: logits.map(sigmoid),
    left: meanOverZ((i) => (images[i] < LOW ? 1 : 0)),
    right: meanOverZ((i) => (images[i] > HIGH ? 1 : 0)),
    totalVariation: 1 - q.reduce((sum, _, i) => sum + Math.min(P[i], q[i]) * CELL, 0),
    value:
      -meanOverX((i) => softplus(-logits[i])) - meanOverZ((i) => softplus(logitsOfImages[i])),
  };
}
