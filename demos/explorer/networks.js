"use strict";
// The networks of the page: the same layers in the same order as in tinygen, and its weights.

function vector(numbers) {
  return new NDArray([numbers.length], Float32Array.from(numbers));
}

// ---- the decoder of the VAE: three linear layers (tinygen/models/vae.py)

// z -> the 28x28 probabilities that a pixel is white
function vaeDecode(weights, z) {
  let h = vector(z);
  for (const layer of [0, 2, 4]) {
    h = linear(h, weights[`decoder.${layer}.weight`], weights[`decoder.${layer}.bias`]);
    h = mapNumbers(h, layer < 4 ? silu : sigmoid);
  }
  return new NDArray([1, 28, 28], h.data);
}

// ---- the generator of the convolutional GAN (tinygen/models/dcgan.py)

// z -> a picture (3, 64, 64) from -1 to 1
function dcGenerate(weights, z) {
  let h = convTranspose1to4(vector(z), weights["layers.0.weight"]); // (224, 4, 4)
  for (const layer of [0, 3, 6, 9]) {
    if (layer > 0) h = convTranspose4x4(h, weights[`layers.${layer}.weight`]); // twice the size
    h = mapNumbers(batchNorm(h, weights, `layers.${layer + 1}`), relu);
  }
  h = convTranspose4x4(h, weights["layers.12.weight"]);
  return mapNumbers(addBias(h, weights["layers.12.bias"]), Math.tanh);
}

// The weights of the generator, which two exhibits use.
let savedGenerator = null;

function generatorOfFaces() {
  savedGenerator ??= readWeights("dcgan");
  return savedGenerator;
}

// ---- the generator of StyleGAN (tinygen/models/stylegan.py)

// An equalized layer has weights of standard deviation 1 and multiplies them by this number.
function equalizedScale(weight, gain) {
  return gain / Math.sqrt(weight.data.length / weight.shape[0]);
}

function equalizedLinear(weights, name, x, gain) {
  const weight = weights[`${name}.layer.weight`];
  return linear(x, weight, weights[`${name}.layer.bias`], equalizedScale(weight, gain));
}

// The mapping network: z -> w
function mapToW(weights, z) {
  const rootMeanSquare = Math.sqrt(dot(z, z) / z.length + 1e-8);
  let h = vector(z.map((a) => a / rootMeanSquare));
  for (const layer of [0, 2, 4, 6]) {
    h = equalizedLinear(weights, `mapping.layers.${layer}`, h, Math.SQRT2);
    h = mapNumbers(h, leakyRelu);
  }
  return Array.from(h.data);
}

// Truncation moves w towards the mean of all w: mean + psi (w - mean).
function truncate(w, mean, psi) {
  return weightedSum([psi, 1 - psi], [w, mean]);
}

// A convolution whose input channels are scaled by a style (Karras et al., 2020). With
// demodulation, each output channel is divided by the norm of its scaled weights.
function modulatedConv(weights, name, x, w, gain, demodulate) {
  const style = equalizedLinear(weights, `${name}.affine_scale`, vector(w), 1).data;
  const weight = weights[`${name}.conv.layer.weight`];
  const [outputs, inputs, size] = weight.shape;
  const scale = equalizedScale(weight, gain);
  const conv = size === 3 ? conv3x3 : conv1x1;
  const y = conv(affineChannels(x, style, null), weight, scale);
  if (!demodulate) return y;
  const factors = new Float32Array(outputs);
  const squares = kernelSquares(weight);
  for (let o = 0; o < outputs; o++) {
    let variance = 0;
    for (let c = 0; c < inputs; c++) variance += style[c] ** 2 * squares[o * inputs + c];
    factors[o] = 1 / Math.sqrt(scale ** 2 * variance + 1e-8);
  }
  return affineChannels(y, factors, null);
}

// The sum of the squared weights of each kernel. It depends on no style, so it is computed once.
const savedSquares = new Map();

function kernelSquares(weight) {
  if (!savedSquares.has(weight)) {
    const [outputs, inputs, height, width] = weight.shape;
    const squares = new Float32Array(outputs * inputs);
    weight.data.forEach((a, i) => (squares[Math.floor(i / (height * width))] += a * a));
    savedSquares.set(weight, squares);
  }
  return savedSquares.get(weight);
}

function styledConv(weights, layer, x, w) {
  const name = `convolutions.${layer}`;
  const y = modulatedConv(weights, name, x, w, 1, true);
  const biased = addBias(y, weights[`${name}.bias`]);
  return mapNumbers(biased, (a) => Math.SQRT2 * leakyRelu(a));
}

function toRGB(weights, k, x, w) {
  const y = modulatedConv(weights, `to_rgb.${k}`, x, w, 5 ** -0.5, false);
  return addBias(y, weights[`to_rgb.${k}.bias`]);
}

// w of each of the nine layers -> a picture (3, 64, 64), without added noise.
//
// `show` is called with each larger picture: the picture of one size is the enlarged picture of
// the size before it plus what this size adds.
function styleSynthesize(weights, ws, show = () => {}) {
  const constant = new NDArray([160, 4, 4], weights["constant"].data); // the same for all faces
  let h = styledConv(weights, 0, constant, ws[0]); // (160, 4, 4)
  let picture = toRGB(weights, 0, h, ws[0]); // (3, 4, 4)
  for (let k = 1; k <= 4; k++) {
    show(picture);
    h = styledConv(weights, 2 * k - 1, upsample(h), ws[2 * k - 1]);
    h = styledConv(weights, 2 * k, h, ws[2 * k]);
    picture = addArrays(upsample(picture), toRGB(weights, k, h, ws[2 * k]));
  }
  return picture;
}
