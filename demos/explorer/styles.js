"use strict";
// Exhibit 4: the styles of two faces of StyleGAN.

function startStyles() {
  const weights = readWeights("stylegan");
  const meanW = JSON.parse(byId("mean-w").textContent);
  // The layers of three groups of sizes: from the first to before the second number.
  const GROUPS = { coarse: [0, 3], middle: [3, 5], fine: [5, 9] };
  const takesB = { coarse: false, middle: true, fine: false };
  const seeds = [7, 20]; // of the faces A and B
  const sizes = byId("styles-sizes").children; // canvases of 4, 8, 16, 32 and 64 pixels

  function styleOf(seed) {
    const w = mapToW(weights, new RNG(seed).normals(64));
    return truncate(w, meanW, Number(byId("styles-psi").value));
  }

  function drawMixture() {
    const [a, b] = seeds.map(styleOf);
    const ws = Array(9).fill(a);
    for (const [group, [start, stop]] of Object.entries(GROUPS)) {
      if (takesB[group]) ws.fill(b, start, stop);
      const button = byId(`styles-${group}`);
      button.classList.toggle("main", takesB[group]);
      button.querySelector("span").textContent = takesB[group] ? "B" : "A";
    }
    let k = 0;
    const show = (picture) => drawPicture(sizes[k++], picture, -1, 1);
    const picture = styleSynthesize(weights, ws, show);
    show(picture);
    drawPicture(byId("styles-mixture"), picture, -1, 1);
  }

  function drawFace(i) {
    const picture = styleSynthesize(weights, Array(9).fill(styleOf(seeds[i])));
    drawPicture(byId(`styles-face-${i}`), picture, -1, 1);
  }

  const doOnePerFrame = onePerFrame();
  function drawAll() {
    byId("styles-psi-value").textContent = Number(byId("styles-psi").value).toFixed(2);
    doOnePerFrame([drawMixture, () => drawFace(0), () => drawFace(1)]);
  }

  const redraw = oncePerFrame(drawMixture);
  const redrawAll = oncePerFrame(drawAll);
  for (const group of Object.keys(GROUPS)) {
    byId(`styles-${group}`).addEventListener("click", () => {
      takesB[group] = !takesB[group];
      redraw();
    });
  }
  byId("styles-psi").addEventListener("input", redrawAll);
  for (const i of [0, 1]) {
    byId(`styles-new-${i}`).addEventListener("click", () => {
      seeds[i] += 2;
      redrawAll();
    });
  }
  drawAll();
}
