//! The sheet of an attack on the denoiser: the noisy picture and what is restored of it, before and after.

use image::RgbImage;

use super::page::{Caption, Head, Page, Panel, origin, signed_range};
use super::raster::{shown, signed};
use super::theme::Theme;
use crate::attack::{DenoiserOutcome, DenoiserSettings, Norm};
use crate::joint::JointModel;
use crate::picture::{Fidelity, Noise, Picture};
use crate::study::words::{believed_in_print, number, plain, significant};
use crate::study::{level, ranked};

/// Draws the sheet of an attack on the denoiser of `noisy`, with the clean picture where that is known and the noise that was put on it,
/// titled with the picture's name.
#[must_use]
pub fn denoiser_attack_sheet(
    outcome: &DenoiserOutcome,
    settings: &DenoiserSettings,
    model: &dyn JointModel,
    (noisy, clean, noise): (&Picture, Option<&Picture>, Option<Noise>),
    (title, theme): (&str, Theme),
) -> RgbImage {
    let mut page = Page::new(theme);
    let length = |value: f64| match settings.norm {
        Norm::Linf => level::describe(value as f32),
        Norm::L2 => plain(value),
    };
    let norm = settings.norm.title();
    let times = outcome.loss.last().copied().unwrap_or_default() / outcome.control;
    let compared = if times.is_finite() { format!("{} times plain noise", number(times, 1)) } else { String::new() };
    page.head(&Head {
        title,
        verdict: ["The denoiser".to_owned(), compared],
        line: format!("{}  ·  {norm} {}", origin(model.name(), noise, settings.sigma, false), length(settings.epsilon)),
        right: format!("moved {norm} {}", length(outcome.achieved.in_norm(settings.norm))),
    });
    let believed = |posterior: &[f64]| {
        if model.classes().len() < 2 {
            return Vec::new();
        }
        let class = ranked(posterior)[0];
        let name = &model.classes()[class];
        vec![believed_in_print(name, posterior[class]), name.clone()]
    };
    let fidelity = |picture: &Picture| {
        let Some(clean) = clean else { return Vec::new() };
        vec![format!("{} dB", number(Fidelity::of(picture, clean).psnr_db(), 2))]
    };
    let picture = |label: &str, formula, picture: &Picture, words| Panel {
        label: label.to_owned(),
        formula,
        image: shown(picture),
        caption: Caption::Text(words),
    };
    let colours = page.palette().signed;
    let change = |label: &str, formula, change: &Picture| {
        let range = signed_range(change);
        Panel { label: label.to_owned(), formula, image: signed(change, range, colours), caption: Caption::Key(range) }
    };
    let panels = [
        picture("Noisy", "y", noisy, believed(&outcome.posterior_before)),
        picture("Attacked", "y + d", &outcome.attacked, believed(&outcome.posterior_after)),
        change("Perturbation", "d", &outcome.attacked.zip(noisy, |attacked, noisy| attacked - noisy)),
    ];
    page.row(&panels, 3);
    let panels = [
        picture("Restored before", "D(y)", &outcome.before, fidelity(&outcome.before)),
        picture("Restored after", "D(y + d)", &outcome.after, fidelity(&outcome.after)),
        change("Difference", "D(y + d) − D(y)", &outcome.after.zip(&outcome.before, |after, before| after - before)),
    ];
    page.row(&panels, 3);
    page.chapter(settings.objective.title(), "root mean square of a value");
    let most = outcome.loss.last().copied().unwrap_or_default();
    for (label, value) in
        [("By the attack", most), ("By plain noise of that size", outcome.control), ("Without", outcome.without)]
    {
        page.figures(label, "", &[(significant(value as f32), false)]);
    }
    page.figures("‖D(y + d) − D(y)‖ / ‖d‖", "", &[(number(outcome.gain, 3), false)]);
    let exact = (!outcome.is_exact).then(|| "Products with the Jacobian were differences of the denoiser".to_owned());
    let notes: Vec<String> = exact.into_iter().collect();
    page.foot(&notes, vec![format!("computed on {}", model.device()), format!("{} steps", settings.steps)]);
    page.finish()
}
