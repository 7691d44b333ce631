//! The dockable panes: what each is, in a table, and how they are shown.

mod adversary;
mod beliefs;
mod card;
mod certificate;
mod classes;
mod curve;
pub mod denoiser;
mod evaluation;
mod explore;
mod form;
pub mod layout;
mod photograph;
mod picture;
mod timeline;
mod training;
mod trials;
mod versus;

use eframe::egui::{
    self, Align, Color32, FontId, Frame, Layout, Margin, RichText, Role, Sense, Stroke, Ui, UiBuilder, WidgetInfo,
    WidgetText, pos2, vec2,
};
use egui_tiles::{SimplificationOptions, TabState, TileId, Tiles, Tree, UiResponse};

use super::command_button::command_button;
use super::context::Context;
use super::theme::{Tokens, height, is_low, space, text};
use super::widgets;
use crate::gui::command::WindowCommand;
use crate::gui::state::pane::Pane;
use crate::gui::state::tour::{Stop, Tour};

/// What a pane is.
pub struct PaneInfo {
    /// The name that saved layouts know it by.
    pub pane: Pane,
    /// Its title, on its tab.
    pub title: &'static str,
    /// What it is for, in one sentence.
    pub hint: &'static str,
    /// Where it lies at first.
    pub place: Place,
    /// It is about classes: a model of one class, a denoiser, has nothing to show there.
    pub classes: bool,
    /// Shows it.
    pub show: fn(&mut Ui, &mut Context<'_>),
}

/// A place in the first layout; panes of one place are tabs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the middle, above.
    Above,
    /// In the middle, below.
    Below,
    /// At the right, above.
    Beside,
    /// At the right, below.
    Details,
}

/// Every pane, in the order of menus and tabs.
pub static TABLE: [&PaneInfo; 14] = [
    &denoiser::PANE,
    &classes::PANE,
    &adversary::PANE,
    &trials::PANE,
    &certificate::PANE,
    &explore::PANE,
    &versus::PANE,
    &photograph::PANE,
    &evaluation::PANE,
    &training::PANE,
    &beliefs::PANE,
    &curve::PANE,
    &picture::PANE,
    &card::PANE,
];

impl PaneInfo {
    /// The name of the command that brings it to the front.
    #[must_use]
    pub fn show_label(&self) -> String {
        let mut letters = self.title.chars();
        let first: String = letters.next().into_iter().flat_map(char::to_lowercase).collect();
        format!("Show {first}{}", letters.as_str())
    }
}

/// What a pane is; nothing for a name that this version does not know.
#[must_use]
pub fn info(pane: &Pane) -> Option<&'static PaneInfo> {
    TABLE.into_iter().find(|info| info.pane == *pane)
}

fn title(pane: &Pane) -> &'static str {
    info(pane).map_or("", |info| info.title)
}

/// What is made of gradients alone: of a model without them there is nothing to show. Other panes leave out what they cannot.
const NEED_GRADIENTS: [Pane; 3] = [Pane::named("Classes"), Pane::EXPLORE, Pane::PHOTOGRAPH];

/// What stands in a pane about classes where the model has one only.
fn denoiser_only(ui: &mut Ui, _: &mut Context<'_>) {
    widgets::empty(
        ui,
        "This model is a denoiser: it has one class, so there is nothing to believe, to fool or to certify.",
    );
}

/// Shows the panes, or the one that stands in their place.
pub fn show(ui: &mut Ui, cx: &mut Context<'_>, layout: &mut Tree<Pane>) {
    cx.session.visible.clear();
    match cx.session.enlarged.clone() {
        Some(pane) => enlarged(ui, cx, &pane),
        None => layout.ui(&mut Behavior { cx }, ui),
    }
}

