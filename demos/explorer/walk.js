"use strict";
// Exhibit 2: from one face of the convolutional GAN to another.

function startWalk() {
  const weights = generatorOfFaces();
  const slider = byId("walk-t");
  const strip = byId("walk-strip").children; // seven canvases
  const seeds = [29, 30]; // of the two faces
  let ends = []; // their z
  let faces = []; // and their pictures

  // The three ways from one face to the other.
  const WAYS = {
    arc: (t) => dcGenerate(weights, slerp(...ends, t)),
    line: (t) => dcGenerate(weights, lerp(...ends, t)),
    pixels: (t) => new NDArray([3, 64, 64], lerp(faces[0].data, faces[1].data, t)),
  };
  const picture = (t) => WAYS[byId("walk-way").value](t);

  function draw() {
    const t = Number(slider.value);
    drawPicture(byId("walk-picture"), picture(t), -1, 1);
    const way = byId("walk-way").value;
    const z = way === "line" ? lerp(...ends, t) : slerp(...ends, t);
    byId("walk-numbers").textContent =
      `t = ${t.toFixed(2)}` + (way === "pixels" ? "" : `, |z| = ${norm(z).toFixed(1)}`);
  }

  // Fill the strip one picture a frame; a later call stops this one.
  let turn = 0;
  function fillStrip() {
    const present = ++turn;
    let k = 0;
    function drawNext() {
      if (present !== turn) return;
      drawPicture(strip[k], picture(k / (strip.length - 1)), -1, 1);
      if (++k < strip.length) requestAnimationFrame(drawNext);
    }
    drawNext();
  }

  function update() {
    ends = seeds.map((seed) => new RNG(seed).normals(64));
    faces = ends.map((z) => dcGenerate(weights, z));
    faces.forEach((face, i) => drawPicture(byId(`walk-face-${i}`), face, -1, 1));
    draw();
    fillStrip();
  }

  slider.addEventListener("input", oncePerFrame(draw));
  byId("walk-way").addEventListener("change", () => {
    draw();
    fillStrip();
  });
  for (const i of [0, 1]) {
    byId(`walk-new-${i}`).addEventListener("click", () => {
      seeds[i] += 2; // odd for one face, even for the other
      update();
    });
  }
  update();
}

// The weights of the generator, which two exhibits use.
let savedGenerator = null;

function generatorOfFaces() {
  savedGenerator ??= readWeights("dcgan");
  return savedGenerator;
}
