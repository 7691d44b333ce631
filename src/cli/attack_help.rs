//! The long help of `denoscope attack`: the registry of methods and presets, as it is.

use std::fmt::Write;

use crate::attack::{Kind, Method, Norm, Parameter, Preset};
use crate::study::level::typed;

/// Every method with its budgets and parameters, and every preset.
pub(super) fn registry() -> String {
    let mut text = String::from("Methods (parameters are set with --set NAME=VALUE):\n");
    for method in Method::ALL {
        let entry = method.description();
        let _ = write!(text, "\n  {}: {}\n      {}\n", entry.id, entry.about, entry.source);
        let budget = |(norm, epsilon): &(Norm, f64)| {
            if entry.minimal { norm.to_string() } else { format!("{norm} {}", typed(*epsilon)) }
        };
        let budgets: Vec<_> = entry.norms.iter().map(budget).collect();
        let what = if entry.minimal { "minimal in" } else { "budgets" };
        let _ = writeln!(text, "      {what}: {}", budgets.join(", "));
        for parameter in entry.parameters {
            let _ = writeln!(text, "      {}: {}", signature(parameter, entry.norms.len() > 1), parameter.help);
        }
    }
    text.push_str("\nPresets:\n\n");
    for preset in Preset::ALL {
        let note = if preset.note.is_empty() { String::new() } else { format!(" ({})", preset.note) };
        let _ = writeln!(text, "  {}: {}, {}{note}", preset.id, preset.source, preset.title);
    }
    text
}

/// `steps=10 (1 to 100000)`, with both defaults where they differ by norm.
fn signature(parameter: &Parameter, both: bool) -> String {
    let [linf, l2] = Norm::ALL.map(|norm| typed(parameter.default(norm)));
    let default = if both && linf != l2 { format!("{linf} in linf, {l2} in l2") } else { linf };
    match parameter.kind {
        Kind::Switch => format!("{}={default} (0 or 1)", parameter.name),
        _ => format!("{}={default} ({} to {})", parameter.name, parameter.min, parameter.max),
    }
}
