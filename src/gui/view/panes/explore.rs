//! What the model knows of a picture: two kinds of doubt, what else it could be, filters, evidence, densities, an audit.

mod density;
mod drawn;
mod evidence;

use eframe::egui::{self, DragValue, Grid, ProgressBar, RichText, ScrollArea, Slider, SliderClamping, Ui, Vec2, vec2};

use super::denoiser::grid;
use super::{PaneInfo, Place};
use crate::gui::command::ExploreCommand;
use crate::gui::state::document::TileKind;
use crate::gui::state::explore::{Explore, Mode};
use crate::gui::state::pane::Pane;
use crate::gui::view::caption::{AROUND, Caption};
use crate::gui::view::context::Context;
use crate::gui::view::explain::Explain as _;
use crate::gui::view::plot::{Curve, lines};
use crate::gui::view::theme::{Tokens, space, text};
use crate::gui::view::tile;
use crate::gui::view::widgets::{self, dim, fact, named};
use crate::study::lab::{Components, Doubt, Estimate, RESIDUALS, Region};
use crate::study::level::of_255;
use crate::study::words::{number, percent, significant};

/// Width of the figures at the left.
const FIGURES: f32 = 224.0;

/// The pane.
pub const PANE: PaneInfo = PaneInfo {
    pane: Pane::EXPLORE,
    title: "Explore",
    hint: "Two kinds of doubt, what else it could be, filters, evidence, bits, draws, fills, and whether it is a density",
    place: Place::Below,
    classes: false,
    show,
};

/// The figures at the left of a mode, which scroll where they are higher than `height`.
fn column(ui: &mut Ui, height: f32, id: impl std::hash::Hash + std::fmt::Debug, figures: impl FnOnce(&mut Ui)) {
    crate::gui::view::column::column(ui, vec2(FIGURES, height), id, figures);
}

/// Shows the pane.
fn show(ui: &mut Ui, cx: &mut Context<'_>) {
    if cx.document.entry().is_none() {
        widgets::empty(ui, "Open a picture to explore what the model knows of it.");
        return;
    }
    let mode = cx.session.explore.mode;
    ui.horizontal(|ui| {
        let choices = Mode::ALL.map(|mode| (mode, mode.label(), mode.sentence()));
        if let Some(mode) = widgets::segments(ui, mode, &choices) {
            cx.run(ExploreCommand::Show(mode));
        }
        let pending = match mode {
            Mode::Doubt => cx.questions.doubt.is_pending(),
            Mode::Components => cx.questions.components.is_pending(),
            Mode::Filter => false,
            Mode::Evidence => cx.questions.evidence.is_pending(),
            Mode::Density => cx.questions.density.is_pending(),
            Mode::Audit => cx.questions.audit.is_pending(),
            Mode::Samples | Mode::Fill | Mode::Dial => cx.questions.draw.is_pending(),
        };
        let share = if mode.draws() { cx.session.explore.drawn.share } else { cx.session.explore.share };
        if pending {
            let bar = ProgressBar::new(share).desired_width(120.0).desired_height(8.0);
            named(&ui.add(bar), "Explored so far");
        }
    });
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::TIGHT;
        dim(ui, mode.sentence());
        let link = ui.link(RichText::new("Formula").size(text::SMALL));
        if link.explained(format!("docs/lab.md: {}", mode.heading())).clicked() {
            cx.run(ExploreCommand::Formula);
        }
    });
    ui.add_space(space::TIGHT);
    match mode {
        Mode::Evidence => return evidence::show(ui, cx),
        Mode::Density => return density::show(ui, cx),
        Mode::Audit => return audit(ui, cx),
        _ => {}
    }
    let available = ui.available_size();
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = space::SECTION;
        column(ui, available.y, ("explore", mode.label()), |ui| match mode {
            Mode::Doubt => doubt(ui, cx),
            Mode::Components => components(ui, cx),
            Mode::Samples | Mode::Fill | Mode::Dial => drawn::show(ui, cx, mode),
            _ => filter(ui, cx),
        });
        match mode {
            Mode::Doubt => tiles(ui, cx, &[TileKind::DoubtClasses, TileKind::DoubtDetails, TileKind::DoubtTotal]),
            Mode::Components => {
                let (kinds, found) = (
                    [TileKind::Denoised, TileKind::Walked, TileKind::Component],
                    cx.session.explore.components.as_ref().map(|found| found.value.clone()),
                );
                tiles_and(ui, cx, &kinds, |ui, size| {
                    if let Some(found) = found {
                        spectrum(ui, &found, size);
                    }
                });
            }
            Mode::Samples => drawn::counted(ui, cx),
            Mode::Fill | Mode::Dial => {
                let cells: Vec<_> = drawn::tiles(cx, mode).into_iter().map(Some).collect();
                cells_of(ui, cx, &cells, |_, _| ());
            }
            _ => tiles(ui, cx, &[TileKind::Noisy, TileKind::Denoised, TileKind::Filter]),
        }
    });
}

