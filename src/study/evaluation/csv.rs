//! An evaluation as one table: a line a figure, for spreadsheets and plotting programs.

use super::Evaluation;
use super::attack_plan::aimed;
use crate::attack::Defence;
use crate::picture::decibels;
use crate::study::level;

/// Every figure as comma-separated values (RFC 4180): what was done, at which strength, which measure, the value; no value for
/// the infinite PSNR of identical pictures.
#[must_use]
pub fn table(evaluation: &Evaluation) -> String {
    let Evaluation { model, data, images, .. } = evaluation;
    let mut table = csv::WriterBuilder::new().from_writer(Vec::new());
    let mut write = |record: [&str; 8]| {
        // Writing to memory cannot fail, and every record has as many fields.
        let _ = table.write_record(record);
    };
    write(["model", "data", "images", "condition", "norm", "level", "measure", "value"]);
    let images = images.to_string();
    let mut line = |condition: &str, norm: &str, level: f64, measure: &str, value: f64| {
        let value = decibels::finite(value).map_or_else(String::new, |value| value.to_string());
        write([model, data, &images, condition, norm, &level.to_string(), measure, &value]);
    };
    for level in evaluation.by_sigma.iter().chain(&evaluation.by_noise) {
        let mut figures = vec![("accuracy".to_owned(), level.accuracy)];
        figures.extend(level.top5_accuracy.map(|share| ("top5_accuracy".to_owned(), share)));
        figures.push(("ece".to_owned(), level.ece));
        figures.extend(level.fidelity.named());
        figures.extend(level.log_density.map(|density| ("log_density".to_owned(), density)));
        for (measure, value) in figures {
            line(level.noise.name(), "", f64::from(level.sigma), &measure, value);
        }
    }
    for robust in &evaluation.robust {
        let norm = robust.norm.to_string();
        let method = aimed(robust.method.id(), robust.target);
        let condition = match robust.defence {
            Defence::None => method,
            defence => format!("{method} against {defence}"),
        };
        line(&condition, &norm, robust.epsilon, "clean_accuracy", robust.clean_accuracy);
        line(&condition, &norm, robust.epsilon, "robust_accuracy", robust.accuracy);
    }
    for certified in &evaluation.certified {
        let condition = format!("smoothing at {}", level::describe(certified.sigma));
        for share in &certified.by_radius {
            line(&condition, "l2", share.radius, "certified_accuracy", share.accuracy);
        }
        for share in &certified.by_attack {
            line(&condition, "l2", share.radius, "accuracy_no_attack_found", share.accuracy);
        }
    }
    for detection in &evaluation.ood {
        let condition = format!("{} against {}", detection.score.name(), detection.data);
        line(&condition, "", f64::from(detection.sigma), "auroc", detection.auroc);
        line(&condition, "", f64::from(detection.sigma), "fpr_at_95", detection.fpr_at_95);
    }
    String::from_utf8(table.into_inner().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::evaluation::{Examples, RobustFigures};

    #[test]
    fn the_table_comes_back_through_a_reader_whatever_is_in_its_fields() {
        let attack = RobustFigures {
            method: crate::attack::Method::Pgd,
            norm: crate::attack::Norm::Linf,
            epsilon: 0.1,
            parameters: std::collections::BTreeMap::new(),
            defence: Defence::None,
            target: crate::attack::Target::None,
            sigma: 0.1,
            accuracy: 0.25,
            clean_accuracy: f64::INFINITY,
            mean_achieved: None,
            warnings: Vec::new(),
        };
        let evaluation = Evaluation {
            model: "a, \"b\"".to_owned(),
            device: "cpu".to_owned(),
            data: "two\nlines".to_owned(),
            images: 3,
            classes: 10,
            seed: 0,
            by_sigma: Vec::new(),
            by_noise: Vec::new(),
            robust: vec![attack],
            certified: Vec::new(),
            ood: Vec::new(),
            examples: Examples::default(),
        };
        let text = table(&evaluation);
        let rows: Vec<csv::StringRecord> =
            csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect();
        let field = |row: usize, column: usize| rows[row].get(column).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((field(0, 0), field(0, 1), field(0, 3)), ("a, \"b\"", "two\nlines", "pgd"));
        assert_eq!((field(0, 6), field(0, 7)), ("clean_accuracy", ""), "what is infinite has no number");
        assert_eq!((field(1, 6), field(1, 7)), ("robust_accuracy", "0.25"));
    }
}
