//! At which scale a class was decided: both roads over the scales, and where in the picture the evidence lies.

use eframe::egui::{self, Ui, vec2};
use egui_plot::{Line, PlotPoints, Points};

use super::column;
use crate::gui::command::ExploreCommand;
use crate::gui::state::document::TileKind;
use crate::gui::view::caption::Caption;
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::panes::denoiser::grid;
use crate::gui::view::plot::{legend, levels, still};
use crate::gui::view::theme::{Tokens, space};
use crate::gui::view::tile;
use crate::gui::view::widgets::{self, dim, fact, named};
use crate::study::lab::{Estimate, Evidence};
use crate::study::level::of_255;
use crate::study::words::number;

/// Figures, curves and the map.
pub(super) fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.session.classes().len() < 2 {
        widgets::empty(ui, "There is evidence for a class where there are two or more.");
        return;
    }
    if cx.document.already_noisy {
        widgets::empty(ui, "Evidence is gained as noise is taken from a clean picture; this one has noise of its own.");
        return;
    }
    let Some(found) = cx.session.explore.evidence.as_ref().map(|found| found.value.clone()) else {
        widgets::empty(ui, "Noise of every level is put on the picture, four times each…");
        return;
    };
    let available = ui.available_size();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::SECTION;
        column(ui, available.y, "evidence", |ui| figures(ui, cx, &found));
        let rest = ui.available_size();
        let (_, side) = grid(0.45 * rest.x, rest.y, 1);
        let room = vec2((rest.x - side - 2.0 * space::SECTION).max(120.0), rest.y - space::GROUP);
        ui.vertical(|ui| curves(ui, cx, &found, room));
        let name = found.classes.get(cx.session.explore.evidence_of).map(|class| name(cx, class.class));
        let caption = Caption { name: name.map(|name| format!("Bits for {name}")), ..Caption::default() };
        tile::show(ui, cx, TileKind::EvidenceMap, vec2(side, side), &caption);
    });
}

fn name(cx: &Context<'_>, class: usize) -> String {
    cx.session.classes().get(class).cloned().unwrap_or_default()
}

/// Both roads to each class, and the gap.
fn figures(ui: &mut Ui, cx: &mut Context<'_>, found: &Evidence) {
    let bits = |e: Estimate| format!("{} ± {} bits", number(e.value, 1), number(e.standard_error, 1));
    for (index, class) in found.classes.iter().enumerate() {
        let name = name(cx, class.class);
        let response = ui.selectable_label(index == cx.session.explore.evidence_of, &name);
        named(&response, &format!("Evidence for {name}"));
        if response.explained("Show where in the picture its evidence lies").clicked() {
            cx.run(ExploreCommand::ChooseEvidence(index));
        }
        fact(ui, "Classifier", &bits(class.softmax)).explained("How much log₂ p(c | y) rises, dots");
        fact(ui, "Denoisers", &bits(class.denoisers))
            .explained("What the errors of D and D_c say, added up over the noise levels, lines");
        fact(ui, "Gap", &bits(class.gap)).explained("0 for a density");
        ui.add_space(space::TIGHT);
    }
    dim(ui, "Coarse scales are at the right. The map's values add up to the denoisers' road.");
}

/// What has come in from the largest noise level down to each.
fn curves(ui: &mut Ui, cx: &Context<'_>, found: &Evidence, size: egui::Vec2) {
    let tokens = Tokens::in_ui(ui);
    ui.set_width(size.x);
    let top = ui.cursor().top();
    let names: Vec<String> = found.classes.iter().map(|class| name(cx, class.class)).collect();
    let colours = found.classes.iter().map(|class| tokens.class(class.class));
    legend(ui, names.iter().map(String::as_str).zip(colours));
    dim(ui, "Lines by the denoisers, dots by the classifier");
    let above = ui.cursor().top() - top;
    let place = |sigma: f32| f64::from(sigma * 255.0).log10();
    let points = |values: &[f64]| -> PlotPoints<'static> {
        let pairs = found.sigmas.iter().zip(values).filter(|(_, v)| v.is_finite());
        pairs.map(|(&sigma, &v)| [place(sigma), v]).collect()
    };
    let plot = still(ui, "evidence by scale")
        .width(size.x)
        .height((size.y - above).max(60.0))
        .include_y(0.0)
        .x_grid_spacer(levels)
        .x_axis_formatter(|mark, _| of_255(10.0_f64.powf(mark.value) as f32 / 255.0))
        .x_axis_label("σ · 255")
        .y_axis_label("bits")
        .label_formatter(|_| None);
    let shown = plot.show(ui, |plot| {
        for (class, name) in found.classes.iter().zip(names) {
            let colour = tokens.class(class.class);
            plot.line(Line::new(name.clone(), points(&class.from_above)).color(colour).width(2.0));
            plot.points(Points::new(name, points(&class.softmax_from_above)).color(colour).radius(2.5));
        }
    });
    named(&shown.response, "Evidence by scale");
}
