//! What scripts answer is what the oracle answers.

use super::{MIXTURE, SHAPE, Written, apart, open, oracle, pictures, python};
use crate::attack;
use crate::joint::{JointModel, Linear};
use crate::picture::{Batch, Noise, Shape};
use crate::study::{Classes, Request, analyze};
use crate::task::Cancel;
use std::time::Duration;

#[test]
fn a_log_joint_is_the_oracles_with_every_gradient() {
    if !python() {
        return;
    }
    let model = Written::new(MIXTURE).open().unwrap();
    let oracle = oracle();
    assert_eq!((model.name(), model.classes(), model.shape()), ("net", oracle.classes(), SHAPE));
    assert_eq!((model.sigma_range().min, model.sigma_range().max), (0.01, 5.0));
    assert!(model.device().starts_with("python (python 3") && model.is_alive());
    let (noisy, sigmas) = pictures(4);
    let (ours, theirs) = (model.forward(&noisy, &sigmas).unwrap(), oracle.forward(&noisy, &sigmas).unwrap());
    for (a, b) in ours.log_joint().iter().zip(theirs.log_joint()) {
        assert!((a - b).abs() < 1e-9 * b.abs(), "{a} {b}");
    }
    for readings in [&[Linear::Score][..], &[Linear::ScoreAs(0), Linear::ClassGradient(1), Linear::LogitGradient(0, 1)]]
    {
        let (a, b) = (ours.gradients(readings).unwrap(), theirs.gradients(readings).unwrap());
        assert_eq!(a.len(), 4 * readings.len());
        assert!(apart(a.values(), b.values()) < 1e-5, "{readings:?}");
    }
    // A level outside of the script's range is the nearest in it.
    let (one, _) = pictures(1);
    assert_eq!(model.forward(&one, &[50.0]).unwrap().sigmas(), [5.0]);
}

#[test]
fn analyses_and_attacks_by_a_script_are_the_oracles() {
    if !python() {
        return;
    }
    let model = Written::new(MIXTURE).open().unwrap();
    let oracle = oracle();
    let (clean, _) = pictures(1);
    let request = Request::clean(clean.picture(0).map(|v| v.clamp(0.0, 1.0)), Noise::gaussian(0.2, 3));
    let study = |model: &dyn JointModel| {
        analyze(model, &request.clone().with_classes(Classes::All), &Cancel::new(), &mut |_| ())
    };
    let (ours, theirs) = (study(&model).unwrap(), study(&oracle).unwrap());
    assert!(apart(ours.denoised.values(), theirs.denoised.values()) < 1e-6);
    assert!((ours.log_density.unwrap() - theirs.log_density.unwrap()).abs() < 1e-9);
    assert!(ours.identity_error.unwrap() < 1e-6 && ours.notes.is_empty());
    let pgd = |model: &dyn JointModel| {
        let settings = attack::Settings::new(attack::Method::Pgd, 0.1).within(attack::Norm::L2, 0.5);
        let clean = Batch::of([&request.subject.picture().clone()]);
        attack::run(model, &clean, &[0], &settings, &Cancel::new(), &mut |_| ()).unwrap().remove(0)
    };
    let (ours, theirs) = (pgd(&model), pgd(&oracle));
    assert!(apart(ours.attacked.values(), theirs.attacked.values()) < 1e-5);
    assert_eq!((ours.success, ours.predicted_after), (theirs.success, theirs.predicted_after));
}

/// The mixture's own denoiser beside its classifier, whose density nobody is told.
const BOTH: &str = r#"
def posterior(p, s):
    joint = log_joint([p], [s])[0]
    top = max(joint)
    e = [math.exp(j - top) for j in joint]
    return [v / sum(e) for v in e]

class Both:
    "The classifier up to a number that depends on the picture, and the denoiser."
    shape, classes = shape, classes
    def logits(self, y, sigma):
        return [[j - row[0] for j in row] for row in log_joint(y, sigma)]
    def logits_vjp(self, y, sigma, w):
        return [gradient(p, s, [c - (sum(ws) if k == 0 else 0) for k, c in enumerate(ws)]) for p, s, ws in zip(y, sigma, w)]
    def denoise(self, y, sigma):
        def one(p, s):
            score = gradient(p, s, posterior(p, s))
            return [[[v + s * s * g for v, g in zip(*rows)] for rows in zip(p[0], score[0])]]
        return [one(*each) for each in zip(y, sigma)]

