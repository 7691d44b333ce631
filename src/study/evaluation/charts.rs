//! What of an evaluation is drawn, for the report and the window alike.

use super::attack_plan::aimed;
use super::chart::{Chart, Series};
use super::tables::Part;
use super::{CertifiedFigures, Evaluation, LevelFigures, RobustFigures};
use crate::attack::{Defence, Norm};
use crate::picture::{METRICS, Metric};
use crate::study::level;

/// The charts of a part of the evaluation, none where it has no figures.
#[must_use]
pub fn of(evaluation: &Evaluation, part: Part) -> Vec<Chart> {
    match part {
        Part::Levels if !evaluation.by_sigma.is_empty() => {
            let figures = &evaluation.by_sigma;
            let by_metric = METRICS.into_iter().map(|metric| nearness(figures, metric));
            std::iter::once(accuracy(figures)).chain(by_metric).chain([reliability(figures)]).collect()
        }
        Part::Attacks => Norm::ALL.into_iter().filter_map(|norm| robustness(&evaluation.robust, norm)).collect(),
        Part::Certificates if !evaluation.certified.is_empty() => {
            let both = [certified(&evaluation.certified), votes(&evaluation.certified)];
            both.into_iter().chain(evaluation.certified.iter().filter_map(brackets)).collect()
        }
        _ => Vec::new(),
    }
}

