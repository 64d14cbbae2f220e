"use strict";
// A network of numbers to numbers that learns: linear layers with tanh between them.
//
// tinygen differentiates any function by itself. Here the chain rule is written out by hand, for
// this one network. With h = the input of a layer, a = h W^T + b and g = dL/da, for a batch:
//
//     dL/dW = g^T h,    dL/db = the sum of g over the batch,    dL/dh = g W
//
// and through the activation y = tanh(a): dL/da = dL/dy (1 - y^2).

class MLP {
  // sizes: the numbers of units, such as [1, 32, 32, 1]. The initial weights are those of tinygen:
  // uniform from -1 / sqrt(inputs) to 1 / sqrt(inputs).
  constructor(sizes, rng) {
    this.layers = [];
    for (let k = 0; k + 1 < sizes.length; k++) {
      const [inputs, outputs] = [sizes[k], sizes[k + 1]];
      const bound = 1 / Math.sqrt(inputs);
      const draw = () => bound * (2 * rng.uniform() - 1);
      this.layers.push({
        inputs,
        outputs,
        weight: new Float64Array(outputs * inputs).map(draw), // (outputs, inputs)
        bias: new Float64Array(outputs).map(draw),
        weightGradient: new Float64Array(outputs * inputs),
        biasGradient: new Float64Array(outputs),
        weightVelocity: new Float64Array(outputs * inputs),
        biasVelocity: new Float64Array(outputs),
      });
    }
  }

  // Map n numbers to n numbers. The input of each layer is saved for backward().
  forward(x) {
    const n = x.length;
    this.saved = [];
    let h = Float64Array.from(x);
    this.layers.forEach(({ inputs, outputs, weight, bias }, k) => {
      this.saved.push(h);
      const y = new Float64Array(n * outputs);
      for (let i = 0; i < n; i++) {
        for (let o = 0; o < outputs; o++) {
          let sum = bias[o];
          for (let j = 0; j < inputs; j++) sum += weight[o * inputs + j] * h[i * inputs + j];
          y[i * outputs + o] = k + 1 < this.layers.length ? Math.tanh(sum) : sum;
        }
      }
      h = y;
    });
    return h;
  }

  // From dL/d(output) compute the gradients of the weights, and return dL/d(input).
  backward(gradient) {
    const n = gradient.length;
    let g = gradient;
    for (let k = this.layers.length - 1; k >= 0; k--) {
      const { inputs, outputs, weight, weightGradient, biasGradient } = this.layers[k];
      const h = this.saved[k];
      weightGradient.fill(0);
      biasGradient.fill(0);
      const previous = new Float64Array(n * inputs);
      for (let i = 0; i < n; i++) {
        for (let o = 0; o < outputs; o++) {
          const a = g[i * outputs + o];
          biasGradient[o] += a;
          for (let j = 0; j < inputs; j++) {
            weightGradient[o * inputs + j] += a * h[i * inputs + j];
            previous[i * inputs + j] += a * weight[o * inputs + j];
          }
        }
      }
      if (k > 0) for (let i = 0; i < previous.length; i++) previous[i] *= 1 - h[i] ** 2;
      g = previous;
    }
    return g;
  }

  // Stochastic gradient descent with momentum: v <- momentum v + gradient, p <- p - lr v.
  step(lr, momentum) {
    for (const layer of this.layers) {
      for (const name of ["weight", "bias"]) {
        const parameter = layer[name];
        const gradient = layer[`${name}Gradient`];
        const velocity = layer[`${name}Velocity`];
        for (let i = 0; i < parameter.length; i++) {
          velocity[i] = momentum * velocity[i] + gradient[i];
          parameter[i] -= lr * velocity[i];
        }
      }
    }
  }
}