/// One pane with its title and the way back.
fn enlarged(ui: &mut Ui, cx: &mut Context<'_>, pane: &Pane) {
    let tokens = Tokens::in_ui(ui);
    let (head, rest) = ui.max_rect().split_top_bottom_at_y(ui.max_rect().top() + height::TABS);
    let line = UiBuilder::new().max_rect(head).layout(Layout::left_to_right(Align::Center));
    ui.scope_builder(line, |ui| {
        ui.add_space(space::GROUP);
        ui.label(RichText::new(title(pane)).color(tokens.strong));
        ui.add_space(space::GROUP);
        command_button(ui, cx, "All panes", WindowCommand::Enlarge(None));
        widgets::dim(ui, "or Escape");
    });
    ui.scope_builder(UiBuilder::new().max_rect(rest), |ui| body(ui, cx, pane));
}

/// What is in a pane.
fn body(ui: &mut Ui, cx: &mut Context<'_>, pane: &Pane) {
    let tokens = Tokens::in_ui(ui);
    // Not the title above it.
    let whole = ui.available_rect_before_wrap();
    ui.painter().rect_filled(whole, 0.0, tokens.surface);
    if ui.rect_contains_pointer(whole) {
        cx.session.pane_hovered = Some(pane.clone());
    }
    let across = space::GROUP as i8;
    let down = if is_low(ui.ctx()) { space::TIGHT as i8 } else { across };
    Frame::new().inner_margin(Margin::symmetric(across, down)).show(ui, |ui| {
        if let Some(stop) = Stop::ALL.into_iter().find(|stop| stop.pane().as_ref() == Some(pane)) {
            Tour::note(&mut cx.session.tour, stop, ui.max_rect());
        }
        if let Some(info) = info(pane) {
            if let Some(reason) = cx.session.blind().filter(|_| NEED_GRADIENTS.contains(&info.pane)) {
                // Nor is the model asked for it.
                widgets::empty(ui, &format!("Nothing is shown here: the model {reason}."));
            } else {
                cx.session.visible.push(info.pane.clone());
                let show = if info.classes && cx.session.classes().len() == 1 { denoiser_only } else { info.show };
                ui.push_id(info.title, |ui| show(ui, cx));
            }
        }
        ui.take_available_space();
    });
}

struct Behavior<'a, 'b> {
    cx: &'a mut Context<'b>,
}

impl egui_tiles::Behavior<Pane> for Behavior<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, pane: &mut Pane) -> UiResponse {
        body(ui, self.cx, pane);
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, pane: &Pane) -> WidgetText {
        title(pane).into()
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
        let title = tiles.get_pane(&tile).map_or("Panes", title);
        let colour = if state.active { tokens.strong } else { tokens.dim };
        let galley = ui.painter().layout_no_wrap(title.to_owned(), FontId::proportional(text::BODY), colour);
        let size = vec2(galley.size().x + 2.0 * space::GROUP, ui.available_height());
        let (_, rect) = ui.allocate_space(size);
        let response = ui.interact(rect, id, Sense::click_and_drag());
        // The tab of a pane that comes to the front comes into sight, where not all have room.
        let was = ui.data(|data| data.get_temp::<bool>(id)).unwrap_or(false);
        if state.active != was {
            ui.data_mut(|data| data.insert_temp(id, state.active));
            if state.active {
                ui.scroll_to_rect(rect, None);
            }
        }
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
        if response.double_clicked()
            && let Some(pane) = tiles.get_pane(&tile)
        {
            self.cx.run(WindowCommand::Enlarge(Some(pane.clone())));
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
    fn every_pane_that_others_name_is_in_the_table() {
        for pane in [
            Pane::ADVERSARY,
            Pane::TRIALS,
            Pane::CERTIFICATE,
            Pane::EXPLORE,
            Pane::VERSUS,
            Pane::EVALUATION,
            Pane::TRAINING,
            Pane::PICTURE,
        ] {
            assert!(info(&pane).is_some(), "{pane:?}");
        }
        for (index, one) in TABLE.iter().enumerate() {
            assert!(TABLE[..index].iter().all(|other| other.pane != one.pane && other.title != one.title));
        }
    }
}