/// Points in the order of rising x; an infinite one, the PSNR of identical pictures, has no place.
fn series(name: impl Into<String>, points: impl Iterator<Item = (f64, f64)>) -> Series {
    let mut points: Vec<(f64, f64)> = points.filter(|(_, y)| y.is_finite()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    Series { name: name.into(), points }
}

fn chart(x_label: &str, y_label: &str, y_range: Option<(f64, f64)>, series: Vec<Series>) -> Chart {
    Chart { x_label: x_label.to_owned(), y_label: y_label.to_owned(), y_range, diagonal: false, series }
}

/// The range of a share, in percent as the tables have it.
const SHARES: Option<(f64, f64)> = Some((0.0, 100.0));

fn percent(share: f64) -> f64 {
    100.0 * share
}

fn accuracy(figures: &[LevelFigures]) -> Chart {
    let line = series("accuracy", figures.iter().map(|f| (f64::from(f.sigma), percent(f.accuracy))));
    chart("σ", "Accuracy in % by noise level", SHARES, vec![line])
}

fn nearness(figures: &[LevelFigures], metric: &Metric) -> Chart {
    let points = || figures.iter().filter_map(|f| Some((f64::from(f.sigma), f.fidelity.of(metric)?)));
    let denoised = series("denoised", points().map(|(sigma, (_, denoised, _))| (sigma, denoised)));
    let noisy = series("noisy", points().map(|(sigma, (noisy, ..))| (sigma, noisy)));
    let unit = if metric.unit.is_empty() { String::new() } else { format!(" in {}", metric.unit) };
    chart("σ", &format!("{}{unit} by noise level", metric.title), None, vec![denoised, noisy])
}

fn reliability(figures: &[LevelFigures]) -> Chart {
    let line = |f: &LevelFigures| {
        let filled = f.reliability.bins.iter().filter(|bin| bin.count > 0);
        series(
            format!("σ = {}", level::describe(f.sigma)),
            filled.map(|bin| (percent(bin.confidence), percent(bin.accuracy))),
        )
    };
    let lines = figures.iter().map(line).collect();
    Chart { diagonal: true, ..chart("confidence in %", "Accuracy in % by confidence", SHARES, lines) }
}

/// The attacks of one norm, whose budgets are on one scale; none if there are none.
fn robustness(figures: &[RobustFigures], norm: Norm) -> Option<Chart> {
    let mut lines: Vec<Series> = Vec::new();
    let one_sigma = figures.windows(2).all(|pair| pair[0].sigma == pair[1].sigma);
    for f in figures.iter().filter(|f| f.norm == norm) {
        let against = if f.defence == Defence::None { String::new() } else { format!(" against {}", f.defence) };
        let sigma = if one_sigma { String::new() } else { format!(" at σ = {}", level::describe(f.sigma)) };
        let name = format!("{}{against}{sigma}", aimed(f.method.description().title, f.target));
        let points = [(0.0, percent(f.clean_accuracy)), (f.epsilon, percent(f.accuracy))];
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.points.push(points[1]),
            None => lines.push(series(name, points.into_iter())),
        }
    }
    for line in &mut lines {
        line.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    let x_label = format!("ε in {}", norm.title());
    (!lines.is_empty()).then(|| chart(&x_label, "Robust accuracy in % by budget", SHARES, lines))
}

fn certified(figures: &[CertifiedFigures]) -> Chart {
    let mut lines = Vec::new();
    for f in figures {
        let name = format!("σ = {}", level::describe(f.sigma));
        if !f.by_attack.is_empty() {
            let points = f.by_attack.iter().map(|s| (s.radius, percent(s.accuracy)));
            lines.push(series(format!("{name}, no attack found"), points));
        }
        lines.push(series(name, f.by_radius.iter().map(|s| (s.radius, percent(s.accuracy)))));
    }
    chart("L2 radius", "Certified accuracy in % by radius", SHARES, lines)
}

/// A bracket a picture, the largest proved radius first: the true radius lies between both lines.
fn brackets(figures: &CertifiedFigures) -> Option<Chart> {
    let mut all = figures.brackets.clone();
    all.sort_by(|a, b| {
        b.proved.total_cmp(&a.proved).then(b.attacked.unwrap_or_default().total_cmp(&a.attacked.unwrap_or_default()))
    });
    let numbered = || all.iter().enumerate().map(|(number, bracket)| ((number + 1) as f64, bracket));
    let found = series("smallest attack found", numbered().filter_map(|(x, b)| Some((x, b.attacked?))));
    let proved = series("proved", numbered().map(|(x, b)| (x, b.proved)));
    let label = format!("L2 radius of each picture, σ = {}", level::describe(figures.sigma));
    (!all.is_empty()).then(|| chart("picture, by its proved radius", &label, None, vec![found, proved]))
}

/// What the mean radius hides: how the votes for the true class are distributed.
fn votes(figures: &[CertifiedFigures]) -> Chart {
    let line = |f: &CertifiedFigures| {
        let points = f.by_votes.iter().map(|s| (percent(s.votes), percent(s.pictures)));
        series(format!("σ = {}", level::describe(f.sigma)), points)
    };
    let label = "Pictures in % by the votes for their class, at most";
    chart("votes in %", label, SHARES, figures.iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::super::CertifiedShare;
    use super::*;

    /// As the tables say them: an axis of accuracies goes to 100, and so do its points.
    #[test]
    fn shares_are_in_percent() {
        let by_radius =
            vec![CertifiedShare { radius: 0.0, accuracy: 0.75 }, CertifiedShare { radius: 0.5, accuracy: 0.5 }];
        let figures = CertifiedFigures {
            sigma: 0.25,
            images: 4,
            samples: 100,
            alpha: 0.001,
            abstained: 0.25,
            mean_radius: 0.3,
            by_radius,
            by_votes: Vec::new(),
            brackets: Vec::new(),
            by_attack: Vec::new(),
        };
        let chart = certified(std::slice::from_ref(&figures));
        assert_eq!((chart.y_range, &chart.y_label[..]), (Some((0.0, 100.0)), "Certified accuracy in % by radius"));
        assert_eq!(chart.series[0].points, [(0.0, 75.0), (0.5, 50.0)]);
        let svg = chart.to_svg().into_string();
        // The ticks of the axis that runs up.
        assert!(["0", "20", "80", "100"].iter().all(|tick| svg.contains(&format!(">{tick}</text>"))), "{svg}");
        let diagonal = reliability(&[]).to_svg().into_string();
        assert!(diagonal.matches(">100</text>").count() == 2, "both axes of the diagonal: {diagonal}");
    }
}
