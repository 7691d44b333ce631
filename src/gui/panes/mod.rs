//! The dockable panes and how they lie at first.

mod adversary;
mod beliefs;
mod card;
mod certificate;
mod classes;
mod curve;
mod denoiser;
mod evaluation;
mod form;
mod picture;
mod timeline;
mod training;

use eframe::egui::{self, Color32, FontId, Frame, Margin, Role, Sense, Stroke, Ui, WidgetInfo, WidgetText, pos2, vec2};
use egui_tiles::{Container, Linear, LinearDir, SimplificationOptions, TabState, TileId, Tiles, Tree, UiResponse};

use super::context::Context;
use super::theme::{Tokens, height, space, text};

/// A pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Pane {
    /// Clean, noisy, denoised and their differences.
    Denoiser,
    /// The denoiser under each class.
    Classes,
    /// What the model believes.
    Beliefs,
    /// Beliefs over σ.
    Curve,
    /// The attack.
    Adversary,
    /// What is proved about the picture.
    Certificate,
    /// The figures on a data set.
    Evaluation,
    /// The training run.
    Training,
    /// The picture as it is fitted, or drawn.
    Picture,
    /// The model's card.
    Model,
}

impl Pane {
    /// Every pane.
    pub const ALL: [Self; 10] = [
        Self::Denoiser,
        Self::Classes,
        Self::Adversary,
        Self::Certificate,
        Self::Evaluation,
        Self::Training,
        Self::Beliefs,
        Self::Curve,
        Self::Picture,
        Self::Model,
    ];

    /// Its title.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Denoiser => "Denoiser",
            Self::Classes => "Classes",
            Self::Beliefs => "Beliefs",
            Self::Curve => "Beliefs over σ",
            Self::Adversary => "Adversary",
            Self::Certificate => "Certificate",
            Self::Evaluation => "Evaluation",
            Self::Training => "Training",
            Self::Picture => "Picture",
            Self::Model => "Model",
        }
    }

    /// The name of the command that brings it to the front.
    #[must_use]
    pub fn show_label(self) -> &'static str {
        match self {
            Self::Denoiser => "Show denoiser",
            Self::Classes => "Show classes",
            Self::Beliefs => "Show beliefs",
            Self::Curve => "Show beliefs over σ",
            Self::Adversary => "Show adversary",
            Self::Certificate => "Show certificate",
            Self::Evaluation => "Show evaluation",
            Self::Training => "Show training",
            Self::Picture => "Show picture",
            Self::Model => "Show model",
        }
    }

    /// What it is for, in one sentence.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::Denoiser => "The clean and noisy picture, what the model restores, and the differences",
            Self::Classes => "What the model would restore if the picture were each class",
            Self::Beliefs => "How probable the model holds each class",
            Self::Curve => "How that changes with the noise level",
            Self::Adversary => "What would fool the model, step by step",
            Self::Certificate => "A radius within which no perturbation changes the smoothed class, by votes",
            Self::Training => "Train a model and watch it, or follow a run elsewhere",
            Self::Evaluation => "Accuracy, calibration, restoration and robustness on a whole data set",
            Self::Picture => "The part of the picture that the model sees; the sheet to draw on",
            Self::Model => "Where the model comes from and what it is",
        }
    }
}

/// How the panes lie at first: the pictures in the middle, beliefs at the right.
#[must_use]
pub fn default_layout() -> Tree<Pane> {
    let mut tiles = Tiles::default();
    let mut tabs = |panes: &[Pane]| {
        let ids = panes.iter().map(|&pane| tiles.insert_pane(pane)).collect();
        tiles.insert_tab_tile(ids)
    };
    let denoiser = tabs(&[Pane::Denoiser]);
    let below = tabs(&[Pane::Classes, Pane::Adversary, Pane::Certificate, Pane::Evaluation, Pane::Training]);
    let beliefs = tabs(&[Pane::Beliefs, Pane::Curve]);
    let details = tabs(&[Pane::Picture, Pane::Model]);
    let middle = linear(&mut tiles, LinearDir::Vertical, &[(denoiser, 0.4), (below, 0.6)]);
    let right = linear(&mut tiles, LinearDir::Vertical, &[(beliefs, 0.65), (details, 0.35)]);
    let root = linear(&mut tiles, LinearDir::Horizontal, &[(middle, 0.74), (right, 0.26)]);
    Tree::new(egui::Id::unique("panes"), root, tiles)
}

