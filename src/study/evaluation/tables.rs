//! The figures of an evaluation as tables of words, for the report and the window alike.

use super::attack_plan::aimed;
use super::{CertifiedFigures, DetectionFigures, Evaluation, LevelFigures, RobustFigures};
use crate::attack::Defence;
use crate::picture::METRICS;
use crate::study::lab::wilson;
use crate::study::level;
use crate::study::words::{number, share};

/// A part of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Gaussian noise, by level.
    Levels,
    /// Other kinds of noise.
    Noises,
    /// Attacks.
    Attacks,
    /// Certificates.
    Certificates,
    /// Pictures of another kind.
    Detection,
}

impl Part {
    /// Its title.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Levels => "Gaussian noise",
            Self::Noises => "Other kinds of noise",
            Self::Attacks => "Under attack",
            Self::Certificates => "Certified against every perturbation",
            Self::Detection => "Pictures of another kind",
        }
    }
}

/// One table.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What it is of.
    pub part: Part,
    /// The columns' names.
    pub head: Vec<String>,
    /// What each column is, in a sentence.
    pub about: Vec<String>,
    /// As many cells a row as there are columns.
    pub rows: Vec<Vec<String>>,
    /// What a person should know to read it; empty where the columns say it all.
    pub note: String,
}

/// A column's name and what it is.
fn column(name: impl Into<String>, about: impl Into<String>) -> (String, String) {
    (name.into(), about.into())
}

const ACCURACY: &str = "The share of pictures of which the likeliest class is the true one";
const SIGMA: &str = "The noise level that the model is told, on the [0, 1] scale";

const DEFENDED: &str = "An attack on a defended classifier knows the defence: its gradients go through it, as the mean over \
                        draws of its noise. Both accuracies are then the defended classifier's.";
const INTERVAL: &str =
    "In brackets the interval that holds the share over all such pictures, with 95 % confidence (Wilson 1927).";
const DENOISER: &str =
    "The model has one class, so it is a denoiser: there is no accuracy and no calibration to measure.";
const NEAREST: &str =
    " A σ with * lies outside of the model's trained range: the model was told the nearest level that it knows.";
const CERTIFIED: &str = "The smoothed classifier says what the model says most often of the picture with noise. No \
                         perturbation shorter than the L2 radius changes that; a wrong class or an abstention certifies nothing.";

/// Every table that the evaluation has figures for, in the order of reports.
#[must_use]
pub fn tables(evaluation: &Evaluation) -> Vec<Table> {
    let all = [
        levels(Part::Levels, &evaluation.by_sigma, (evaluation.classes, evaluation.images)),
        levels(Part::Noises, &evaluation.by_noise, (evaluation.classes, evaluation.images)),
        attacks(&evaluation.robust, evaluation.images),
        certificates(&evaluation.certified),
        detections(&evaluation.ood),
    ];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

/// A share of so many pictures, with Wilson's interval at 95 %: `97.31 % (96.4–98.0)`.
fn measured(value: f64, images: usize) -> String {
    let (low, high) = wilson((value * images as f64).round() as usize, images);
    format!("{} ({}–{})", share(value), number(100.0 * low, 1), number(100.0 * high, 1))
}

/// Whether the model was told another level than the noise's, which lies outside of its trained range.
fn is_told_another(figures: &LevelFigures) -> bool {
    figures.sigma_used != figures.sigma
}

fn levels(part: Part, figures: &[LevelFigures], (classes, images): (usize, usize)) -> Table {
    let of_classes = |text: String| if classes > 1 { text } else { "–".to_owned() };
    let has_top5 = figures.iter().any(|f| f.top5_accuracy.is_some());
    let row = |f: &LevelFigures| {
        let mark = if is_told_another(f) { "*" } else { "" };
        let (noise, sigma) = (f.noise.name().to_owned(), format!("{}{mark}", level::describe(f.sigma)));
        let mut row = vec![noise, sigma, of_classes(measured(f.accuracy, images))];
        if has_top5 {
            row.push(f.top5_accuracy.map_or_else(|| "–".to_owned(), |value| measured(value, images)));
        }
        row.push(of_classes(format!("{:.4}", f.ece)));
        for (index, metric) in METRICS.into_iter().enumerate() {
            let cell = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| metric.write(value));
            // The first metric tells the whole story, the others what D makes of it.
            if index == 0 {
                row.extend([cell(f.fidelity.noisy[0]), cell(f.fidelity.denoised[0]), cell(f.fidelity.given_class[0])]);
            } else {
                row.push(cell(f.fidelity.denoised[index]));
            }
        }
        row
    };
    let first = METRICS[0].title;
    let mut columns = vec![
        column("noise", "The kind of noise"),
        column("σ", "The noise level, on the [0, 1] scale"),
        column("accuracy", ACCURACY),
    ];
    columns.extend(has_top5.then(|| {
        column("top-5 accuracy", "The share of pictures of which the true class is among the five likeliest")
    }));
    columns.extend([
        column("ECE", "The expected calibration error: how far, on average, beliefs are from how often they are right; 0 is perfect"),
        column(format!("{first} noisy"), format!("{first} of the noisy picture against the clean one")),
        column("denoised", format!("{first} of the restored picture, D(y)")),
        column("given the class", format!("{first} of what is restored by a model that is told the true class, D(y|c)")),
    ]);
    columns.extend(METRICS[1..].iter().map(|m| column(m.title, format!("Of the restored picture. {}", m.about))));
    let (head, about) = columns.into_iter().unzip();
    let mut note = if classes > 1 { INTERVAL } else { DENOISER }.to_owned();
    if figures.iter().any(is_told_another) {
        note.push_str(NEAREST);
    }
    Table { part, head, about, rows: figures.iter().map(row).collect(), note }
}

