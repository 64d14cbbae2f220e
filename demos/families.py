"""Four families of generative models, GAN, VAE, flow and diffusion, on the same digits for the same time: the lecture's last figure, of running models.

Question to predict, before you run it: each of the four has as many seconds to learn from the same 20,000 digits. Which will draw the best ones? Three of them can
say how likely a digit is: will the one that knows best draw best? Handed a real digit, which of them can give it back, and which has no use for it once it
is trained? And which takes longest to draw?

    python demos/families.py                 digits drawn by this package: no network, no GPU
    python demos/families.py --data mnist    real ones, six times as long

It draws families.png, a row for each family: what goes in, through which networks, to which code z, and what comes out, every picture and number being one that the
trained networks gave; at the right samples, none of them chosen. samples.png has more of them.

What is measured, of 500 samples each and of 32 unseen digits (seed 0):

                                   GAN    VAE   flow   diffusion   real digits
    read with certainty            55 %   53 %   33 %      40 %        91 %      by a classifier of training digits, surer than 0.9
    Frechet distance               3.4    4.9    31         6.2        1.0       of its features, to unseen digits
    coverage                       85 %   57 %   11 %      42 %        95 %      share of unseen digits that have a sample near them
    bits a pixel                    -     1.84   1.26      1.59                  without a model 8; one Gaussian 1.72; all +- 0.04
    numbers in z                    10     10     784       784
    networks asked for a sample      1      1       1        10
    seconds for 100 samples       0.001  0.001   0.03       0.4                  of one core; trained for some 16

With seed 1: 58, 52, 29, 44 % read; distances 2.6, 7.9, 38, 5.5; 1.84, 1.23, 1.60 bits. So VAE and diffusion cannot be told apart by the distance; the rest can.

**Who knows best draws worst.** Most of a picture's bits are about how each pixel goes with those beside it, few about whether the strokes make a digit: the flow has
learned the first and not the second, and likelihood hardly asks for it (Theis, van den Oord and Bethge, 2016). GAN and VAE begin with the second, having but ten
numbers; the one pays with loose dots and no likelihood, the other with blur, and with z that nothing was encoded to. The diffusion does some of both, and
takes longest to draw. Flow and diffusion beat one Gaussian with all its covariances, the VAE does not. After some 16 seconds nobody is done: each family's own
demos give it more.

**One density.** Bits can only be compared if all three models speak of the same numbers: logits of bytes with uniform dither (tinygen/models/flow/pixels.py),
shifted and scaled for all alike. So this VAE's pixels are Gaussian, of a variance learned for each pixel, which is the lecture's MSE with a lambda that is learned
(`models.vae.squared_error_and_kl`); its bits are the bound by 200 codes a digit; what is shown and judged is, as everywhere, the mean of p(x|z). The GAN works on the pixels
themselves: its samples lie on a surface of ten dimensions, have no dither, and no density.

**One budget**, of time, not of weights. UPDATES was measured so that all take the same (13.7, 15.1, 16.4 and 18.2 s of one core);
the end of a run measures again. GAN and VAE are perceptrons of 540,000 weights, G and the decoder being of one form. Flow and diffusion are convolutions, which
use each weight at many pixels: 46,000 and 173,000 take as long.

Three one-line changes, all in drawing: with `--resume` what was learned is taken as it is. What each should show:

1. `SAMPLING_STEPS = 2`, a fifth of the diffusion's time: the loose ends go, and variety with them. Precision rises from 54 to 67 %, but recall falls from 81 to
   51 %, fewer are read (33 %), and the Frechet distance is 14.5: a guess made early is a mean of many digits.
2. in `made`, `flow.inverse(0.7 * z)`, noise nearer to 0, by which larger flows are made to draw more neatly (Kingma and Dhariwal, 2018): all black, 1 % read, Frechet
   distance 119. Taken by itself, each pixel is most likely black; this flow's ink comes from large z alone.
3. in `made`, `pixels(vae.decode(z).data + np.exp(5 * vae.log_variance.data) * rng.normal((len(z), 1, 28, 28)))`: draws from p(x|z), which is what the 1.84 bits
   are about, and not its mean. Strokes fray, for no pixel knows of the next: 44 % are read; yet precision is 57 % (51 before) and the Frechet distance 4.7.
"""

