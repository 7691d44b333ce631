//! The figures of an evaluation as tables of words, for the report and the window alike.

use super::{DetectionFigures, Evaluation, LevelFigures, RobustFigures};
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
}

/// Every table that the evaluation has figures for, in the order of reports.
#[must_use]
pub fn tables(evaluation: &Evaluation) -> Vec<Table> {
    let all = [
        levels(Part::Levels, &evaluation.by_sigma),
        levels(Part::Noises, &evaluation.by_noise),
        attacks(&evaluation.robust),
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
            format!("{:.2} dB", f.psnr_db.noisy),
            format!("{:.2} dB", f.psnr_db.denoised),
            format!("{:.4}", f.ssim),
        ]
    };
    let head = vec!["noise", "σ", "accuracy", "ECE", "PSNR noisy", "PSNR denoised", "SSIM"];
    Table { part, head, rows: figures.iter().map(row).collect() }
}

fn attacks(figures: &[RobustFigures]) -> Table {
    let row = |f: &RobustFigures| {
        vec![
            f.method.description().title.to_owned(),
            f.norm.title().to_owned(),
            level::describe(f.epsilon as f32),
            level::describe(f.sigma),
            percent(f.clean_accuracy),
            percent(f.accuracy),
            f.mean_achieved.map_or_else(|| "–".to_owned(), |size| format!("{size:.4}")),
        ]
    };
    let head = vec!["attack", "norm", "ε", "σ", "clean accuracy", "robust accuracy", "mean size of successes"];
    Table { part: Part::Attacks, head, rows: figures.iter().map(row).collect() }
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
    Table { part: Part::Detection, head, rows: figures.iter().map(row).collect() }
}
