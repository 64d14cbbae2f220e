"""Diffusion models: learn to take a little noise away, then begin with nothing but noise.

    schedules.py    how data and noise are mixed, x_t = alpha x_0 + sigma eps: the way there, in closed form, and how its levels are spaced
    objectives.py   what a network may be asked for (noise, data, velocity), why it is all one, and the variational bound it comes from
    samplers.py     the way back: ancestral, DDIM, the ODE by Euler, Heun and Runge-Kutta, EDM's, DPM-Solver++; inpainting
    likelihood.py   log p(x), exactly, by following the ODE to the noise; the bound, in nats and bits per dimension
    guidance.py     which digit? Labels, and guidance without a classifier
    exact.py        mixtures of Gaussians, whose best predictor is known: what all of the above is held against
    unet.py         networks: a U-Net for pictures, a perceptron for points

Read in this order. A model is any function of x (N, ...) and levels (N,); a network learns it, `exact` has it in closed form.

**Sources.** Sohl-Dickstein et al., Deep Unsupervised Learning using Nonequilibrium Thermodynamics, 2015; Ho, Jain and Abbeel, Denoising Diffusion
Probabilistic Models (DDPM), 2020; Song et al., Score-Based Generative Modeling through Stochastic Differential Equations, 2021. Others where they are
used.
"""