# %% Settings
import math
import time

import numpy as np
from _command_line import parse, parser  # first of ours: finds the package
from _run import Run
from figures.families import Code, Network, Picture, Text, save_families

from tinygen import data, default_rng, grad, losses, nn, no_grad, ops, optim, plot
from tinygen.backend import to_device, to_numpy
from tinygen.metrics import evaluate_samples
from tinygen.metrics.evaluators import train_digit_classifier
from tinygen.models.diffusion import likelihood, objectives, samplers, schedules
from tinygen.models.diffusion.unet import UNet
from tinygen.models.flow import Glow, bits_per_dimension, to_logits, to_pixels
from tinygen.models.gan import MLPDiscriminator, MLPGenerator
from tinygen.models.gaussian import Gaussian
from tinygen.models.vae import VAE
from tinygen.nn.module import parameter

p = parser(__doc__, steps={"digits": 400, "mnist": 2400}, takes={"digits": "two minutes", "mnist": "ten minutes"}, batch=32)
args = parse(p)
UPDATES = {"GAN": 7, "VAE": 11, "flow": 1, "diffusion": 1}  # a step, so that all take the same time
RATE = {"GAN": 1e-3, "VAE": 1.5e-3, "flow": 4e-3, "diffusion": 3e-3}
LATENT, HIDDEN = 10, (256, 256)  # of GAN and VAE
GAMMA, EVERY = 1.0, 4  # of the penalty R1, and every how many updates
SAMPLING_STEPS = 10
MIDDLE, SPREAD = np.float32(-4), np.float32(5)  # of the logits of a digit's pixels, about

# %% Data: bytes (n, 1, 28, 28)
if args.data == "mnist":
    (train, labels), (test, _) = data.mnist("train"), data.mnist("test")
else:
    print("Making 21,000 digits ...", flush=True)
    (train, labels), (test, _) = data.digits(20_000, seed=1), data.digits(1_000, seed=2)
test = test[:1000]


def scaled(images, rng):
    """Bytes to what the three densities are of: logits of the dithered pixels, of mean 0 and variance 1, about."""
    images = to_device(images, args.device)
    return (to_logits(images, rng.uniform(images.shape)) - MIDDLE) / SPREAD


def pixels(x):
    """And back: pictures from 0 to 1, NumPy."""
    return to_pixels(to_numpy(x) * SPREAD + MIDDLE)


# %% The models
rng = default_rng(args.seed, args.device)
G = MLPGenerator(LATENT, HIDDEN, (1, 28, 28), nn.SiLU, rng=rng)
D = MLPDiscriminator(HIDDEN, (1, 28, 28), nn.SiLU, rng=rng)
nn.init.kaiming_normal_(G, rng)
nn.init.kaiming_normal_(D, rng)
vae = VAE(LATENT, HIDDEN, rng=rng)
vae.log_variance = parameter(rng.normal((1, 1, 28, 28)) * 0)  # of each pixel about what is decoded
flow = Glow((1, 28, 28), num_steps=4, num_levels=2, hidden=32, rng=rng)
flow.initialize(scaled(train[:500], default_rng(args.seed + 2, args.device)))
unet = UNet(1, (16, 64), patch=2, attention=False, film=True, rng=rng)
networks = {"GAN": nn.ModuleList([G, D]), "VAE": vae, "flow": flow, "diffusion": unet}

BETAS = {"GAN": (0, 0.99), "VAE": (0.9, 0.999), "flow": (0.9, 0.999), "diffusion": (0.9, 0.99)}
players = {"G": G, "D": D, "VAE": vae, "flow": flow, "diffusion": unet}
optimizers = {name: optim.Adam(each.parameters(), betas=BETAS.get(name, BETAS["GAN"])) for name, each in players.items()}
loader = data.Loader(train, batch_size=args.batch, seed=args.seed)


