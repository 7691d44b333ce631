//! The audit's sheet: a line a residual, a column a noise level.

use image::RgbImage;

use super::page::{Head, Page};
use super::theme::Theme;
use crate::study::lab::{Audit, LevelAudit, RESIDUALS};
use crate::study::level;
use crate::study::words::{number, scientific, significant};

/// Draws the sheet of an audit.
#[must_use]
pub fn audit_sheet(audit: &Audit, theme: Theme) -> RgbImage {
    let mut page = Page::new(theme);
    let worst = audit.levels.iter().map(LevelAudit::health).fold(0.0, f64::max);
    let samples = audit.levels.first().map_or(0, |level| level.samples);
    let products =
        if audit.levels.iter().all(|level| level.is_exact) { "exact" } else { "differences of the denoiser" };
    page.head(&Head {
        title: "Is this a density?",
        verdict: [audit.model.name.clone(), if worst <= 1.0 { "as far as tried" } else { "not quite" }.to_owned()],
        line: format!("{}  ·  {samples} noisy ones a level", pictures(audit.pictures)),
        right: format!("products with J: {products}"),
    });
    let columns = |text: &dyn Fn(&LevelAudit) -> (String, bool)| audit.levels.iter().map(text).collect::<Vec<_>>();
    page.figures("σ", "", &columns(&|level| (level::describe(level.sigma_used), false)));
    for (index, residual) in RESIDUALS.iter().enumerate() {
        let cell = |level: &LevelAudit| {
            let found = &level.residuals[index];
            let error = if found.standard_error > 0.0 {
                format!(" ± {}", significant(found.standard_error as f32))
            } else {
                String::new()
            };
            (format!("{}{error}", small(found.value)), found.severity() > 1.0)
        };
        let quiet = format!("{}; up to {}", residual.formula, significant(residual.limit as f32));
        page.figures(residual.title, &quiet, &columns(&cell));
    }
    let smallest = |l: &LevelAudit| (number(l.smallest_eigenvalue, 4), false);
    page.figures("smallest eigenvalue", "of J, over all noisy pictures", &columns(&smallest));
    let trace = |l: &LevelAudit| (number(l.trace, 1), false);
    page.figures("tr J", "the expected squared error in units of σ²", &columns(&trace));
    let errors = |l: &LevelAudit| {
        (format!("{} / {}", significant(l.error as f32), significant(l.estimated_error as f32)), false)
    };
    let quiet = "‖x − D‖²/d as it is, and as Stein's formula estimates it from the noisy picture alone";
    page.figures("error", quiet, &columns(&errors));
    let health = |l: &LevelAudit| (number(l.health(), 2), l.health() > 1.0);
    let quiet = "the worst residual in units of its limit, less two standard errors: up to 1 all is well";
    page.figures("health", quiet, &columns(&health));
    page.foot(&[], vec![format!("computed on {}", audit.model.device)]);
    page.finish()
}

fn pictures(count: usize) -> String {
    if count == 1 { "one picture".to_owned() } else { format!("{count} pictures") }
}

fn small(value: f64) -> String {
    if value.abs() < 1e-3 { scientific(value) } else { significant(value as f32) }
}