fn attacks(figures: &[RobustFigures], images: usize) -> Table {
    let row = |f: &RobustFigures| {
        vec![
            aimed(f.method.description().title, f.target),
            f.norm.title().to_owned(),
            level::describe(f.epsilon as f32),
            level::describe(f.sigma),
            if f.defence == Defence::None { "–".to_owned() } else { f.defence.to_string() },
            measured(f.clean_accuracy, images),
            measured(f.accuracy, images),
            f.mean_achieved.map_or_else(|| "–".to_owned(), |size| format!("{size:.4}")),
        ]
    };
    let columns = [
        column("attack", "How perturbations are searched for"),
        column("norm", "How a perturbation's size is measured"),
        column("ε", "The largest perturbation that is allowed"),
        column("σ", SIGMA),
        column("defence", "What is done to the picture before the classifier"),
        column("clean accuracy", "Before the attack. ".to_owned() + ACCURACY),
        column("robust accuracy", "After the attack. ".to_owned() + ACCURACY),
        column("mean size of successes", "The mean size, in the norm, of the perturbations that changed the class"),
    ];
    let (head, about) = columns.into_iter().unzip();
    let note = if figures.iter().any(|f| f.defence != Defence::None) { DEFENDED } else { INTERVAL }.to_owned();
    Table { part: Part::Attacks, head, about, rows: figures.iter().map(row).collect(), note }
}

fn certificates(figures: &[CertifiedFigures]) -> Table {
    let row = |f: &CertifiedFigures| {
        // The largest radii that still hold for 90 %, 50 % and 10 % of the pictures say it all in little room.
        let reached = |least: f64| {
            let last = f.by_radius.iter().rev().find(|s| s.accuracy >= least);
            last.map_or_else(|| "–".to_owned(), |s| format!("{:.3}", s.radius))
        };
        vec![
            level::describe(f.sigma),
            format!("{} pictures, {} votes", f.images, f.samples),
            measured(f.by_radius.first().map_or(0.0, |s| s.accuracy), f.images),
            share(f.abstained),
            format!("{:.4}", f.mean_radius),
            reached(0.9),
            reached(0.5),
            reached(0.1),
        ]
    };
    let reach = |share: &str| {
        column(format!("{share} up to"), format!("The largest L2 radius that is certified for {share} of the pictures"))
    };
    let columns = [
        column("σ", "The noise level of the smoothing, on the [0, 1] scale"),
        column("on", "How many pictures were certified, by how many votes each"),
        column("certified accuracy", "The share of pictures whose true class is certified at all"),
        column("abstained", "The share of pictures of which the smoothed classifier says nothing"),
        column("mean radius", "The mean certified L2 radius, 0 for a wrong class and for abstention"),
        reach("90 %"),
        reach("50 %"),
        reach("10 %"),
    ];
    let (head, about) = columns.into_iter().unzip();
    Table { part: Part::Certificates, head, about, rows: figures.iter().map(row).collect(), note: CERTIFIED.to_owned() }
}

fn detections(figures: &[DetectionFigures]) -> Table {
    let row = |d: &DetectionFigures| {
        vec![
            d.score.name().to_owned(),
            format!("{} ({})", d.data, d.images),
            level::describe(d.sigma),
            format!("{:.4}", d.auroc),
            share(d.fpr_at_95),
        ]
    };
    let columns = [
        column("score", "By what the pictures are told apart"),
        column("against", "The pictures of another kind, and how many"),
        column("σ", SIGMA),
        column("AUROC", "The area under the curve of true against false positives: 1 tells all apart, 0.5 none"),
        column(
            "FPR at 95 % TPR",
            "The share of the other pictures that pass where 95 % of the own pictures pass; 0 is perfect",
        ),
    ];
    let (head, about) = columns.into_iter().unzip();
    Table { part: Part::Detection, head, about, rows: figures.iter().map(row).collect(), note: String::new() }
}
