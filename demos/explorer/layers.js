"use strict";
// The layers of the networks, forward only, for one example at a time. Names as in tinygen.

// y = W x + b. W has the shape (outputs, inputs).
function linear(x, weight, bias, scale = 1) {
  const [outputs, inputs] = weight.shape;
  const y = new NDArray([outputs]);
  for (let o = 0; o < outputs; o++) {
    let sum = 0;
    for (let i = 0; i < inputs; i++) sum += weight.data[o * inputs + i] * x.data[i];
    y.data[o] = scale * sum + bias.data[o];
  }
  return y;
}

// ---- activations: a function of each number

function mapNumbers(x, f) {
  return new NDArray(x.shape, x.data.map(f));
}

const sigmoid = (a) => 1 / (1 + Math.exp(-a));
const silu = (a) => a * sigmoid(a);
const relu = (a) => Math.max(a, 0);
const leakyRelu = (a) => (a > 0 ? a : 0.2 * a);

// ---- pictures (C, H, W)

// A copy of x with a border of zeros.
function pad(x, border) {
  const [channels, height, width] = x.shape;
  const y = new NDArray([channels, height + 2 * border, width + 2 * border]);
  const paddedWidth = width + 2 * border;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < height; i++) {
      const row = x.data.subarray((c * height + i) * width, (c * height + i + 1) * width);
      y.data.set(row, (c * (height + 2 * border) + i + border) * paddedWidth + border);
    }
  }
  return y;
}

// A convolution with a kernel of 3x3 that keeps the size. weight: (outputs, inputs, 3, 3).
//
//     y[o, i, j] = sum over c, k, l of weight[o, c, k, l] x[c, i + k - 1, j + l - 1]
//
// Outside of x are zeros. The nine products are written out: a loop over them would be slower.
function conv3x3(x, weight, scale = 1) {
  const [inputs, height, width] = x.shape;
  const outputs = weight.shape[0];
  const y = new NDArray([outputs, height, width]);
  const X = pad(x, 1).data, Y = y.data, W = weight.data;
  const P = width + 2; // the length of a padded row
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < inputs; c++) {
      const k = 9 * (o * inputs + c);
      const w0 = scale * W[k], w1 = scale * W[k + 1], w2 = scale * W[k + 2];
      const w3 = scale * W[k + 3], w4 = scale * W[k + 4], w5 = scale * W[k + 5];
      const w6 = scale * W[k + 6], w7 = scale * W[k + 7], w8 = scale * W[k + 8];
      for (let i = 0; i < height; i++) {
        let p = (c * (height + 2) + i) * P; // the upper left one of the nine pixels
        let q = (o * height + i) * width;
        for (let j = 0; j < width; j++, p++, q++) {
          Y[q] +=
            w0 * X[p] + w1 * X[p + 1] + w2 * X[p + 2] +
            w3 * X[p + P] + w4 * X[p + P + 1] + w5 * X[p + P + 2] +
            w6 * X[p + 2 * P] + w7 * X[p + 2 * P + 1] + w8 * X[p + 2 * P + 2];
        }
      }
    }
  }
  return y;
}

// A convolution with a kernel of 1x1: at each pixel a linear map of the channels.
function conv1x1(x, weight, scale = 1) {
  const [inputs, height, width] = x.shape;
  const outputs = weight.shape[0];
  const y = new NDArray([outputs, height, width]);
  const pixels = height * width;
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < inputs; c++) {
      const w = scale * weight.data[o * inputs + c];
      for (let p = 0; p < pixels; p++) y.data[o * pixels + p] += w * x.data[c * pixels + p];
    }
  }
  return y;
}

// A transposed convolution of one pixel to 4x4: each output pixel has a linear map of its own.
function convTranspose1to4(z, weight) {
  const [inputs, outputs] = weight.shape;
  const y = new NDArray([outputs, 4, 4]);
  for (let c = 0; c < inputs; c++) {
    for (let i = 0; i < outputs * 16; i++) {
      y.data[i] += z.data[c] * weight.data[c * outputs * 16 + i];
    }
  }
  return y;
}

