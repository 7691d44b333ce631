//! The registry: every method's description, with the defaults of the library that is named as its source.

use super::method::{Description, Kind, Method, Parameter};
use super::{Norm, parameters};

/// The method's entry.
pub(super) fn describe(method: Method) -> &'static Description {
    match method {
        Method::Fgsm => &FGSM,
        Method::Bim => &BIM,
        Method::Pgd => &PGD,
        Method::MiFgsm => &MI_FGSM,
        Method::ApgdCe => &APGD_CE,
        Method::ApgdDlr => &APGD_DLR,
        Method::ApgdT => &APGD_T,
        Method::Pma => &PMA,
        Method::Deepfool => &DEEPFOOL,
        Method::CarliniWagner => &CARLINI_WAGNER,
        Method::Fab => &FAB,
        Method::Square => &SQUARE,
        Method::Autoattack => &AUTOATTACK,
        Method::GaussianNoise => &GAUSSIAN_NOISE,
    }
}

const EIGHT: f64 = 8.0 / 255.0;
const TWO: f64 = 2.0 / 255.0;

const fn count(name: &'static str, max: f64, default: f64, help: &'static str) -> Parameter {
    Parameter { name, kind: Kind::Count, min: 1.0, max, default: [default; 2], help }
}

const fn real(name: &'static str, min: f64, max: f64, default: f64, help: &'static str) -> Parameter {
    Parameter { name, kind: Kind::Real, min, max, default: [default; 2], help }
}

const fn switch(name: &'static str, on: bool, help: &'static str) -> Parameter {
    let default = if on { 1.0 } else { 0.0 };
    Parameter { name, kind: Kind::Switch, min: 0.0, max: 1.0, default: [default; 2], help }
}

const fn steps(default: f64) -> Parameter {
    count(parameters::STEPS, 100_000.0, default, "How many steps")
}

const fn step_size(l2: f64) -> Parameter {
    Parameter {
        name: parameters::STEP_SIZE,
        kind: Kind::Real,
        min: 0.0,
        max: 100.0,
        default: [TWO, l2],
        help: "Length of one step in the norm, on the [0, 1] scale",
    }
}

const EARLY_STOP: &str = "Stop at the first picture that fools the model";
const RANDOM_START: &str = "Begin at a random point of the budget instead of the picture itself";
const RESTARTS: Parameter = count(parameters::RESTARTS, 1000.0, 1.0, "How many random starts, until one succeeds");
const RHO: Parameter =
    real(parameters::RHO, 0.0, 1.0, 0.75, "The step halves when less than this share of the steps raised the loss");
const QUERIES: Parameter = count(parameters::QUERIES, 1e7, 5000.0, "How many pictures the model may be asked about");
const P_INIT: Parameter = real(parameters::P_INIT, 0.0, 1.0, 0.8, "Share of the picture that the first square covers");
const TARGETS: Parameter =
    count(parameters::TARGETS, 1000.0, 9.0, "How many target classes, the most probable first, where none is given");

const OVERSHOOT: &str = "By how much each step goes beyond the boundary, as a share of it";
const FAB_OVERSHOOT: Parameter = real(parameters::OVERSHOOT, 0.0, 1.0, 0.05, OVERSHOOT);
const ALPHA_MAX: Parameter = real(
    parameters::ALPHA_MAX,
    0.0,
    1.0,
    0.1,
    "The most that FAB's steps are drawn towards the clean picture's projection",
);
const BETA: Parameter = real(parameters::BETA, 0.0, 1.0, 0.9, "Share of a perturbation that FAB keeps after a success");

static FGSM: Description = Description {
    id: "fgsm",
    title: "FGSM",
    about: "One step of the whole budget along the gradient of the cross-entropy.",
    source: "Goodfellow, Shlens & Szegedy 2015; defaults of torchattacks",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 1.0)],
    gradient: true,
    minimal: false,
    min_classes: 2,
    parameters: &[],
};

static BIM: Description = Description {
    id: "bim",
    title: "BIM",
    about: "Small steps along the gradient of the cross-entropy, from the picture itself.",
    source: "Kurakin, Goodfellow & Bengio 2017; defaults of torchattacks",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 1.0)],
    gradient: true,
    minimal: false,
    min_classes: 2,
    parameters: &[steps(10.0), step_size(0.2), switch(parameters::EARLY_STOP, false, EARLY_STOP)],
};

static PGD: Description = Description {
    id: "pgd",
    title: "PGD",
    about: "Small steps along the gradient of the cross-entropy, from a random point of the budget.",
    source: "Madry et al. 2018; defaults of torchattacks",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 1.0)],
    gradient: true,
    minimal: false,
    min_classes: 2,
    parameters: &[
        steps(10.0),
        step_size(0.2),
        switch(parameters::RANDOM_START, true, RANDOM_START),
        RESTARTS,
        switch(parameters::EARLY_STOP, false, EARLY_STOP),
    ],
};

static MI_FGSM: Description = Description {
    id: "mi-fgsm",
    title: "MI-FGSM",
    about: "Small steps along a decaying sum of normalised gradients.",
    source: "Dong et al. 2018; defaults of torchattacks",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 1.0)],
    gradient: true,
    minimal: false,
    min_classes: 2,
    parameters: &[
        steps(10.0),
        step_size(0.2),
        real(parameters::DECAY, 0.0, 10.0, 1.0, "Weight of the earlier gradients"),
        switch(parameters::EARLY_STOP, false, EARLY_STOP),
    ],
};