fn tiles(ui: &mut Ui, cx: &mut Context<'_>, kinds: &[TileKind]) {
    let cells: Vec<_> = kinds.iter().map(|kind| Some((*kind, Caption::default()))).collect();
    cells_of(ui, cx, &cells, |_, _| ());
}

/// Tiles, and something of a tile's size after them.
fn tiles_and(ui: &mut Ui, cx: &mut Context<'_>, kinds: &[TileKind], last: impl FnOnce(&mut Ui, Vec2)) {
    let cells: Vec<_> = kinds.iter().map(|kind| Some((*kind, Caption::default()))).chain([None]).collect();
    cells_of(ui, cx, &cells, last);
}

/// Tiles with their captions as large as all fit, and what is shown where there is none.
fn cells_of(
    ui: &mut Ui,
    cx: &mut Context<'_>,
    cells: &[Option<(TileKind, Caption)>],
    last: impl FnOnce(&mut Ui, Vec2),
) {
    let available = ui.available_size();
    let (columns, side) = grid(available.x, available.y, cells.len());
    let mut last = Some(last);
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing = vec2(space::GROUP, space::ITEM);
        for row in cells.chunks(columns) {
            ui.horizontal_top(|ui| {
                for cell in row {
                    if let Some((kind, caption)) = cell {
                        tile::show(ui, cx, *kind, vec2(side, side), caption);
                    } else if let Some(last) = last.take() {
                        let size = vec2(side, side + AROUND);
                        let column = egui::Layout::top_down(egui::Align::Min);
                        ui.allocate_ui_with_layout(size, column, |ui| {
                            ui.spacing_mut().item_spacing.y = space::TIGHT;
                            last(ui, size);
                        });
                    }
                }
            });
        }
    });
}

/// How much of the doubt each component holds.
fn spectrum(ui: &mut Ui, found: &Components, size: Vec2) {
    let points = found.list.iter().enumerate().map(|(index, c)| [(index + 1) as f64, c.eigenvalue]).collect();
    let curve = Curve { name: "λ", points, colour: Tokens::in_ui(ui).accent, dots: true };
    lines(ui, "Spectrum: λ of J", "component", Some((0.0, 1.0)), &[curve], [size.x, size.y]);
}

/// The figures of both kinds of doubt.
fn doubt(ui: &mut Ui, cx: &Context<'_>) {
    let Some(found) = cx.session.explore.doubt.as_ref().map(|doubt| doubt.value.clone()) else {
        dim(ui, "Which class? is there at once; which details? takes a product with J for every value.");
        return;
    };
    let Doubt { trace, squares, .. } = &*found;
    let [classes, details, total] = found.means();
    let deviation = |variance: f64| significant(variance.max(0.0).sqrt() as f32);
    fact(ui, "A pixel's deviation", &deviation(total)).explained("Root mean square, on the [0, 1] scale");
    if total > 0.0 {
        fact(ui, "Which class?", &percent(classes / total)).explained("Its share of the variance");
        fact(ui, "Which details?", &percent(details / total)).explained("Its share of the variance");
    }
    fact(ui, "tr J", &estimate(*trace)).explained("The expected squared error in units of σ², or a dimension");
    fact(ui, "Σλ²", &estimate(*squares)).explained("The effective dimension of Mohan et al.");
    let expected = -10.0 * total.max(f64::MIN_POSITIVE).log10();
    fact(ui, "PSNR expected", &format!("{} dB", number(expected, 1))).explained("From σ² tr J");
    if let Some(fidelity) = cx.session.answer.denoised_fidelity {
        fact(ui, "PSNR it is", &format!("{} dB", number(fidelity.psnr_db(), 1)));
    }
    fact(ui, "Identity's error", &format!("{:.0e}", found.identity_error))
        .explained("J against its two parts, along random directions");
    how(ui, found.is_exact);
}

/// Which component, how far along it, and where.
fn components(ui: &mut Ui, cx: &mut Context<'_>) {
    let mut walk = cx.session.explore.walk;
    let slider = Slider::new(&mut walk, -Explore::WALK..=Explore::WALK).clamping(SliderClamping::Always);
    let response = ui.add(slider.suffix(" σ√λ").max_decimals(1));
    named(&response, "How far along the component");
    if response.explained("How many standard deviations along the component").changed() {
        cx.run(ExploreCommand::Walk(walk));
    }
    region(ui, cx);
    ui.separator();
    let Some(found) = cx.session.explore.components.as_ref().map(|c| c.value.clone()) else { return };
    for (index, component) in found.list.iter().enumerate() {
        ui.horizontal(|ui| {
            let words = format!("{}   ±{}", index + 1, significant(component.deviation as f32));
            let chosen = index == cx.session.explore.chosen;
            let response = ui.selectable_label(chosen, words);
            named(&response, &format!("Component {}", index + 1));
            if response.explained("Its standard deviation, σ√λ, on the [0, 1] scale").clicked() {
                cx.run(ExploreCommand::Choose(index));
            }
            dim(ui, format!("λ {:.3}", component.eigenvalue))
                .explained("The share of σ² that is left in doubt along it");
        });
    }
    how(ui, found.is_exact);
}

