"use strict";
// Arrays of numbers with a shape, and the weights of the networks.
//
// As in NumPy, an array is a row of numbers (data) and its shape. The numbers of a picture
// (C, H, W) follow one another channel by channel, and in a channel row by row.

class NDArray {
  constructor(shape, data = null) {
    this.shape = shape;
    this.data = data ?? new Float32Array(shape.reduce((a, b) => a * b, 1));
  }
}

// A number of 16 bits: sign, 5 bits of exponent, 10 bits of fraction (IEEE 754, half precision).
function decodeFloat16(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24; // below 2^-14: no leading 1
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

// All 65,536 numbers of 16 bits. A table is faster than a million powers.
const FLOAT16 = new Float32Array(65536).map((_, bits) => decodeFloat16(bits));

// Decode base64 text to float32 numbers. Each was written as two bytes, the lower one first.
function decodeNumbers(base64) {
  const bytes = atob(base64);
  const numbers = new Float32Array(bytes.length / 2);
  for (let i = 0; i < numbers.length; i++) {
    numbers[i] = FLOAT16[bytes.charCodeAt(2 * i) | (bytes.charCodeAt(2 * i + 1) << 8)];
  }
  return numbers;
}

// Read the weights of a network from the page: {name: NDArray}, with the names of tinygen.
//
// explorer.py wrote two elements: shapes-NAME lists the names and shapes, and weights-NAME holds
// the numbers of all arrays, one after the other.
function readWeights(name) {
  const shapes = JSON.parse(document.getElementById(`shapes-${name}`).textContent);
  const numbers = decodeNumbers(document.getElementById(`weights-${name}`).textContent.trim());
  const weights = {};
  let start = 0;
  for (const [key, shape] of shapes) {
    const size = shape.reduce((a, b) => a * b, 1);
    weights[key] = new NDArray(shape, numbers.subarray(start, start + size));
    start += size;
  }
  return weights;
}

// ---- vectors: plain arrays of numbers, such as z and w

// weights[0] vectors[0] + weights[1] vectors[1] + ...
function weightedSum(weights, vectors) {
  return vectors[0].map((_, i) => weights.reduce((sum, w, k) => sum + w * vectors[k][i], 0));
}

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function norm(a) {
  return Math.sqrt(dot(a, a));
}

// The weights of the two ends on the straight line from one (t = 0) to the other (t = 1).
function lineWeights(t) {
  return [1 - t, t];
}

// The weights of a and b on the arc from a to b (Shoemake, 1985): the direction turns evenly, and
// the length changes evenly. Half-way on a straight line the length is 0.7 of it, where N(0, I) has
// hardly any z.
function arcWeights(a, b, t) {
  const [lengthA, lengthB] = [norm(a), norm(b)];
  const cosine = dot(a, b) / (lengthA * lengthB);
  const angle = Math.acos(Math.min(1, cosine)); // rounding can make the cosine larger
  if (angle < 1e-4) return lineWeights(t);
  const length = (1 - t) * lengthA + t * lengthB;
  return [
    (length * Math.sin((1 - t) * angle)) / (Math.sin(angle) * lengthA),
    (length * Math.sin(t * angle)) / (Math.sin(angle) * lengthB),
  ];
}

// ---- random numbers with a seed: the same experiment can be seen twice

class RNG {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  // From 0 to 1: Mulberry32, by Tommy Ettinger (2017)
  uniform() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let a = this.state;
    a = Math.imul(a ^ (a >>> 15), a | 1);
    a ^= a + Math.imul(a ^ (a >>> 7), a | 61);
    return ((a ^ (a >>> 14)) >>> 0) / 4294967296;
  }

  // From N(0, 1): the method of Box and Muller (1958)
  normal() {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  normals(n) {
    return Array.from({ length: n }, () => this.normal());
  }
}
