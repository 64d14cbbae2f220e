"use strict";
// Exhibit 3: glasses, a hat and a smile by arithmetic on z.

function startAttributes() {
  const weights = generatorOfFaces();
  // explorer.py found the vector of each attribute, and faces without any of them.
  const { vectors, faces } = JSON.parse(byId("attributes").textContent);
  const names = Object.keys(vectors);
  let present = 1; // which face

  const strengths = () => names.map((name) => Number(byId(`add-${name}`).value));

  function draw() {
    // z plus the vectors of the attributes, each times its slider
    const z = weightedSum(
      [1, ...strengths()],
      [faces[present], ...names.map((name) => vectors[name])],
    );
    drawPicture(byId("attributes-after"), dcGenerate(weights, z), -1, 1);
    const terms = strengths().map((strength, i) => {
      byId(`strength-${names[i]}`).textContent = strength.toFixed(1).replace("-", "−");
      const sign = strength < 0 ? "−" : "+";
      return strength ? ` ${sign} ${Math.abs(strength).toFixed(1)} v(${names[i]})` : "";
    });
    byId("attributes-formula").textContent = `G(z${terms.join("")})`;
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