class Alone:
    shape = shape
    denoise = Both.denoise
"#;

#[test]
fn a_classifier_and_a_denoiser_together_give_every_conditional_denoiser() {
    if !python() {
        return;
    }
    let script = Written::new(&format!("{MIXTURE}{BOTH}"));
    let opened = |object| open(&script.path(), Some(object), Duration::from_mins(1), &Cancel::new()).unwrap();
    let (model, oracle) = (opened("Both"), oracle());
    assert_eq!(model.name(), "Both");
    assert!(model.abilities().density.missing().unwrap().contains("classifier and a denoiser"));
    let (noisy, sigmas) = pictures(3);
    let (ours, theirs) = (model.forward(&noisy, &sigmas).unwrap(), oracle.forward(&noisy, &sigmas).unwrap());
    for picture in 0..3 {
        for (a, b) in ours.posterior_of(picture).iter().zip(theirs.posterior_of(picture)) {
            assert!((a - b).abs() < 1e-9);
        }
    }
    // D_c = D + σ²∇log p(c | y) is the mixture's, though its density was never said.
    let close = |a: &Batch, b: &Batch| assert!(apart(a.values(), b.values()) < 1e-5);
    close(&ours.denoised_as(&[0, 1]).unwrap(), &theirs.denoised_as(&[0, 1]).unwrap());
    close(&ours.denoised().unwrap(), &theirs.denoised().unwrap());
    let readings = [Linear::ClassGradient(1), Linear::LogitGradient(1, 0)];
    close(&ours.gradients(&readings).unwrap(), &theirs.gradients(&readings).unwrap());

    let alone = opened("Alone");
    assert!(!alone.is_classifier() && alone.abilities().density.missing().unwrap().contains("denoiser alone"));
    let pass = alone.forward(&noisy, &sigmas).unwrap();
    close(&pass.denoised().unwrap(), &theirs.denoised().unwrap());
    let request = Request::noisy(noisy.picture(0), Some(0.3));
    let study = analyze(&alone, &request, &Cancel::new(), &mut |_| ()).unwrap();
    assert_eq!((study.posterior.as_slice(), study.log_density), (&[1.0][..], None));
    assert!(study.notes.iter().any(|note| note.contains("no log p(y)")), "{:?}", study.notes);
}

/// Logits of pictures on a scale of their own: a weight a value.
const SCALED: &str = r#"
shape = (3, 1, 2)
classes = ["a", "b"]
W = [[0.5, -1.0, 2.0, 0.25, 1.5, -0.75], [-1.0, 0.5, 0.5, 1.0, -2.0, 0.125]]
def flat(x):
    return [v for plane in x for row in plane for v in row]
def logits(x):
    return [[sum(v * v * c for v, c in zip(flat(p), row)) for row in W] for p in x]
def logits_vjp(x, w):
    def one(p, ws):
        g = [2 * v * sum(c * row[i] for c, row in zip(ws, W)) for i, v in enumerate(flat(p))]
        return [[g[0:2]], [g[2:4]], [g[4:6]]]
    return [one(*each) for each in zip(x, w)]
"#;