fn linear(tiles: &mut Tiles<Pane>, dir: LinearDir, children: &[(TileId, f32)]) -> TileId {
    let mut linear = Linear::new(dir, children.iter().map(|(id, _)| *id).collect());
    for (id, share) in children {
        linear.shares.set_share(*id, *share);
    }
    tiles.insert_container(Container::Linear(linear))
}

/// Shows the panes.
pub fn show(ui: &mut Ui, cx: &mut Context<'_>, layout: &mut Tree<Pane>) {
    cx.session.adversary_visible = false;
    cx.session.certifying.visible = false;
    cx.session.evaluation.visible = false;
    cx.session.training.visible = false;
    layout.ui(&mut Behavior { cx }, ui);
}

struct Behavior<'a, 'b> {
    cx: &'a mut Context<'b>,
}

impl egui_tiles::Behavior<Pane> for Behavior<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, pane: &mut Pane) -> UiResponse {
        let tokens = Tokens::in_ui(ui);
        ui.painter().rect_filled(ui.max_rect(), 0.0, tokens.surface);
        Frame::new().inner_margin(Margin::same(space::GROUP as i8)).show(ui, |ui| {
            ui.push_id(pane.title(), |ui| match pane {
                Pane::Denoiser => denoiser::show(ui, self.cx),
                Pane::Classes => classes::show(ui, self.cx),
                Pane::Beliefs => beliefs::show(ui, self.cx),
                Pane::Curve => curve::show(ui, self.cx),
                Pane::Adversary => {
                    self.cx.session.adversary_visible = true;
                    adversary::show(ui, self.cx);
                }
                Pane::Certificate => {
                    self.cx.session.certifying.visible = true;
                    certificate::show(ui, self.cx);
                }
                Pane::Evaluation => {
                    self.cx.session.evaluation.visible = true;
                    evaluation::show(ui, self.cx);
                }
                Pane::Training => {
                    self.cx.session.training.visible = true;
                    training::show(ui, self.cx);
                }
                Pane::Picture => picture::show(ui, self.cx),
                Pane::Model => card::show(ui, self.cx),
            });
            ui.take_available_space();
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> WidgetText {
        pane.title().into()
    }

    fn tab_ui(
        &mut self,
        tiles: &mut Tiles<Pane>,
        ui: &mut Ui,
        id: egui::Id,
        tile: TileId,
        state: &TabState,
    ) -> egui::Response {
        let tokens = Tokens::in_ui(ui);
        let title = tiles.get_pane(&tile).map_or("Panes", |pane| pane.title());
        let colour = if state.active { tokens.strong } else { tokens.dim };
        let galley = ui.painter().layout_no_wrap(title.to_owned(), FontId::proportional(text::BODY), colour);
        let size = vec2(galley.size().x + 2.0 * space::GROUP, ui.available_height());
        let (_, rect) = ui.allocate_space(size);
        let response = ui.interact(rect, id, Sense::click_and_drag());
        response.widget_info(|| WidgetInfo::selected(Role::Tab, true, state.active, title));
        if ui.is_rect_visible(rect) && !state.is_being_dragged {
            let colour = if response.hovered() { tokens.strong } else { colour };
            let at = pos2(rect.left() + space::GROUP, rect.center().y - galley.size().y / 2.0);
            ui.painter().galley_with_override_text_color(at, galley, colour);
            if state.active {
                let inset = rect.left() + space::GROUP..=rect.right() - space::GROUP;
                ui.painter().hline(inset, rect.bottom() - 1.0, Stroke::new(2.0, tokens.accent));
            }
        }
        self.on_tab_button(tiles, tile, response)
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        height::TABS
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        space::TIGHT
    }

    fn tab_bar_color(&self, visuals: &egui::Visuals) -> Color32 {
        visuals.panel_fill
    }

    fn tab_bar_hline_stroke(&self, visuals: &egui::Visuals) -> Stroke {
        visuals.widgets.noninteractive.bg_stroke
    }

    fn resize_stroke(&self, style: &egui::Style, state: egui_tiles::ResizeState) -> Stroke {
        match state {
            egui_tiles::ResizeState::Idle => Stroke::new(space::TIGHT, style.visuals.extreme_bg_color),
            egui_tiles::ResizeState::Hovering | egui_tiles::ResizeState::Dragging => {
                Stroke::new(2.0, style.visuals.selection.stroke.color)
            }
        }
    }

    fn min_size(&self) -> f32 {
        120.0
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..Default::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_layout_has_every_pane() {
        let layout = default_layout();
        for pane in Pane::ALL {
            assert!(layout.tiles.find_pane(&pane).is_some(), "{pane:?}");
        }
    }
}