# %% What each of them learns from a batch of bytes
def learn_gan(images, update):
    """To be taken for real; and not to be taken in."""
    real = to_device(images, args.device) / np.float32(127.5) - 1
    fake = ops.tanh(G(rng.normal((len(real), LATENT))))
    loss = -losses.minimax_value(D(real), D(fake.detach())).mean()
    penalty = EVERY * GAMMA * losses.r1(D, real).mean() if update % EVERY == 0 else 0
    descend("D", loss + penalty)
    descend("G", losses.non_saturating(D(fake)).mean())
    return loss


def learn_vae(images, update):
    """log p(x) from below: what the code explains, less what it costs."""
    x = scaled(images, rng)
    mu, log_var = vae.encode(x)
    z = losses.reparametrize(mu, log_var, rng.normal(mu.shape))
    return descend("VAE", (losses.kl_to_standard_normal(mu, log_var) - explained(x, vae.decode(z))).mean())


def explained(x, decoded):
    """log p(x|z), (n,): Gaussian about what is decoded."""
    log_variance = 10 * vae.log_variance  # Adam's steps are of one size, and this has further to go than a network's weights
    each = (x - decoded) ** 2 * ops.exp(-log_variance) + log_variance + math.log(2 * math.pi)
    return -0.5 * each.sum(axis=(1, 2, 3))


def learn_flow(images, update):
    """log p(x) itself."""
    return descend("flow", -flow.log_prob(scaled(images, rng)).mean())


def learn_diffusion(images, update):
    """Which way the data lie, from under any amount of noise."""
    x = scaled(images, rng)
    t, noise = schedules.logistic_schedule(schedules.stratified_uniform(len(x), rng)), rng.normal(x.shape)
    answer = unet(schedules.VARIANCE_PRESERVING.q_sample(x, noise, t), t)
    return descend("diffusion", losses.squared_error(answer, objectives.target("velocity", x, noise, t)).mean() / 784)


def descend(name, loss):
    weights = optimizers[name].parameters
    for w, g in zip(weights, grad(loss, weights), strict=True):
        w.grad = g
    optimizers[name].step()
    return loss


LEARN = {"GAN": learn_gan, "VAE": learn_vae, "flow": learn_flow, "diffusion": learn_diffusion}

