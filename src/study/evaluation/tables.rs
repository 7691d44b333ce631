//! The figures of an evaluation as tables of words, for the report and the window alike.

use super::{CertifiedFigures, DetectionFigures, Evaluation, LevelFigures, RobustFigures};
use crate::attack::Defence;
use crate::picture::decibels;
use crate::study::level;

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
    pub head: Vec<&'static str>,
    /// As many cells a row as there are columns.
    pub rows: Vec<Vec<String>>,
    /// What a person should know to read it; empty where the columns say it all.
    pub note: &'static str,
}

const DEFENDED: &str = "An attack on a defended classifier knows the defence: its gradients go through it, as the mean over \
                        draws of its noise. Both accuracies are then the defended classifier's.";
const CERTIFIED: &str = "The smoothed classifier says what the model says most often of the picture with noise. No \
                         perturbation shorter than the L2 radius changes that; a wrong class or an abstention certifies nothing.";

/// Every table that the evaluation has figures for, in the order of reports.
#[must_use]
pub fn tables(evaluation: &Evaluation) -> Vec<Table> {
    let all = [
        levels(Part::Levels, &evaluation.by_sigma),
        levels(Part::Noises, &evaluation.by_noise),
        attacks(&evaluation.robust),
        certificates(&evaluation.certified),
        detections(&evaluation.ood),
    ];
    all.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

fn levels(part: Part, figures: &[LevelFigures]) -> Table {
    let row = |f: &LevelFigures| {
        vec![
            f.noise.name().to_owned(),
            level::describe(f.sigma),
            percent(f.accuracy),
            format!("{:.4}", f.ece),
            decibels::describe(f.psnr_db.noisy),
            decibels::describe(f.psnr_db.denoised),
            decibels::describe(f.psnr_db.given_class),
            format!("{:.4}", f.ssim),
        ]
    };
    let head = vec!["noise", "σ", "accuracy", "ECE", "PSNR noisy", "denoised", "given the class", "SSIM"];
    Table { part, head, rows: figures.iter().map(row).collect(), note: "" }
}

fn attacks(figures: &[RobustFigures]) -> Table {
    let row = |f: &RobustFigures| {
        vec![
            f.method.description().title.to_owned(),
            f.norm.title().to_owned(),
            level::describe(f.epsilon as f32),
            level::describe(f.sigma),
            if f.defence == Defence::None { "–".to_owned() } else { f.defence.to_string() },
            percent(f.clean_accuracy),
            percent(f.accuracy),
            f.mean_achieved.map_or_else(|| "–".to_owned(), |size| format!("{size:.4}")),
        ]
    };
    let head =
        vec!["attack", "norm", "ε", "σ", "defence", "clean accuracy", "robust accuracy", "mean size of successes"];
    let note = if figures.iter().any(|f| f.defence != Defence::None) { DEFENDED } else { "" };
    Table { part: Part::Attacks, head, rows: figures.iter().map(row).collect(), note }
}

fn certificates(figures: &[CertifiedFigures]) -> Table {
    let row = |f: &CertifiedFigures| {
        // The largest radii that still hold for 90 %, 50 % and 10 % of the pictures say it all in little room.
        let reached = |share: f64| {
            let last = f.by_radius.iter().rev().find(|s| s.accuracy >= share);
            last.map_or_else(|| "–".to_owned(), |s| format!("{:.3}", s.radius))
        };
        vec![
            level::describe(f.sigma),
            format!("{} pictures, {} votes", f.images, f.samples),
            percent(f.by_radius.first().map_or(0.0, |s| s.accuracy)),
            percent(f.abstained),
            format!("{:.4}", f.mean_radius),
            reached(0.9),
            reached(0.5),
            reached(0.1),
        ]
    };
    let head =
        vec!["σ", "on", "certified accuracy", "abstained", "mean radius", "90 % up to", "50 % up to", "10 % up to"];
    Table { part: Part::Certificates, head, rows: figures.iter().map(row).collect(), note: CERTIFIED }
}

fn detections(figures: &[DetectionFigures]) -> Table {
    let row = |d: &DetectionFigures| {
        vec![
            d.score.name().to_owned(),
            format!("{} ({})", d.data, d.images),
            level::describe(d.sigma),
            format!("{:.4}", d.auroc),
            percent(d.fpr_at_95),
        ]
    };
    let head = vec!["score", "against", "σ", "AUROC", "FPR at 95 % TPR"];
    Table { part: Part::Detection, head, rows: figures.iter().map(row).collect(), note: "" }
}