// A transposed convolution that doubles the size: kernel 4x4, stride 2, padding 1.
// weight: (inputs, outputs, 4, 4).
//
// Each input pixel (i, j) adds its kernel to the 4x4 output pixels around (2i, 2j). So on each axis
// an output pixel gets something from two input pixels:
//
//     output 2i      is the sum of  kernel[1] x[i]  and  kernel[3] x[i - 1]
//     output 2i + 1  is the sum of  kernel[2] x[i]  and  kernel[0] x[i + 1]
//
// The loop computes 2x2 output pixels at once, from the 3x3 input pixels around (i, j).
function convTranspose4x4(x, weight) {
  const [inputs, height, width] = x.shape;
  const outputs = weight.shape[1];
  const y = new NDArray([outputs, 2 * height, 2 * width]);
  const X = pad(x, 1).data, Y = y.data, W = weight.data;
  const P = width + 2; // the length of a padded row
  for (let o = 0; o < outputs; o++) {
    for (let c = 0; c < inputs; c++) {
      const k = 16 * (c * outputs + o);
      const k00 = W[k], k01 = W[k + 1], k02 = W[k + 2], k03 = W[k + 3];
      const k10 = W[k + 4], k11 = W[k + 5], k12 = W[k + 6], k13 = W[k + 7];
      const k20 = W[k + 8], k21 = W[k + 9], k22 = W[k + 10], k23 = W[k + 11];
      const k30 = W[k + 12], k31 = W[k + 13], k32 = W[k + 14], k33 = W[k + 15];
      for (let i = 0; i < height; i++) {
        let p = (c * (height + 2) + i) * P; // the upper left one of the nine pixels
        let q = (o * 2 * height + 2 * i) * 2 * width; // the upper left one of the four
        let r = q + 2 * width; // the one below it
        for (let j = 0; j < width; j++, p++, q += 2, r += 2) {
          const x0 = X[p], x1 = X[p + 1], x2 = X[p + 2];
          const x3 = X[p + P], x4 = X[p + P + 1], x5 = X[p + P + 2];
          const x6 = X[p + 2 * P], x7 = X[p + 2 * P + 1], x8 = X[p + 2 * P + 2];
          Y[q] += k33 * x0 + k31 * x1 + k13 * x3 + k11 * x4;
          Y[q + 1] += k32 * x1 + k30 * x2 + k12 * x4 + k10 * x5;
          Y[r] += k23 * x3 + k21 * x4 + k03 * x6 + k01 * x7;
          Y[r + 1] += k22 * x4 + k20 * x5 + k02 * x7 + k00 * x8;
        }
      }
    }
  }
  return y;
}

// Add a number to each channel.
function addBias(x, bias) {
  return affineChannels(x, null, bias.data);
}

// Multiply each channel by a number, and add another one.
function affineChannels(x, scale, shift) {
  const [channels, height, width] = x.shape;
  const y = new NDArray(x.shape);
  const pixels = height * width;
  for (let c = 0; c < channels; c++) {
    const [a, b] = [scale ? scale[c] : 1, shift ? shift[c] : 0];
    for (let p = c * pixels; p < (c + 1) * pixels; p++) y.data[p] = a * x.data[p] + b;
  }
  return y;
}

// Batch normalization with the mean and the variance that were measured during training.
function batchNorm(x, weights, name) {
  const mean = weights[`${name}.running_mean`].data;
  const variance = weights[`${name}.running_var`].data;
  const [weight, bias] = [weights[`${name}.weight`].data, weights[`${name}.bias`].data];
  const scale = weight.map((w, c) => w / Math.sqrt(variance[c] + 1e-5));
  const shift = bias.map((b, c) => b - mean[c] * scale[c]);
  return affineChannels(x, scale, shift);
}

// Double the size by bilinear interpolation: each new pixel is 3/4 of the nearest old one and 1/4
// of the next, on each axis.
function upsample(x) {
  const [channels, height, width] = x.shape;
  const y = new NDArray([channels, 2 * height, 2 * width]);
  const nearest = (k) => k >> 1;
  const next = (k, size) => Math.min(size - 1, Math.max(0, (k >> 1) + (k % 2 ? 1 : -1)));
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < 2 * height; i++) {
      const row = (c * height + nearest(i)) * width;
      const nextRow = (c * height + next(i, height)) * width;
      for (let j = 0; j < 2 * width; j++) {
        const [k, l] = [nearest(j), next(j, width)];
        y.data[(c * 2 * height + i) * 2 * width + j] =
          0.5625 * x.data[row + k] + 0.1875 * (x.data[row + l] + x.data[nextRow + k]) +
          0.0625 * x.data[nextRow + l];
      }
    }
  }
  return y;
}

function addArrays(x, y) {
  return new NDArray(x.shape, x.data.map((a, i) => a + y.data[i]));
}
