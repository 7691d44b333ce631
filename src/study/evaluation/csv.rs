//! An evaluation as one table: a line a figure, for spreadsheets and plotting programs.

use std::fmt::Write;

use super::Evaluation;
use crate::attack::Defence;
use crate::study::level;

/// Every figure as comma-separated values: what was done, at which strength, which measure, the value.
#[must_use]
pub fn table(evaluation: &Evaluation) -> String {
    let mut text = "model,data,images,condition,norm,level,measure,value\n".to_owned();
    let origin = format!("{},{},{}", quoted(&evaluation.model), quoted(&evaluation.data), evaluation.images);
    let mut line = |condition: &str, norm: &str, level: f64, measure: &str, value: f64| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{origin},{},{norm},{level},{measure},{value}", quoted(condition));
    };
    for level in evaluation.by_sigma.iter().chain(&evaluation.by_noise) {
        let figures = [
            ("accuracy", level.accuracy),
            ("ece", level.ece),
            ("psnr_db_noisy", level.psnr_db.noisy),
            ("psnr_db_denoised", level.psnr_db.denoised),
            ("psnr_db_given_class", level.psnr_db.given_class),
            ("ssim_noisy", level.ssim_noisy),
            ("ssim", level.ssim),
            ("log_density", level.log_density),
        ];
        for (measure, value) in figures {
            line(level.noise.name(), "", f64::from(level.sigma), measure, value);
        }
    }
    for robust in &evaluation.robust {
        let norm = robust.norm.to_string();
        let condition = match robust.defence {
            Defence::None => robust.method.id().to_owned(),
            defence => format!("{} against {defence}", robust.method.id()),
        };
        line(&condition, &norm, robust.epsilon, "clean_accuracy", robust.clean_accuracy);
        line(&condition, &norm, robust.epsilon, "robust_accuracy", robust.accuracy);
    }
    for certified in &evaluation.certified {
        let condition = format!("smoothing at {}", level::describe(certified.sigma));
        for share in &certified.by_radius {
            line(&condition, "l2", share.radius, "certified_accuracy", share.accuracy);
        }
    }
    for detection in &evaluation.ood {
        let condition = format!("{} against {}", detection.score.name(), detection.data);
        line(&condition, "", f64::from(detection.sigma), "auroc", detection.auroc);
        line(&condition, "", f64::from(detection.sigma), "fpr_at_95", detection.fpr_at_95);
    }
    text
}

/// A field, in quotes where it needs them (RFC 4180).
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_that_need_quotes_have_them() {
        assert_eq!(quoted("plain name"), "plain name");
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
    }
}