static APGD_CE: Description = Description {
    id: "apgd-ce",
    title: "APGD-CE",
    about: "Steps with momentum that start at 2ε and halve when the cross-entropy stops rising.",
    source: "Croce & Hein 2020; defaults of AutoAttack",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 0.5)],
    gradient: true,
    minimal: false,
    min_classes: 2,
    parameters: &[steps(100.0), RESTARTS, RHO, switch(parameters::EARLY_STOP, true, EARLY_STOP)],
};

static APGD_DLR: Description = Description {
    id: "apgd-dlr",
    title: "APGD-DLR",
    about: "APGD on the difference-of-logits ratio, which no scale of the logits can hide.",
    source: "Croce & Hein 2020; defaults of AutoAttack",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 0.5)],
    gradient: true,
    minimal: false,
    min_classes: 3,
    parameters: &[steps(100.0), RESTARTS, RHO, switch(parameters::EARLY_STOP, true, EARLY_STOP)],
};

static APGD_T: Description = Description {
    id: "apgd-t",
    title: "APGD-T (targeted DLR)",
    about: "APGD on the targeted difference-of-logits ratio, towards one class after the other.",
    source: "Croce & Hein 2020; defaults of AutoAttack",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 0.5)],
    gradient: true,
    minimal: false,
    min_classes: 4,
    parameters: &[steps(100.0), RESTARTS, TARGETS, RHO, switch(parameters::EARLY_STOP, true, EARLY_STOP)],
};

static PMA: Description = Description {
    id: "pma",
    title: "PMA",
    about: "Long steps that shorten to nothing, twice, along the gradient of the margin between two probabilities.",
    source: "Xie, Zheng, Ma & Jiang 2025 (probability margin attack); defaults of the authors",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 0.5)],
    gradient: true,
    minimal: false,
    min_classes: 2,
    parameters: &[
        steps(100.0),
        count(parameters::RESTARTS, 1000.0, 1.0, "How many pairs of random starts, until one succeeds"),
    ],
};

static DEEPFOOL: Description = Description {
    id: "deepfool",
    title: "DeepFool",
    about: "Steps to the nearest class boundary of the linearised model: a short L2 perturbation.",
    source: "Moosavi-Dezfooli, Fawzi & Frossard 2016; defaults of torchattacks",
    norms: &[(Norm::L2, 0.5)],
    gradient: true,
    minimal: true,
    min_classes: 2,
    parameters: &[steps(50.0), real(parameters::OVERSHOOT, 0.0, 1.0, 0.02, OVERSHOOT)],
};

static CARLINI_WAGNER: Description = Description {
    id: "carlini-wagner",
    title: "Carlini–Wagner",
    about: "Minimises squared length plus c times the margin, by Adam in the arctanh of the picture.",
    source: "Carlini & Wagner 2017; defaults of torchattacks",
    norms: &[(Norm::L2, 0.5)],
    gradient: true,
    minimal: true,
    min_classes: 2,
    parameters: &[
        steps(50.0),
        real(parameters::C, 0.0, 1e10, 1.0, "Weight of the margin against the length"),
        count(
            parameters::SEARCH_STEPS,
            30.0,
            1.0,
            "How many values of c are tried, by binary search; 1 tries only the given",
        ),
        real(
            parameters::KAPPA,
            0.0,
            1000.0,
            0.0,
            "Margin, in log-odds, by which the other class must win for a perturbation to count",
        ),
        real(parameters::LEARNING_RATE, 0.0, 10.0, 0.01, "Adam's learning rate"),
    ],
};

static FAB: Description = Description {
    id: "fab",
    title: "FAB",
    about: "Projects onto the boundary of the linearised model, drawn back to the clean picture: a short perturbation.",
    source: "Croce & Hein 2020b; defaults of AutoAttack's FAB-T",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 0.5)],
    gradient: true,
    minimal: true,
    min_classes: 2,
    parameters: &[
        steps(100.0),
        Parameter {
            min: 0.0,
            help: "How many target classes, the most probable first; 0 takes the nearest boundary at each step",
            ..TARGETS
        },
        ALPHA_MAX,
        FAB_OVERSHOOT,
        BETA,
    ],
};

static SQUARE: Description = Description {
    id: "square",
    title: "Square",
    about: "Random squares of extreme colour, kept when they lower the margin: it needs no gradient.",
    source: "Andriushchenko et al. 2020; defaults of AutoAttack",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 0.5)],
    gradient: false,
    minimal: false,
    min_classes: 2,
    parameters: &[QUERIES, RESTARTS, P_INIT],
};

static AUTOATTACK: Description = Description {
    id: "autoattack",
    title: "AutoAttack",
    about: "APGD-CE, then targeted APGD-DLR, then FAB, then Square, until one succeeds.",
    source: "Croce & Hein 2020; defaults of AutoAttack, standard version",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 0.5)],
    gradient: true,
    minimal: false,
    min_classes: 2,
    parameters: &[steps(100.0), TARGETS, QUERIES, RHO, P_INIT, ALPHA_MAX, FAB_OVERSHOOT, BETA],
};

static GAUSSIAN_NOISE: Description = Description {
    id: "gaussian-noise",
    title: "Gaussian noise (control)",
    about: "Plain noise of the same budget, which a model should not mind: what the others are compared with.",
    source: "control",
    norms: &[(Norm::Linf, EIGHT), (Norm::L2, 0.5)],
    gradient: false,
    minimal: false,
    min_classes: 2,
    parameters: &[count(parameters::QUERIES, 1e7, 1.0, "How many draws are tried, until one fools the model")],
};
