"use strict";
// Exhibit 1: a plane in the latent space of the VAE. Three codes of digits lie in it.

function startVaePlane() {
  const weights = readWeights("vae");
  const codes = JSON.parse(byId("vae-codes").textContent); // codes[d]: z of a digit d
  const [map, large] = [byId("vae-map"), byId("vae-picture")];
  const selects = ["vae-a", "vae-b", "vae-c"].map(byId);
  const CELLS = 15; // pictures on each side of the map
  const PIXELS = 28;
  // Where the three codes lie on the map: fractions of its width and height, from the upper left.
  const CORNERS = [[0.2, 0.8], [0.8, 0.8], [0.5, 0.2]];
  const tiles = document.createElement("canvas"); // the decoded pictures of the map
  tiles.width = tiles.height = CELLS * PIXELS;
  let place = [0.5, 0.5];

  selects.forEach((select, i) => {
    for (let digit = 0; digit < 10; digit++) select.add(new Option(digit, digit));
    select.value = [3, 8, 7][i];
    select.addEventListener("change", () => fillMap());
  });

  // The weights of the three codes at a place; they sum to 1 (barycentric coordinates). Inside the
  // triangle all are positive. v is the height above the lower corners, in units of the triangle.
  function weightsAt(x, y) {
    const [[ax, ay], [bx], [, cy]] = CORNERS;
    const v = (ay - y) / (ay - cy);
    const u = (x - ax) / (bx - ax) - v / 2;
    return [1 - u - v, u, v];
  }

  function codeAt(x, y) {
    return weightedSum(weightsAt(x, y), selects.map((select) => codes[select.value]));
  }

  // Decode the pictures of the map, some in each frame, so that the page stays responsive.
  let turn = 0;
  function fillMap() {
    const present = ++turn; // a later call stops this one
    let cell = 0;
    const context = tiles.getContext("2d");
    function decodeSome() {
      const end = performance.now() + 12;
      for (; cell < CELLS * CELLS && performance.now() < end; cell++) {
        const [row, column] = [Math.floor(cell / CELLS), cell % CELLS];
        const picture = vaeDecode(weights, codeAt((column + 0.5) / CELLS, (row + 0.5) / CELLS));
        context.putImageData(toImageData(picture, 0, 1), column * PIXELS, row * PIXELS);
      }
      draw();
      if (cell < CELLS * CELLS && present === turn) requestAnimationFrame(decodeSome);
    }
    decodeSome();
  }

  function draw() {
    const z = codeAt(...place);
    drawPicture(large, vaeDecode(weights, z), 0, 1);
    drawBars(byId("vae-bars"), z, 3);
    byId("vae-length").textContent = norm(z).toFixed(1);
    const terms = selects.map((select) => `z(${select.value})`);
    byId("vae-formula").textContent = `z = ${formatSum(weightsAt(...place), terms)}`;
    drawMap();
  }

  function drawMap() {
    const { context, width, height } = preparePlot(map);
    context.imageSmoothingQuality = "high";
    context.drawImage(tiles, 0, 0, width, height);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = "bold 16px system-ui, sans-serif";
    CORNERS.forEach(([x, y], i) => {
      context.beginPath();
      context.arc(x * width, y * height, 14, 0, 2 * Math.PI);
      context.fillStyle = "#ffffff";
      context.fill();
      context.lineWidth = 3;
      context.strokeStyle = COLOURS.real;
      context.stroke();
      context.fillStyle = COLOURS.ink;
      context.fillText(selects[i].value, x * width, y * height + 1);
    });
    context.beginPath();
    context.arc(place[0] * width, place[1] * height, 11, 0, 2 * Math.PI);
    context.lineWidth = 7;
    context.strokeStyle = "#ffffff";
    context.stroke();
    context.lineWidth = 4;
    context.strokeStyle = COLOURS.accent;
    context.stroke();
  }

  const redraw = oncePerFrame(draw);
  makeDraggable(map, () => place, (x, y) => {
    place = [x, y];
    redraw();
  });
  window.addEventListener("resize", redraw);
  fillMap();
}
