"use strict";
// Exhibit 3: glasses, a hat and a smile by arithmetic on z.

function startAttributes() {
  const weights = generatorOfFaces();
  // explorer.py found the vector of each attribute, and faces without any of them.
  const { vectors, faces } = JSON.parse(byId("attributes").textContent);
  const names = Object.keys(vectors);
  let present = 1; // which face

  // z plus the vectors of the attributes, each times its slider
  function edited() {
    return names.reduce(
      (z, name) => addScaled(z, vectors[name], Number(byId(`add-${name}`).value)),
      faces[present],
    );
  }

  function draw() {
    drawPicture(byId("attributes-after"), dcGenerate(weights, edited()), -1, 1);
    let formula = "z";
    for (const name of names) {
      const strength = Number(byId(`add-${name}`).value);
      byId(`strength-${name}`).textContent = strength.toFixed(1);
      if (strength) {
        formula += ` ${strength < 0 ? "−" : "+"} ${Math.abs(strength).toFixed(1)} v(${name})`;
      }
    }
    byId("attributes-formula").textContent = formula;
  }

  function drawBefore() {
    drawPicture(byId("attributes-before"), dcGenerate(weights, faces[present]), -1, 1);
    draw();
  }

  const redraw = oncePerFrame(draw);
  for (const name of names) byId(`add-${name}`).addEventListener("input", redraw);
  byId("attributes-new").addEventListener("click", () => {
    present = (present + 1) % faces.length;
    drawBefore();
  });
  byId("attributes-reset").addEventListener("click", () => {
    for (const name of names) byId(`add-${name}`).value = 0;
    draw();
  });
  drawBefore();
}
