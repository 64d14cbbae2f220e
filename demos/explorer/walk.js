"use strict";
// Exhibit 2: from one face of the convolutional GAN to another.

function startWalk() {
  const weights = generatorOfFaces();
  const slider = byId("walk-t");
  const way = byId("walk-way"); // "arc" or "line" in the space of z, or "pixels"
  const strip = byId("walk-strip").children; // seven canvases
  const seeds = [29, 30]; // of the two faces
  let ends = []; // their z
  let faces = []; // and their pictures

  const weightsAt = (t) => (way.value === "arc" ? arcWeights(...ends, t) : lineWeights(t));

  // The picture at t: of a mixture of the two z, or a mixture of the two pictures.
  function pictureAt(t) {
    if (way.value !== "pixels") return dcGenerate(weights, weightedSum(weightsAt(t), ends));
    const pixels = weightedSum(weightsAt(t), faces.map((face) => face.data));
    return new NDArray(faces[0].shape, pixels);
  }

  function draw() {
    const t = Number(slider.value);
    const w = weightsAt(t);
    const length = norm(weightedSum(w, ends)).toFixed(1);
    drawPicture(byId("walk-picture"), pictureAt(t), -1, 1);
    byId("walk-t-value").textContent = t.toFixed(2);
    const [what, mixture] =
      way.value === "pixels"
        ? ["a mixture of pixels", `x_t = ${formatSum(w, ["G(z_1)", "G(z_2)"])}`]
        : [`G(z_t), |z_t| = ${length}`, `z_t = ${formatSum(w, ["z_1", "z_2"])}`];
    const [first, second] = byId("walk-formula").children;
    [first.textContent, second.textContent] = [what, mixture];
  }

  const doOnePerFrame = onePerFrame();
  function fillStrip() {
    const place = (k) => k / (strip.length - 1);
    doOnePerFrame(
      Array.from(strip, (canvas, k) => () => drawPicture(canvas, pictureAt(place(k)), -1, 1)),
    );
  }

  function update() {
    ends = seeds.map((seed) => new RNG(seed).normals(64));
    faces = ends.map((z) => dcGenerate(weights, z));
    faces.forEach((face, i) => drawPicture(byId(`walk-face-${i}`), face, -1, 1));
    draw();
    fillStrip();
  }

  slider.addEventListener("input", oncePerFrame(draw));
  way.addEventListener("change", () => {
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