#[test]
fn a_scripts_own_scale_is_undone_in_values_and_gradients() {
    if !python() {
        return;
    }
    let shape = Shape::new(3, 1, 2);
    let values = vec![0.1, 0.4, 0.5, 0.7, 0.9, 0.2];
    let weights = [[0.5, -1.0, 2.0, 0.25, 1.5, -0.75], [-1.0, 0.5, 0.5, 1.0, -2.0, 0.125]];
    for (said, offset, scale) in [
        ("", [0.0; 3], [1.0; 3]),
        ("range = (-1, 1)", [0.5; 3], [0.5; 3]),
        ("range = (0, 255)", [0.0; 3], [1.0 / 255.0; 3]),
        ("mean, std = (0.5, 0.25, 0.125), [0.5, 0.25, 2]", [0.5, 0.25, 0.125], [0.5, 0.25, 2.0]),
        ("mean, std = 0.5, 0.25", [0.5; 3], [0.25; 3]),
    ] {
        let model = Written::new(&format!("{SCALED}{said}\n")).open().unwrap();
        let pass = model.forward(&Batch::new(shape, values.clone()), &[0.1]).unwrap();
        for (class, row) in weights.iter().enumerate() {
            let seen = |i: usize| (f64::from(values[i]) - offset[i / 2]) / scale[i / 2];
            let logit: f64 = row.iter().enumerate().map(|(i, c)| seen(i) * seen(i) * c).sum();
            assert!((pass.log_joint()[class] - logit).abs() < 1e-4 * logit.abs().max(1.0), "{said}");
            let truth: Vec<f32> =
                row.iter().enumerate().map(|(i, c)| (2.0 * seen(i) * c / scale[i / 2]) as f32).collect();
            let found = pass.gradients(&[Linear::ScoreAs(class)]).unwrap();
            let size = truth.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
            assert!(apart(found.values(), &truth) < 1e-5 * size, "{said}: {:?} {truth:?}", found.values());
        }
        let abilities = model.abilities();
        assert!(abilities.sigma.missing().is_some() && abilities.density.note().unwrap().contains("JEM"));
    }
}

#[test]
fn a_denoiser_on_its_own_scale_is_told_its_own_noise_level() {
    if !python() {
        return;
    }
    // D = y/(1 + σ²) on the scale of −1 to 1.
    let text = "shape = (1, 2, 3)\nrange = (-1, 1)\ndef denoise(y, sigma):\n    \
                return [[[[v / (1 + s * s) for v in r] for r in c] for c in p] for p, s in zip(y, sigma)]\n";
    let model = Written::new(text).open().unwrap();
    let (noisy, sigmas) = pictures(2);
    let found = model.forward(&noisy, &sigmas).unwrap().denoised().unwrap();
    let truth = |v: f32, s: f32| f32::midpoint((2.0 * v - 1.0) / (1.0 + 4.0 * s * s), 1.0);
    let each = noisy.values().iter().enumerate().map(|(i, &v)| truth(v, sigmas[i / SHAPE.len()])).collect::<Vec<_>>();
    assert!(apart(found.values(), &each) < 1e-5);
}

#[test]
fn more_passes_than_are_kept_there_are_repeated() {
    if !python() {
        return;
    }
    let (model, oracle) = (Written::new(MIXTURE).open().unwrap(), oracle());
    let (noisy, sigmas) = pictures(1);
    let passes: Vec<_> = (0..20).map(|_| model.forward(&noisy, &sigmas).unwrap()).collect();
    let truth = oracle.forward(&noisy, &sigmas).unwrap().denoised().unwrap();
    for pass in &passes {
        assert!(apart(pass.denoised().unwrap().values(), truth.values()) < 1e-5);
    }
}

#[test]
fn several_threads_are_answered_each_its_own() {
    if !python() {
        return;
    }
    let (model, oracle) = (Written::new(MIXTURE).open().unwrap(), oracle());
    let (all, sigmas) = pictures(4);
    std::thread::scope(|scope| {
        for (index, &sigma) in sigmas.iter().enumerate() {
            let (model, oracle) = (&model, &oracle);
            let noisy = Batch::of([&all.picture(index)]);
            scope.spawn(move || {
                for _ in 0..10 {
                    let denoised =
                        |model: &dyn JointModel| model.forward(&noisy, &[sigma]).unwrap().denoised().unwrap();
                    assert!(apart(denoised(model).values(), denoised(oracle).values()) < 1e-5);
                }
            });
        }
    });
}

#[test]
fn the_digest_is_the_scripts_and_its_files() {
    if !python() {
        return;
    }
    let script = Written::new(&format!("{MIXTURE}files = ['weights.bin']\n"));
    let weights = script.folder.path().join("weights.bin");
    std::fs::write(&weights, "one").unwrap();
    let first = script.open().unwrap().digest();
    assert_eq!(script.open().unwrap().digest(), first);
    std::fs::write(&weights, "two").unwrap();
    assert_ne!(script.open().unwrap().digest(), first);
    std::fs::remove_file(&weights).unwrap();
    assert!(script.refusal().contains("weights.bin"));
}