/// The rectangle in which components are looked for.
fn region(ui: &mut Ui, cx: &mut Context<'_>) {
    let Some(shape) = cx.session.fitted.as_ref().map(|fitted| fitted.content.picture().shape()) else { return };
    let set = cx.session.explore.region;
    let mut region = set.unwrap_or(Region::whole(shape));
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = space::TIGHT;
        dim(ui, "region");
        for (value, most, name) in [
            (&mut region.x, shape.width - 1, "Column of the region"),
            (&mut region.y, shape.height - 1, "Row of the region"),
            (&mut region.width, shape.width, "Width of the region"),
            (&mut region.height, shape.height, "Height of the region"),
        ] {
            let least = usize::from(most == shape.width || most == shape.height);
            let response = ui.add(DragValue::new(value).range(least..=most).speed(0.2)).explained(name);
            named(&response, name);
        }
    });
    ui.horizontal(|ui| {
        if ui.add_enabled(set.is_some(), egui::Button::new("All of it")).explained("The whole picture").clicked() {
            cx.run(ExploreCommand::SetRegion(None));
        }
    });
    dim(ui, "Drag over the last two pictures to choose one.");
    if region != set.unwrap_or(Region::whole(shape)) {
        cx.run(ExploreCommand::SetRegion(Some(region)));
    }
}

/// The figures of the filter under the pointer.
fn filter(ui: &mut Ui, cx: &Context<'_>) {
    let Some(found) = cx.session.explore.filter.as_ref().map(|filter| filter.value.clone()) else { return };
    let (x, y) = found.pixel;
    fact(ui, "Pixel", &format!("{x}, {y}"));
    fact(ui, "Sum of the weights", &number(found.sum, 3)).explained("1 where a change of brightness passes whole");
    fact(ui, "Width", &format!("{} pixels", number(found.width, 2)))
        .explained("Root mean square distance from the pixel");
    dim(ui, "Move the pointer over a picture.");
    how(ui, found.is_exact);
}

fn how(ui: &mut Ui, is_exact: bool) {
    dim(ui, if is_exact { "Exact products with J." } else { "Products with J by differences of the denoiser." });
}

fn estimate(found: Estimate) -> String {
    let error =
        if found.standard_error > 0.0 { format!(" ± {}", number(found.standard_error, 1)) } else { String::new() };
    format!("{}{error}", number(found.value, 1))
}

/// A line a residual, a column a noise level.
fn audit(ui: &mut Ui, cx: &Context<'_>) {
    let levels = &cx.session.explore.audit;
    if levels.is_empty() {
        widgets::empty(ui, "Noise of five levels is put on the picture, four times each…");
        return;
    }
    let tokens = Tokens::in_ui(ui);
    ScrollArea::both().id_salt("audit").auto_shrink([false, false]).show(ui, |ui| {
        Grid::new("audit").striped(true).spacing(vec2(space::SECTION, space::TIGHT)).show(ui, |ui| {
            dim(ui, "σ");
            for level in levels {
                ui.label(RichText::new(format!("{}/255", of_255(level.sigma_used))).color(tokens.strong));
            }
            ui.end_row();
            for (index, residual) in RESIDUALS.iter().enumerate() {
                let hint = format!("0 for a density, up to {}; else {}.", residual.limit, residual.about);
                ui.label(residual.title).explained(hint);
                for level in levels {
                    let found = &level.residuals[index];
                    let colour = if found.severity() > 1.0 { tokens.bad } else { tokens.text };
                    let error = match found.standard_error {
                        0.0 => String::new(),
                        error => format!(" ± {}", significant(error as f32)),
                    };
                    let words = format!("{}{error}", significant(found.value as f32));
                    ui.label(RichText::new(words).color(colour));
                }
                ui.end_row();
            }
            ui.label(RichText::new("Health").color(tokens.strong))
                .explained("The worst residual in units of its limit, less two standard errors: up to 1 all is well");
            for level in levels {
                let health = level.health();
                let colour = if health > 1.0 { tokens.bad } else { tokens.good };
                ui.label(RichText::new(number(health, 2)).size(text::HEADING).color(colour));
            }
            ui.end_row();
        });
    });
}
