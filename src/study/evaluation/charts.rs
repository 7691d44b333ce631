//! What of an evaluation is drawn, for the report and the window alike.

use super::chart::{Chart, Series};
use super::{Evaluation, LevelFigures, RobustFigures};
use crate::study::level;

/// Every chart that the evaluation has figures for.
#[must_use]
pub fn charts(evaluation: &Evaluation) -> Vec<Chart> {
    [by_level(&evaluation.by_sigma), by_budget(&evaluation.robust)].concat()
}

/// Over the noise level: accuracy, PSNR, and accuracy against confidence.
pub(super) fn by_level(figures: &[LevelFigures]) -> Vec<Chart> {
    if figures.is_empty() { Vec::new() } else { vec![accuracy(figures), psnr(figures), reliability(figures)] }
}

/// Over the budget of the attacks.
pub(super) fn by_budget(figures: &[RobustFigures]) -> Vec<Chart> {
    if figures.is_empty() { Vec::new() } else { vec![robustness(figures)] }
}

/// Points in the order of rising x.
fn series(name: impl Into<String>, points: impl Iterator<Item = (f64, f64)>) -> Series {
    let mut points: Vec<(f64, f64)> = points.collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Series { name: name.into(), points }
}

fn chart(x_label: &str, y_label: &str, y_range: Option<(f64, f64)>, series: Vec<Series>) -> Chart {
    Chart { x_label: x_label.to_owned(), y_label: y_label.to_owned(), y_range, diagonal: false, series }
}

fn accuracy(figures: &[LevelFigures]) -> Chart {
    let line = series("accuracy", figures.iter().map(|f| (f64::from(f.sigma), f.accuracy)));
    chart("σ", "Accuracy by noise level", Some((0.0, 1.0)), vec![line])
}

fn psnr(figures: &[LevelFigures]) -> Chart {
    let denoised = series("denoised", figures.iter().map(|f| (f64::from(f.sigma), f.psnr_db.denoised)));
    let noisy = series("noisy", figures.iter().map(|f| (f64::from(f.sigma), f.psnr_db.noisy)));
    chart("σ", "PSNR in dB by noise level", None, vec![denoised, noisy])
}

fn reliability(figures: &[LevelFigures]) -> Chart {
    let line = |f: &LevelFigures| {
        let filled = f.reliability.bins.iter().filter(|bin| bin.count > 0);
        series(format!("σ = {}", level::describe(f.sigma)), filled.map(|bin| (bin.confidence, bin.accuracy)))
    };
    let lines = figures.iter().map(line).collect();
    Chart { diagonal: true, ..chart("confidence", "Accuracy by confidence", Some((0.0, 1.0)), lines) }
}

fn robustness(figures: &[RobustFigures]) -> Chart {
    let mut lines: Vec<Series> = Vec::new();
    for f in figures {
        let name = format!("{} {}", f.method.description().title, f.norm.title());
        let points = [(0.0, f.clean_accuracy), (f.epsilon, f.accuracy)];
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(points[1]),
            None => lines.push(series(name, points.into_iter())),
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    chart("ε", "Robust accuracy by budget", Some((0.0, 1.0)), lines)
}
