"use strict";
// Diffusion of a mixture of Gaussians on a line: all is known exactly, without a network.
//
// The derivations are in tinygen/models/diffusion/exact.py and posterior.py. Time t is an angle:
//
//     x_t = alpha x_0 + sigma eps,    alpha = cos t,    sigma = sin t,    t from 0 to pi / 2

const MIXTURE = { weights: [0.3, 0.3, 0.4], means: [-1.5, -0.2, 1.3], stds: [0.15, 0.3, 0.2] };

const gaussian = (x, mean, variance) =>
  Math.exp((-0.5 * (x - mean) ** 2) / variance) / Math.sqrt(2 * Math.PI * variance);

// p_t(x) = sum_k w_k N(x; alpha m_k, u_k),    u_k = alpha^2 s_k^2 + sigma^2
function mixtureDensity(x, t, { weights, means, stds } = MIXTURE) {
  const [alpha, sigma] = [Math.cos(t), Math.sin(t)];
  return weights.reduce(
    (sum, w, k) => sum + w * gaussian(x, alpha * means[k], (alpha * stds[k]) ** 2 + sigma ** 2),
    0,
  );
}

// The best prediction of x_0 and of eps from x_t: their means, given x_t.
//
//     E[x_0 | x_t, k] = m_k + (alpha s_k^2 / u_k) (x_t - alpha m_k)
//     E[eps | x_t, k] =       (sigma / u_k)       (x_t - alpha m_k)
//
// averaged over the components with the probabilities r_k = p(k | x_t), in proportion to
// w_k N(x_t; alpha m_k, u_k).
function denoise(x, t, { weights, means, stds } = MIXTURE) {
  const [alpha, sigma] = [Math.cos(t), Math.sin(t)];
  let [total, x0, eps] = [0, 0, 0];
  for (let k = 0; k < weights.length; k++) {
    const u = (alpha * stds[k]) ** 2 + sigma ** 2;
    const deviation = x - alpha * means[k];
    const r = weights[k] * gaussian(x, alpha * means[k], u);
    total += r;
    x0 += r * (means[k] + ((alpha * stds[k] ** 2) / u) * deviation);
    eps += r * (sigma / u) * deviation;
  }
  return { x0: x0 / total, eps: eps / total };
}

// One step from time t to the earlier time s without new noise (DDIM; Song, Meng and Ermon, 2021).
function stepDeterministic(x, t, s) {
  const { x0, eps } = denoise(x, t);
  return Math.cos(s) * x0 + Math.sin(s) * eps;
}

// One step with fresh noise (DDPM; Ho, Jain and Abbeel, 2020): x_s ~ q(x_s | x_t, x_0), with the
// best prediction in place of x_0. `noise` is from N(0, 1).
function stepAncestral(x, t, s, noise) {
  const { x0 } = denoise(x, t);
  const r = Math.cos(t) / Math.cos(s);
  const ratio = (Math.sin(s) / Math.sin(t)) ** 2; // (sigma_s / sigma_t)^2
  const V = Math.sin(t) ** 2 - r ** 2 * Math.sin(s) ** 2; // variance of the step forward
  const mean = r * ratio * x + ((Math.cos(s) * V) / Math.sin(t) ** 2) * x0;
  return mean + Math.sqrt(V * ratio) * noise;
}

// One step forward from s to the later time t: shrink, and add noise.
function stepForward(x, s, t, noise) {
  const r = Math.cos(t) / Math.cos(s);
  return r * x + Math.sqrt(Math.sin(t) ** 2 - r ** 2 * Math.sin(s) ** 2) * noise;
}

// Draw a component k with the probability w_k, then a number from it.
function sampleMixture(rng, { weights, means, stds } = MIXTURE) {
  let [k, u] = [0, rng.uniform()];
  while (k + 1 < weights.length && u >= weights[k]) u -= weights[k++];
  return means[k] + stds[k] * rng.normal();
}
