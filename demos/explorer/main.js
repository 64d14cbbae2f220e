"use strict";
// Start each exhibit when it comes near the window: its weights are decoded only then.

const EXHIBITS = {
  "exhibit-vae": startVaePlane,
  "exhibit-walk": startWalk,
  "exhibit-attributes": startAttributes,
  "exhibit-styles": startStyles,
  "exhibit-diffusion": startDiffusion,
  "exhibit-gan": startGanLine,
};

const observer = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      observer.unobserve(target);
      EXHIBITS[target.id]();
      target.dataset.started = "true"; // for the tests
    }
  },
  { rootMargin: "200px" },
);
for (const id of Object.keys(EXHIBITS)) observer.observe(byId(id));
byId("not-started").remove();
