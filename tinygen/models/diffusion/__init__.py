"""Diffusion models: learn to remove a little noise, then generate from pure noise.

Read in this order:

    schedules.py     the table of notations; how times of training and sampling are distributed
    paths.py         the forward process q(x_t | x_0): x_t = alpha x_0 + sigma eps in closed form
    objectives.py    the variational bound, and why it is least squares; what a network may predict
    posterior.py     the posterior q(x_s | x_t, x_0), one step of the reverse process
    ode.py           the probability-flow ODE
    samplers.py      from noise to data: ancestral sampling, DDIM, Euler, Heun, Runge-Kutta, EDM,
                     DPM-Solver++; inpainting
    likelihood.py    log p(x) by following the ODE to the noise; the variational bound in nats
    guidance.py      labels and captions: classifier-free guidance
    exact.py         mixtures of Gaussians, whose best predictor is known in closed form: the
                     yardstick of all the others
    unet.py, mlp.py  the networks: a U-Net for images, a multilayer perceptron for points
    conditioning.py  how both networks receive the time and the label

`elementary.py` holds the functions that work on floats and on arrays.

A *network* is a function of x (N, ...) and times (N,). A *denoise* function takes x and one time,
and returns a `Prediction` of x_0 and eps. `objectives.denoiser` makes one from a network;
`exact.ExactMixture.denoise` is one in closed form. Samplers and likelihoods take either.

**Sources.** Sohl-Dickstein et al., Deep Unsupervised Learning using Nonequilibrium Thermodynamics,
2015; Ho, Jain and Abbeel, Denoising Diffusion Probabilistic Models (DDPM), 2020; Song et al.,
Score-Based Generative Modeling through Stochastic Differential Equations, 2021. Others are named
where they are used.
"""