# %% Training: a step of all four, for the same time
run = Run(
    args, networks=nn.ModuleList(networks.values()), loader=loader, rng=rng, **{f"optimizer_{name}": each for name, each in optimizers.items()}
)
for step in run.steps():
    for name, optimizer in optimizers.items():
        optimizer.lr = RATE.get(name, RATE["GAN"]) * optim.warmup_cosine(step, warmup_steps=args.steps // 10, steps=args.steps)
    logged = {}
    for name, learn in LEARN.items():
        for k in range(UPDATES[name]):
            logged[name] = learn(next(loader), step * UPDATES[name] + k)
    run.log(**logged)

# %% Samples of each: noise, of as many numbers as its z has, to pictures from 0 to 1
denoise = objectives.denoiser(unet, "velocity")
LEVELS = [*(schedules.cosine_schedule(float(u)) for u in np.linspace(1, 0, SAMPLING_STEPS + 1)[:-1]), 0.0]
SHAPES = {"GAN": (LATENT,), "VAE": (LATENT,), "flow": flow.latent_shape, "diffusion": (1, 28, 28)}
EVALUATIONS = {"GAN": 1, "VAE": 1, "flow": 1, "diffusion": SAMPLING_STEPS}


def made(name, z, after=None):
    """Pictures (n, 1, 28, 28) of noise z."""
    with no_grad():
        if name == "GAN":
            return to_numpy(ops.tanh(G(z)).data) / 2 + 0.5
        if name == "diffusion":
            return pixels(samplers.dpm_solver(denoise, z, LEVELS, after=after))
        if name == "flow":
            return pixels(flow.inverse(z).data)
        return pixels(vae.decode(z).data)


print("Sampling ...", flush=True)
evaluation = default_rng(args.seed + 1, args.device)
noise, samples, figures = {}, {}, {}
for name, shape in SHAPES.items():
    noise[name] = evaluation.normal((len(test) // 2, *shape))
    begun = time.process_time()
    samples[name] = np.concatenate([made(name, z) for z in np.split(noise[name], 5)])
    seconds = 100 * (time.process_time() - begun) / len(test) * 2
    weights = sum(w.data.size for w in networks[name].parameters())
    figures[name] = {"weights": weights, "seconds_per_100": seconds, "evaluations": EVALUATIONS[name]}

# %% How likely are unseen digits? The same 32, with the same dither, for all; beside them what one Gaussian says of them
x = scaled(test[:32], evaluation)
with no_grad():
    mu, log_var = vae.encode(x)
    eps = evaluation.normal((200, *mu.shape))  # 200 codes a digit: a bound that is tighter than the one it was trained by
    z = losses.reparametrize(mu, log_var, eps)
    explains = ops.stack([explained(x, vae.decode(each)) for each in z])
    log_p = {"VAE": losses.iwae_bound(explains + 0.5 * (eps * eps + log_var - z * z).sum(axis=-1)).numpy(), "flow": flow.log_prob(x).numpy()}
log_p["diffusion"] = to_numpy(likelihood.log_likelihood(denoise, x, steps=5, rng=evaluation))
flat = to_numpy(scaled(train, evaluation)).reshape(len(train), -1).astype(np.float64)
log_p["one Gaussian"] = Gaussian.fit(flat, noise_variance=1e-3).log_prob(to_numpy(x).reshape(len(x), -1).astype(np.float64))
for name, each in log_p.items():
    of_logits = each.astype(np.float64) - 784 * math.log(SPREAD)
    bits = bits_per_dimension(of_logits, to_numpy(x) * SPREAD + MIDDLE)
    figures.setdefault(name, {}).update(bits=float(bits.mean()), bits_standard_error=float(bits.std() / len(bits) ** 0.5))

# %% How good, and how many kinds? By a small classifier of the training digits; beside it what other real digits get
print("Training the judge ...", flush=True)
evaluator = train_digit_classifier(train, labels, steps=min(500, 10 * args.steps), device=args.device)
for name, images in samples.items():
    found, _ = evaluate_samples(evaluator, test, images, device=args.device)
    figures[name] |= {key.removeprefix("evaluator_"): value for key, value in found.items() if not key.endswith("_floor")}
    figures[name]["read"] = float((evaluator.predict_proba(images, args.device).max(axis=1) > 0.9).mean())
figures["real digits"] = {key.removeprefix("evaluator_").removesuffix("_floor"): value for key, value in found.items() if key.endswith("_floor")}
figures["real digits"]["read"] = float((evaluator.predict_proba(test[1::2], args.device).max(axis=1) > 0.9).mean())

# %% The first test digit in each of them, for the picture
way = []  # of the diffusion's first sample, back from noise


def remember(x, t):
    way.append(to_numpy(x)[0, 0])
    return x


with no_grad():
    codes = {"VAE": losses.reparametrize(mu, log_var, eps[0])[:1], "flow": flow(x[:1])[0]}
    given_back = {name: made(name, z)[0] for name, z in codes.items()}
    digits = to_device(test[:1], args.device) / np.float32(127.5) - 1, ops.tanh(G(noise["GAN"][:1]))
    verdicts = [float(ops.sigmoid(D(each)).numpy()[0]) for each in digits]
    made("diffusion", noise["diffusion"][:1], after=remember)
    q_sample = [to_numpy(schedules.VARIANCE_PRESERVING.q_sample(x[:1], noise["diffusion"][:1], schedules.cosine_schedule(u)))[0, 0] for u in (0.4, 0.7)]
for name, image in given_back.items():
    figures[name]["error_of_giving_back"] = float(np.abs(image - pixels(x[:1])[0]).mean())

# %% How long did each learn, in seconds of one core? Measured last, since it changes the models
for name, learn in LEARN.items():
    begun = time.process_time()
    for k in range(4 * UPDATES[name]):
        learn(next(loader), k)
    figures[name]["seconds_to_learn"] = (time.process_time() - begun) / 4 * args.steps

# %% The table
COLUMNS = {
    "read with certainty": ("read", "{:.1%}"), "Frechet distance": ("frechet", "{:.1f}"), "precision": ("precision", "{:.1%}"), "recall": ("recall", "{:.1%}"),
    "density": ("density", "{:.2f}"), "coverage": ("coverage", "{:.1%}"), "bits a pixel": ("bits", "{:.2f}"), "  standard error": ("bits_standard_error", "{:.2f}"),
    "giving back, error": ("error_of_giving_back", "{:.1g}"), "evaluations a sample": ("evaluations", "{}"), "seconds per 100": ("seconds_per_100", "{:.2g}"),
    "weights": ("weights", "{:,}"), "seconds to learn": ("seconds_to_learn", "{:.1f}"),
}  # fmt: skip
print(f"{'':22s}" + "".join(f"{name:>14s}" for name in figures))
for title, (key, form) in COLUMNS.items():
    print(f"{title:22s}" + "".join(f"{form.format(each[key]) if key in each else '-':>14s}" for each in figures.values()))

# %% Pictures
def note(name):
    """What the figures say of it, in a line."""
    each = figures[name]
    bits = f"{each['bits']:.2f} bits a pixel" if "bits" in each else "no likelihood"
    return (f"{bits}; of the samples {each['read']:.0%} are read with certainty, Frechet distance {each['frechet']:.1f}, coverage {each['coverage']:.0%}; "
            f"100 of them take {each['seconds_per_100']:.2g} s")  # fmt: skip


digit, new, real = Picture(test[0], "x"), "x', a new one", figures["real digits"]
in_place = ops.pixel_shuffle(ops.pixel_shuffle(codes["flow"], upscale_factor=2), upscale_factor=2).numpy()[0, 0]  # the flow's z, each number at its pixel
schemes = {
    "GAN": [digit, Network("D", 1, 0.3), Text("D(x) = {:.2f}\nD(x') = {:.2f}".format(*verdicts)), None,
            Code(noise["GAN"][0], f"z: {LATENT} numbers"), Network("G", 0.4, 1), Picture(samples["GAN"][0], new)],
    "VAE": [digit, Network("encoder", 1, 0.4), Code(codes["VAE"][0], f"z: {LATENT} numbers"), Network("decoder", 0.4, 1),
            Picture(given_back["VAE"], "x', much like x")],
    "flow": [digit, Network("f"), Code(in_place, "z: 784 numbers"), Network("f, backwards"), Picture(given_back["flow"], "x', which is x")],
    "diffusion": [digit, Code(q_sample[0], "with noise"), Code(q_sample[1], "with more"), Code(noise["diffusion"][0, 0], "z: 784 numbers"),
                  Network(f"U-Net,\n{SAMPLING_STEPS} times"), Code(way[SAMPLING_STEPS // 2], "with less"), Picture(samples["diffusion"][0], new)],
}  # fmt: skip
rows = {"The data": {
    "parts": [part for image in test[:7] for part in (Picture(image), None)][:-1], "feedback": None, "samples": test[7:23],
    "note": f"8 bits a pixel without a model, {figures['one Gaussian']['bits']:.2f} with one Gaussian; of real digits {real['read']:.0%} are read with certainty, "
            f"Frechet distance {real['frechet']:.1f}, coverage {real['coverage']:.0%}",
}}  # fmt: skip
for name, parts in schemes.items():
    title = name[0].upper() + name[1:]
    rows[title] = {"parts": parts, "feedback": (6, 1) if name == "GAN" else None, "samples": samples[name][1:17], "note": note(name)}
save_families(args.out / "families.png", rows)
plot.save_rows(args.out / "samples.png", {"real digits": test[23:43] / 255} | {name: images[17:37] for name, images in samples.items()})
run.write_metrics(picture="families.png", families=figures)
